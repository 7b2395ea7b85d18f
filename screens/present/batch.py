"""A batch plan as it is read: a line for each target, then what all of them mean together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len

from app.faults import Fault
from app.model import Plan, PlanWarning, cautions, costs
from screens.present import approval, plans
from screens.present.amounts import count, plural, size
from screens.present.cells import Line, Span, columns, share, wrap
from screens.present.durations import rough, short_time
from screens.present.look import Look
from screens.present.plan_steps import RANK, account_name, effect_span
from screens.present.shelf import AccountKey

if TYPE_CHECKING:
    from screens.plan.targets import BatchTarget

_LABEL = 14  # cells before a fact
_SPARE = 105  # percent of the bytes that need room: what stands beside the images is small
_WIDE, _WIDEST = 110, 150
_KIND, _ROUTE, _SIZE, _EFFECT, _TIME, _WARNED, _COST = 8, 8, 9, 9, 9, 5, 20
_MARKS = {
    "waits": ("idle", "dim"),
    "planning": ("wait", "wait"),
    "planned": ("dot", "dim"),
    "refused": ("failed", "bad"),
    "started": ("done", "done"),
}


@dataclass(frozen=True, slots=True)
class Draft:
    """One target of a batch and what has come of it: a ``plan`` under its ``digest``, a ``fault``, or, once it was
    approved, the id of its ``acquisition``."""

    target: BatchTarget
    state: Literal["waits", "planning", "planned", "refused", "started"] = "waits"
    plan: Plan | None = None
    digest: str = ""
    space: str = ""
    fault: Fault | None = None
    acquisition: str = ""

    @property
    def native(self) -> str:
        """The cloud's own id of the target."""
        return self.target.target.rpartition(":")[2]

    @property
    def account(self) -> AccountKey:
        """Cloud and id of the account that it is in."""
        cloud, _, rest = self.target.target.partition(":")
        return cloud, rest.partition(":")[0]


def planned(drafts: Sequence[Draft]) -> list[tuple[Draft, Plan]]:
    """Those that can be approved, each with its plan."""
    return [(one, one.plan) for one in drafts if one.state == "planned" and one.plan is not None]


# A line for each


def header(width: int, look: Look) -> Line:
    """The column titles."""
    titles = [(title, "head") for title in ("target", "kind", "route", "reads", "effect", "time", "warns", "cost")]
    return _columns("", titles, ("account", "head"), ("id", "head"), width, look)


def target_line(one: Draft, names: Mapping[AccountKey, str], width: int, look: Look) -> Line:
    """Name, kind, route, bytes, gravest effect, time, warnings and cost; or why there is no plan."""
    glyph, tone = _MARKS[one.state]
    mark = getattr(look, glyph)
    crumb = look.clean(one.target.crumb)
    account = look.clean(names.get(one.account) or one.account[1])
    if one.state == "planned" and one.plan is not None:
        plan = one.plan
        grave = len(cautions.dangers(plan))
        warned = grave + len(cautions.notes(plan))
        parts: list[Span] = [
            (crumb, "strong"),
            (one.target.kind, ""),
            (plan.route.upper(), "accent"),
            (size(plan.estimate.bytes) if plan.estimate.bytes else look.none, ""),
            effect_span(approval.worst_effect([plan]), look),
            (short_time(plan.estimate.seconds), ""),
            (f"{look.warn} {warned}" if grave else str(warned) if warned else "", "need" if grave else "dim"),
            (costs.brief(plan.estimate.cost) if plan.estimate.cost else look.none, ""),
        ]
        return _columns(mark, parts, (account, "dim"), (look.clean(one.native), "dim"), width, look, tone)
    if one.state == "refused":
        said = look.clean(one.fault.message if one.fault else "", 600)
        text, tail = f"{_outcome(one)}: {said}", "bad"
    else:
        started = f"started as {look.clean(one.acquisition, 24)}"
        text = {"planning": "planning", "started": started}.get(one.state, "waits to be planned")
        tail = tone
    before = _sizes(width)[0]  # the columns stand under their titles, as far as they are said
    rest = max(8, width - 3 - before - _KIND - 2)
    shown = columns(
        [(((crumb, "strong"),), before), (((one.target.kind, ""),), _KIND), (((text, tail),), rest)], look
    )
    return ((f" {mark} ", tone), *shown)


