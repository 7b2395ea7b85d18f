"""The plan as it is read before anything is started."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size

from app.model import Plan
from screens.present.amounts import count, plural, size
from screens.present.cells import Line, Span, cells, columns, share, spread, wrap
from screens.present.durations import rough
from screens.present.look import Look
from screens.present.shelf import AccountKey

_POLICY_LINE = 4096  # a policy has 2,048 characters; escaped it may have a few more
_RANK = {"observe": 0, "collect": 1, "share": 2, "modify": 3, "destroy": 4}
_TONES = {"observe": "dim", "collect": "", "share": "wait", "modify": "need", "destroy": "bad"}
POLICY_CAP = 2048
"""Characters that AWS accepts as a session policy (sts:AssumeRole, parameter Policy)."""


def worst_effect(plan: Plan) -> str:
    """The gravest effect among the steps: what the confirmation is graded by."""
    return max((step.effect for step in plan.steps), key=_RANK.__getitem__, default="observe")


def needs_word(plan: Plan) -> str:
    """The word to type before approval (``SHARE``), "" where Enter on Approve is enough."""
    effect = worst_effect(plan)
    return effect.upper() if _RANK[effect] > _RANK["collect"] else ""


def head(plan: Plan, names: Mapping[AccountKey, str], width: int, look: Look) -> list[Line]:
    """Target and route, with the reason for the route in words."""
    target = plan.target
    name = target.attached_to or target.name
    what = f"{look.clean(name)}, {size(target.size_bytes)}" if name else size(target.size_bytes)
    label = look.clean(target.account_name or names.get((target.cloud, target.account)) or target.account)
    where = f"in {label} {look.dot} {look.clean(target.region)}"
    subject: Line = ((f" acquire {plan.kind} ", ""), (look.clean(target.id), "strong"), (f" ({what})", ""))
    notes: Line = ()
    if plan.warnings:
        notes = ((f"{look.warn} {plural(len(plan.warnings), 'note')}", "need"),)
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
    return out


def step_lines(plan: Plan, names: Mapping[AccountKey, str], width: int, look: Look) -> list[Line]:
    """A header and each step. No text is cut: a long one goes on in its column, and on a narrow screen call and
    undo stand under the title."""
    wide = width >= 104
    runs = 16 if wide else 13
    if wide:
        title, call, undo = share(width - 1, [2, 8, runs], [5, 4, 4])
        sizes = [2, title, call, 8, runs, undo]
        titles = ["#", "step", "call", "effect", "runs as", "undo"]
    else:
        sizes = [2, *share(width - 1, [2, 8, runs], [1]), 8, runs]
        titles = ["#", "step", "effect", "runs as"]
    out = _row([(title, "head") for title in titles], sizes, look)
    for number, step in enumerate(plan.steps, 1):
        where = (
            "jump host"
            if not step.account or step.call.startswith("local:")
            else _account(plan, step.account, names, look)
        )
        called, back = look.clean(step.call), look.clean(step.undo)
        first: list[Span] = [(f"{number:>2}", "dim"), (look.clean(step.title), "")]
        last: list[Span] = [(look.clean(step.effect), _TONES.get(step.effect, "")), (where, "")]
        if wide:
            out += _row([*first, (called, "dim"), *last, (back or look.none, "dim")], sizes, look)
            continue
        out += _row([*first, *last], sizes, look)
        under = f"{called} {look.dot} undo: {back}" if back else called
        for text in (under,) if cell_len(under) <= width - 4 else (called, f"undo: {back}"):
            out += [((f"    {piece}", "dim"),) for piece in wrap(text, width - 4)]
    return out


def _row(parts: Sequence[Span], sizes: Sequence[int], look: Look) -> list[Line]:
    """Columns side by side, each wrapped into its width."""
    pieces = [
        [text] if cell_len(text) <= room else wrap(text, room)
        for (text, _), room in zip(parts, sizes, strict=True)
    ]
    out: list[Line] = []
    for row in range(max(len(one) for one in pieces)):
        line = [
            (((one[row] if row < len(one) else "", tone),), room)
            for one, (_, tone), room in zip(pieces, parts, sizes, strict=True)
        ]
        out.append(((" ", ""), *columns(line, look)))
    return out


def _account(plan: Plan, account: str, names: Mapping[AccountKey, str], look: Look) -> str:
    return look.clean(names.get((plan.target.cloud, account)) or account)


def facts(
    plan: Plan, names: Mapping[AccountKey, str], space: str, evidence_dir: str, width: int, look: Look
) -> list[Line]:
    """Permissions, clocks, estimate, room and warnings."""
    actions = {action for step in plan.steps for need in step.permissions for action in need.actions}
    resources = {one for step in plan.steps for need in step.permissions for one in need.resources}
    out: list[Line] = []

    def fact(label: str, text: str, tone: str = "") -> None:
        for row, piece in enumerate(wrap(text, max(20, width - 14))):
            out.append(((f" {label if row == 0 else '':<13}", "head"), (piece, tone)))

    asked = (
        f"{plural(len(actions), 'action')} on {plural(len(resources), 'resource')} {look.dot} P shows the policies"
    )
    fact("permissions", asked)
    for lease in plan.leases:
        renew = f"renews {lease.renewals}{'×' if not look.ascii else 'x'}" if lease.renewals else "no renewal"
        where = _account(plan, lease.account, names, look)
        steps = plural(len(lease.steps), "step")
        fact(
            "lease",
            f"{where} {look.dot} {lease.effect} {look.dot} {steps} {look.dot} {lease.seconds // 60} min, {renew} "
            f"{look.dot} policy {count(lease.policy_bytes)} of {count(POLICY_CAP)} bytes",
            "need" if lease.policy_bytes > POLICY_CAP else "",
        )
    estimate = f"{rough(plan.estimate.seconds)} {look.dot} reads at most {size(plan.estimate.bytes)}"
    fact("estimate", f"{look.approx} {estimate}")
    if space:
        fact("room", look.clean(space, 300))
    elif evidence_dir and plan.route != "preserve":
        fact("evidence to", look.clean(evidence_dir, 300))
    for warning in plan.warnings:
        for row, piece in enumerate(wrap(look.clean(warning.text, 600), max(20, width - 4))):
            out.append(((f" {look.warn if row == 0 else ' '} {piece}", "need"),))
    return out


def policies(plan: Plan, names: Mapping[AccountKey, str], width: int, look: Look) -> list[Line]:
    """Each lease's session policy, pretty-printed; long lines go on indented."""
    out: list[Line] = []
    for lease in plan.leases:
        whose = f"{_account(plan, lease.account, names, look)} {look.dot} {lease.effect}"
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


def effects_in_words(plan: Plan, look: Look) -> list[str]:
    """What will happen in the clouds, one sentence per step that is more than observing."""
    return [
        f"{step.effect}: {look.clean(step.title)} ({look.clean(step.call)})"
        for step in plan.steps
        if _RANK[step.effect] > _RANK["collect"]
    ]
