"""The plan as it is read before anything is started."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size

from app.faults import AgentGone, Denied, Fault, Refused, Usage
from app.model import LeaseSpec, Plan, cautions, costs
from screens.present.amounts import count, plural, size
from screens.present.cells import Line, Span, cells, spread, wrap
from screens.present.durations import rough
from screens.present.look import Look
from screens.present.plan_steps import RANK, account_name, effect_span, numbers, step_lines, table
from screens.present.shelf import AccountKey

_POLICY_LINE = 4096  # a policy has 2,048 characters; escaped it may have a few more
_LABEL = 14  # cells before a fact
POLICY_CAP = 2048
"""Characters that AWS accepts as a session policy (sts:AssumeRole, parameter Policy)."""
UNKNOWN = "not known whether it was started"
NOT_STARTED = "not started"


def page(
    plan: Plan,
    names: Mapping[AccountKey, str],
    space: str,
    evidence_dir: str,
    width: int,
    look: Look,
    policies: str,
) -> list[Line]:
    """The whole plan: target and route, every step, and what it needs. ``policies`` is the key that shows them."""
    return [
        *head(plan, names, width, look),
        (),
        *step_lines(plan, names, width, look),
        (),
        *facts(plan, names, space, evidence_dir, width, look, policies),
    ]


def is_refusal(fault: Fault) -> bool:
    """Whether something was looked at and said no; else it could not be looked at, and may work another time."""
    return isinstance(fault, Refused | Denied | Usage)


def unanswered(fault: Fault) -> bool:
    """Whether an order that ended in this may have been carried out: no answer, or none that can be read."""
    return type(fault) is Fault or isinstance(fault, AgentGone)


def outcome(fault: Fault) -> str:
    """What such an end of an order to start means."""
    return UNKNOWN if unanswered(fault) else NOT_STARTED


def no_plan(fault: Fault) -> str:
    """Why there is no plan, in a word or two."""
    return "refused" if is_refusal(fault) else "not planned"


def refused(fault: Fault, width: int, look: Look, came: str = "") -> list[Line]:
    """Why there is no plan, what to do, and that nothing was changed; every word of it. ``came`` is what
    :func:`outcome` says where a plan was approved."""
    out: list[Line] = [(), ((f" {look.failed} {came or no_plan(fault)}", "bad"),)]
    out += [((f"   {piece}", ""),) for piece in wrap(look.clean(fault.message, 2000), width - 4)]
    if fault.next:
        out += [(), ((f" {look.arrow} what to do", "head"),)]
        out += [((f"   {piece}", ""),) for piece in wrap(look.clean(fault.next, 2000), width - 4)]
    if came == UNKNOWN:
        said = "It is looked up as soon as the agent answers, and told here. Do not approve it again before."
        out += [(), *(((f"   {piece}", "need"),) for piece in wrap(said, width - 4))]
    else:
        out += [(), (("   Nothing was changed in any cloud.", "dim"),)]
    if fault.request_id:
        out.append(((f"   request id {look.clean(fault.request_id)}", "dim"),))
    return out


def lock_days(plan: Plan) -> int:
    """For how long the plan keeps its snapshot from being deleted, in days; 0 where it does not."""
    found = [step.params.get("days") for step in plan.steps if step.op == "snapshot.lock"]
    return max((days for days in found if isinstance(days, int)), default=0)


def head(plan: Plan, names: Mapping[AccountKey, str], width: int, look: Look) -> list[Line]:
    """Target and route, with the reason for the route in words, and the lock."""
    target = plan.target
    name = target.attached_to or target.name
    what = f"{look.clean(name)}, {size(target.size_bytes)}" if name else size(target.size_bytes)
    disks = len(plan.volumes)
    if plan.kind == "instance" and disks:
        what += f" on {plural(disks, 'disk')}"
    where = f"in {account_name(plan, target.account, names, look)} {look.dot} {look.clean(target.region)}"
    subject: Line = ((f" acquire {plan.kind} ", ""), (look.clean(target.id), "strong"), (f" ({what})", ""))
    notes = _counted(plan, look)
    whole: Line = (*subject, (f" {where}", "dim"))
    if cells(whole) + cells(notes) < width:
        out: list[Line] = [spread(whole, notes, width, look)]
    elif cells(subject) + cells(notes) < width:
        out = [spread(subject, notes, width, look)]
        out += [((f"   {piece}", "dim"),) for piece in wrap(where, width - 3)]
    else:
        out = [((f" acquire {plan.kind} ", ""), (look.clean(target.id), "strong"), ("  ", ""), *notes)]
        out += [((f"   {piece}", "dim"),) for piece in wrap(f"{what}, {where}", width - 3)]
    for row, piece in enumerate(wrap(f"because {look.clean(plan.why, 600)}", max(20, width - 16))):
        lead: Line = ((" route ", ""), (f"{plan.route.upper():<9}", "accent")) if row == 0 else ((" " * 16, ""),)
        out.append((*lead, (piece, "")))
    days = lock_days(plan)
    if days:
        what = "what stays in the cloud cannot be deleted before, except by who may unlock it"
        for row, piece in enumerate(wrap(what, max(20, width - 16))):
            lead = ((" lock  ", ""), (f"{f'{count(days)} DAYS':<9}", "need")) if row == 0 else ((" " * 16, ""),)
            out.append((*lead, (piece, "")))
    for warning in cautions.dangers(plan):
        for row, piece in enumerate(wrap(look.clean(warning.text, 600), max(20, width - 4))):
            out.append(((f" {look.warn if row == 0 else ' '} {piece}", "need"),))
    return out


def _counted(plan: Plan, look: Look) -> Line:
    """``▲ 3 dangers · 6 notes``: the dangers stand under the route, the notes at the end."""
    grave, light = len(cautions.dangers(plan)), len(cautions.notes(plan))
    noted = plural(light, "note") if light else ""
    if not grave:
        return ((noted, "dim"),) if noted else ()
    out: Line = ((f"{look.warn} {plural(grave, 'danger')}", "need"),)
    return (*out, (f" {look.dot} {noted}", "dim")) if noted else out


def facts(
    plan: Plan,
    names: Mapping[AccountKey, str],
    space: str,
    evidence_dir: str,
    width: int,
    look: Look,
    policies: str,
) -> list[Line]:
    """Permissions, clocks, leases, estimate, cost, what it ends in, room and notes."""
    out: list[Line] = []

    def fact(label: str, text: str, tone: str = "") -> None:
        for row, piece in enumerate(wrap(text, max(20, width - _LABEL))):
            out.append(((f" {label if row == 0 else '':<{_LABEL - 1}}", "head"), (piece, tone)))

    actions = {action for step in plan.steps for need in step.permissions for action in need.actions}
    resources = {one for step in plan.steps for need in step.permissions for one in need.resources}
    asked = f"{plural(len(actions), 'action')} on {plural(len(resources), 'resource')}"
    fact("permissions", f"{asked} {look.dot} {policies} shows the policies")
    if plan.leases:
        fact("clocks", _clocks(plan.leases, look))
        for note in dict.fromkeys(lease.note for lease in plan.leases if lease.note):
            fact("", look.clean(note, 600), "wait")
        for row, line in enumerate(_leases(plan, names, max(20, width - _LABEL), look)):
            out.append(((f" {'leases' if row == 0 else '':<{_LABEL - 1}}", "head"), *line))
    reads = f"reads at most {size(plan.estimate.bytes)}" if plan.estimate.bytes else "reads no disk"
    fact("estimate", f"{look.approx} {rough(plan.estimate.seconds)} {look.dot} {reads}")
    if plan.estimate.cost is not None:
        fact("cost", spoken(costs.in_words(plan.estimate.cost), look))
    fact("ends in", _ends_in(plan, look))
    if space:
        fact("room", look.clean(space, 300))
    elif evidence_dir and plan.items:
        fact("evidence to", look.clean(evidence_dir, 300))
    for place, warning in enumerate(cautions.notes(plan)):
        fact("notes" if place == 0 else "", look.clean(warning.text, 600), "dim")
    return out


def spoken(parts: Sequence[str], look: Look) -> str:
    """What :mod:`app.model.costs` says, on one line."""
    return f" {look.dot} ".join(look.clean(part, 600) for part in parts)


def _clocks(leases: Sequence[LeaseSpec], look: Look) -> str:
    """How long leases last, and how often they are renewed by the estimate."""
    shortest, longest = min(one.seconds for one in leases), max(one.seconds for one in leases)
    lasts = f"{_minutes(shortest)} min" if shortest == longest else f"{_minutes(shortest)}-{_minutes(longest)} min"
    renewals = sum(one.renewals for one in leases)
    renewed = f"renewed {_times(renewals, look)} beside the work" if renewals else "no renewal needed"
    each = "lease" if len(leases) == 1 else f"{len(leases)} leases of"
    return f"{each} {lasts} {look.dot} {renewed}"


def _leases(plan: Plan, names: Mapping[AccountKey, str], width: int, look: Look) -> list[Line]:
    """A row for each lease: where, for what, how long, how often renewed, how long its policy is."""
    rows: list[list[Span]] = []
    for lease in plan.leases:
        long = "need" if lease.policy_bytes > POLICY_CAP else ""
        rows.append(
            [
                (account_name(plan, lease.account, names, look), long),
                effect_span(lease.effect, look),
                (f"{_minutes(lease.seconds)} min", ""),
                (f"renews {_times(lease.renewals, look)}" if lease.renewals else look.none, "dim"),
                (f"{count(lease.policy_bytes)} of {count(POLICY_CAP)} bytes", long or "dim"),
                (f"steps {numbers([_place(plan, step) for step in lease.steps], look)}", "dim"),
            ]
        )
    short = [row[:-1] for row in rows]
    return table(rows, width, look) or table(short, width, look, " ") or _joined(short, width, look)


def _joined(rows: Sequence[Sequence[Span]], width: int, look: Look) -> list[Line]:
    """Each row as one wrapped line, where columns do not fit."""
    texts = [(f" {look.dot} ".join(text for text, _ in row), row[0][1]) for row in rows]
    return [((piece, tone),) for text, tone in texts for piece in wrap(text, width)]


def _place(plan: Plan, step: str) -> int:
    """The number under which a step is shown; 0 where there is none of that id."""
    return next((place for place, one in enumerate(plan.steps, 1) if one.id == step), 0)


def _minutes(seconds: int) -> str:
    return str(seconds // 60) if seconds % 60 == 0 else f"{seconds / 60:.1f}"


def _times(number: int, look: Look) -> str:
    return look.plain(f"{number}×")


def _ends_in(plan: Plan, look: Look) -> str:
    """The evidence items that come of it."""
    disks = [item for item in plan.items if item.shape is not None]
    parts = []
    if disks:
        parts.append(f"{plural(len(disks), 'disk image')}, {size(plan.image_bytes)}")
    if len(disks) < len(plan.items):
        parts.append(f"{plural(len(plan.items) - len(disks), 'set')} of files that describe the instance")
    if not disks:
        parts.append("snapshots that are kept; no disk is downloaded")
    return f" {look.dot} ".join(parts)


def policies(plan: Plan, names: Mapping[AccountKey, str], width: int, look: Look) -> list[Line]:
    """Each lease's session policy, pretty-printed; long lines go on indented."""
    out: list[Line] = []
    for lease in plan.leases:
        whose = f"{account_name(plan, lease.account, names, look)} {look.dot} {lease.effect}"
        out.extend(((piece, "strong"),) for piece in wrap(whose, width))
        out.append(((f"{count(lease.policy_bytes)} of {count(POLICY_CAP)} bytes", "dim"),))
        out.extend(((piece, "dim"),) for piece in _broken(look.clean(lease.role, _POLICY_LINE), width))
        try:
            text = json.dumps(json.loads(lease.policy), indent=2, ensure_ascii=False)
        except ValueError:
            text = lease.policy
        for piece in text.split("\n"):
            out.extend(((shown, ""),) for shown in _broken(look.clean(piece, _POLICY_LINE), width))
        out.append(())
    return out or [(("This plan needs no credential.", "dim"),)]