def _columns(
    mark: str, parts: Sequence[Span], account: Span, native: Span, width: int, look: Look, tone: str = ""
) -> Line:
    name, cost, where, ident = _sizes(width)
    sizes = [name, _KIND, _ROUTE, _SIZE, _EFFECT, _TIME, _WARNED, cost, where, ident]
    return (
        (f" {mark or ' '} ", tone),
        *columns([((span,), room) for span, room in zip((*parts, account, native), sizes, strict=True)], look),
    )


def _sizes(width: int) -> tuple[int, int, int, int]:
    """Cells of the name, the cost, the account and the id; the last three are 0 where there is no room."""
    fixed = [_KIND, _ROUTE, _SIZE, _EFFECT, _TIME, _WARNED]
    if width < _WIDE:
        return share(width - 3, fixed, [1])[0], 0, 0, 0
    cost = _COST if width >= _WIDEST else 0
    name, where, ident = share(width - 3, [*fixed, cost] if cost else fixed, [4, 3, 4])
    return name, cost, where, ident


# All of them together


def together(
    drafts: Sequence[Draft],
    names: Mapping[AccountKey, str],
    evidence_dir: str,
    free: int | None,
    width: int,
    look: Look,
) -> list[Line]:
    """Dangers, totals, what is refused and why, notes. ``free`` are the bytes that the evidence volume has left,
    None where that cannot be told."""
    good = planned(drafts)
    out = _cautions(good, cautions.dangers, "need", width, look)
    for volume, crumbs in doubled(good):
        twice = f"it would be acquired {'twice' if len(crumbs) == 2 else f'{len(crumbs)} times'}"
        text = f"{volume} is in the plans of {_listed(crumbs)}: {twice}, unless one is left out"
        out += _marked(look.clean(text, 600), look.warn, "need", width)

    def fact(label: str, text: str, tone: str = "") -> None:
        for row, piece in enumerate(wrap(text, max(20, width - _LABEL))):
            out.append(((f" {label if row == 0 else '':<{_LABEL - 1}}", "head"), (piece, tone)))

    failed = [one for one in drafts if one.state == "refused"]
    parts = [plural(len(good), "plan") + " to approve"]
    if failed:
        parts.append(f"{without(failed)}, not part of the approval")
    fact("targets", f" {look.dot} ".join(parts))
    if good:
        for label, text, tone in _totals([plan for _, plan in good], names, evidence_dir, free, look):
            fact(label, text, tone)
    if failed:
        out.append(())
    for one in failed:
        lead = f"{look.clean(one.target.crumb)}, {_outcome(one)}"
        out += _marked(f"{lead}: {_why(one, look)}", look.failed, "bad", width)
    light = _cautions(good, cautions.notes, "dim", width, look)
    return [*out, (), *light] if light else out


def without(failed: Sequence[Draft]) -> str:
    """``2 refused``, or another word for those that came to nothing; "" for none."""
    if not failed:
        return ""
    words = {_outcome(one) for one in failed}
    approved = any(one.plan is not None for one in failed)
    mixed = "without an acquisition" if approved else "without a plan"
    return f"{len(failed)} {words.pop() if len(words) == 1 else mixed}"


def _outcome(one: Draft) -> str:
    """What became of one that came to nothing."""
    if one.fault is None or plans.is_refusal(one.fault):
        return "refused"
    if one.plan is None:
        return "not planned"
    return "not known" if plans.unanswered(one.fault) else "not started"


def warned(drafts: Sequence[Draft]) -> tuple[int, int]:
    """How many different dangers and notes there are."""
    good = planned(drafts)
    return len(_grouped(good, cautions.dangers)) + len(doubled(good)), len(_grouped(good, cautions.notes))


def doubled(good: Sequence[tuple[Draft, Plan]]) -> list[tuple[str, list[str]]]:
    """Disks that more than one plan is about, each with the targets concerned."""
    found: dict[str, list[str]] = {}
    for one, plan in good:
        for volume in sorted(plan.volumes):
            found.setdefault(volume, []).append(one.target.crumb)
    return [(volume, crumbs) for volume, crumbs in found.items() if len(crumbs) > 1]


def _totals(
    found: Sequence[Plan], names: Mapping[AccountKey, str], evidence_dir: str, free: int | None, look: Look
) -> list[tuple[str, str, str]]:
    """(label, text, tone) of each fact."""
    read = sum(plan.estimate.bytes for plan in found)
    kept, passing = made(found)
    makes = f"{plural(kept + passing, 'snapshot or copy', 'snapshots and copies')}"
    if passing:
        makes += f", {count(passing)} of them for transport alone and deleted again"
    longest, total = max(plan.estimate.seconds for plan in found), sum(plan.estimate.seconds for plan in found)
    time = f"{look.approx} {rough(longest)}"
    if len(found) > 1:
        time += f" for the longest, side by side {look.dot} {look.approx} {rough(total)} one after another"
    leases = [lease for plan in found for lease in plan.leases]
    renewals = sum(lease.renewals for lease in leases)
    beside = f", renewed {look.plain(f'{renewals}×')} beside the work" if renewals else ""
    out = [
        ("reads", f"at most {size(read)}" if read else "no disk", ""),
        ("makes", makes, ""),
        ("estimate", time, ""),
    ]
    cost = costs.together(found)
    if cost is not None:
        out.append(("cost", plans.spoken(costs.in_words(cost), look), ""))
    for row, text in enumerate(_accounts(found, names, look)):
        out.append(("accounts" if row == 0 else "", text, ""))
    out.append(("leases", plural(len(leases), "lease") + beside, ""))
    for note in dict.fromkeys(lease.note for lease in leases if lease.note):
        out.append(("", look.clean(note, 600), "wait"))
    return [*out, _room(found, evidence_dir, free, look)]


def made(found: Sequence[Plan]) -> tuple[int, int]:
    """How many snapshots and copies the plans make: those that are kept, and those that are taken back."""
    kept = passing = 0
    for plan in found:
        back = {step.undoes for step in plan.steps if step.undoes}
        for step in plan.steps:
            if step.kind == "act" and step.effect == "collect" and not step.undoes:
                disks = step.params.get("volume_ids")
                number = len(disks) if isinstance(disks, list) and disks else 1
                kept, passing = (kept, passing + number) if step.id in back else (kept + number, passing)
    return kept, passing


def _accounts(found: Sequence[Plan], names: Mapping[AccountKey, str], look: Look) -> list[str]:
    """Each account with the roles that are assumed there, and the effects that each may have."""
    roles: dict[tuple[str, str], set[str]] = {}
    for plan in found:
        for lease in plan.leases:
            key = (account_name(plan, lease.account, names, look), lease.role.rpartition("/")[2] or lease.role)
            roles.setdefault(key, set()).add(lease.effect)
    return [
        f"{account} as {look.clean(role, 80)} ({', '.join(sorted(effects, key=lambda one: RANK.get(one, 0)))})"
        for (account, role), effects in roles.items()
    ]


def _room(found: Sequence[Plan], evidence_dir: str, free: int | None, look: Look) -> tuple[str, str, str]:
    images = sum(plan.image_bytes for plan in found)
    if not images:
        return "room", "nothing is downloaded: no room is needed here", ""
    need, where = images * _SPARE // 100, look.clean(evidence_dir, 200)
    text = f"needs at most {size(need)}, 5 % to spare included"
    if free is None:
        return "room", f"{text} {look.dot} how much is free in {where} cannot be told", "wait"
    text += f" {look.dot} {size(free)} free in {where}"
    if free >= need:
        return "room", text, ""
    return "room", f"{text}: it may not fit if every block is in use; blocks never written cost no space", "need"


def _why(one: Draft, look: Look) -> str:
    """The reason of a refusal and what to do about it, whole."""
    if one.fault is None:
        return "no reason was given"
    said = look.clean(one.fault.message, 2000).rstrip(".")
    return f"{said} {look.arrow} {look.clean(one.fault.next, 2000)}" if one.fault.next else said


_Pick = Callable[[Plan], list[PlanWarning]]


def _grouped(good: Sequence[tuple[Draft, Plan]], pick: _Pick) -> dict[str, list[str]]:
    """Each different sentence with the targets that it concerns."""
    found: dict[str, list[str]] = {}
    for one, plan in good:
        for text in dict.fromkeys(warning.text for warning in pick(plan)):
            found.setdefault(text, []).append(one.target.crumb)
    return found