def _broken(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` cells, its indentation kept; ARNs break between their parts."""
    pad = " " * min(len(text) - len(text.lstrip(" ")), width // 2)
    rest = text.lstrip(" ")
    out: list[str] = []
    while cell_len(rest) > (room := max(8, width - cell_len(pad))):
        fits = set_cell_size(rest, room).rstrip(" ")
        ends = max(fits.rfind(sign) for sign in "/:, ") + 1
        cut = ends if ends > len(fits) // 4 else max(1, len(fits))
        out.append(pad + rest[:cut])
        rest = rest[cut:]
        if len(out) == 1:
            pad += "  "
    return [*out, pad + rest]


def effects_in_words(plan: Plan, names: Mapping[AccountKey, str], look: Look) -> list[str]:
    """What will happen in the clouds beyond observing and collecting: a sentence for each call and account."""
    found: dict[tuple[str, str, str, bool], list[int]] = {}
    for number, step in enumerate(plan.steps, 1):
        if RANK[step.effect] > RANK["collect"]:
            found.setdefault((step.effect, step.call, step.account, bool(step.undoes)), []).append(number)
    out: list[str] = []
    for (effect, call, account, _), places in found.items():
        what = look.clean(plan.steps[places[0] - 1].title)
        if len(places) > 1:
            what += f" and {len(places) - 1} more like it"
        where = account_name(plan, account, names, look)
        steps = f"{'step' if len(places) == 1 else 'steps'} {numbers(places, look)}"
        out.append(f"{effect}: {what} ({look.clean(call)} in {where}, {steps})")
    return out