def _cautions(good: Sequence[tuple[Draft, Plan]], pick: _Pick, tone: str, width: int, look: Look) -> list[Line]:
    """A paragraph for those whom the same sentences concern."""
    found: dict[tuple[str, ...], list[str]] = {}
    for text, crumbs in _grouped(good, pick).items():
        found.setdefault(tuple(crumbs), []).append(look.clean(text, 600).rstrip("."))
    out: list[Line] = []
    for concerned, texts in found.items():
        said = "; ".join(texts)
        if len(good) > 1:
            every = len(concerned) == len(good)
            whom = f"all {len(good)}" if every else _listed([look.clean(one) for one in concerned])
            said = f"{whom}: {said}"
        out += _marked(said, look.warn if tone == "need" else look.dot, tone, width)
    return out


def _marked(text: str, mark: str, tone: str, width: int) -> list[Line]:
    pieces = enumerate(wrap(text, max(20, width - 4)))
    return [((f" {mark if row == 0 else ' ' * cell_len(mark)} {piece}", tone),) for row, piece in pieces]


def _listed(crumbs: Sequence[str]) -> str:
    return crumbs[0] if len(crumbs) == 1 else f"{', '.join(crumbs[:-1])} and {crumbs[-1]}"


# What is in the way


def too_many(count: int, most: int, key: str) -> list[Span]:
    """Why nothing is planned, and what to do; ``key`` leaves a target out."""
    return [
        (f"{count} targets are more than one batch takes: {most} at most.", "need"),
        (
            f"Nothing was planned. Leave out {count - most} with {key}, or go back and mark fewer: an instance "
            "instead of each of its disks, or one account after the other.",
            "",
        ),
    ]


def led(lead: str, message: str) -> str:
    """A message after what it means, unless it says so itself."""
    return message if message.lower().startswith(lead.lower()) else f"{lead}: {message}"


def news(said: Sequence[Span], width: int, look: Look) -> list[Line]:
    """Each text whole, marked where it has a tone; then an empty line."""
    out: list[Line] = []
    for text, tone in said:
        out += _marked(look.clean(text, 2000), look.warn if tone else " ", tone, width)
    return [*out, ()] if out else []


# Before it is approved


def happens(drafts: Sequence[Draft], word: str, names: Mapping[AccountKey, str], look: Look) -> list[str]:
    """What approving means: every target with the bytes that it reads at most, what all cost, then every kind of
    call beyond observing and collecting."""
    good = planned(drafts)
    failed = [one for one in drafts if one.state == "refused"]
    lead = f"{plural(len(good), 'plan')} {'is' if len(good) == 1 else 'are'} approved at once"
    if failed:
        lead += f"; {without(failed)}, not part of it"
    ways = [
        f"in {account_name(plan, plan.target.account, names, look)}, route {plan.route.upper()}, "
        f"{approval.worst_effect([plan])}"
        for _, plan in good
    ]
    alike = len(good) > 1 and len(set(ways)) == 1  # said once: the targets shall be seen at a glance
    out = [f"{lead}. All are {ways[0]}." if alike else f"{lead}."]
    for (one, plan), way in zip(good, ways, strict=True):
        reads = size(plan.estimate.bytes) if plan.estimate.bytes else "reads no disk"
        what = f"{plan.kind} {look.clean(one.target.crumb)} ({look.clean(plan.target.id)}), {reads}"
        out.append(what if alike else f"{what}, {way}")
    cost = costs.together([plan for _, plan in good])
    if cost is not None:
        out.append(approval.paid(cost, look))
    calls: dict[tuple[str, str, str], list[int]] = {}
    for place, (_, plan) in enumerate(good):
        for step in plan.steps:
            if RANK[step.effect] > RANK["collect"]:
                where = account_name(plan, step.account, names, look)
                calls.setdefault((step.effect, look.clean(step.call), where), []).append(place)
    for (kind, call, where), places in calls.items():
        number = len(set(places))
        out.append(f"{kind}: {call} in {where}, {plural(len(places), 'step')} of {plural(number, 'plan')}")
    return [*out, approval.undone(word, len(good))]
