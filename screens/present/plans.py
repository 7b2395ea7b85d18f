"""The plan as it is read before anything is started."""

from __future__ import annotations

import json
from collections.abc import Mapping

from app.model import Plan
from screens.present.amounts import count, plural, size
from screens.present.cells import Line, Span, columns, share, wrap
from screens.present.durations import rough
from screens.present.look import Look
from screens.present.shelf import AccountKey

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
    out: list[Line] = [
        (
            (f" acquire {plan.kind} ", ""),
            (look.clean(target.id), "strong"),
            (f" ({what})", ""),
            (f" in {label} {look.dot} {look.clean(target.region)}", "dim"),
        )
    ]
    for row, piece in enumerate(wrap(f"because {look.clean(plan.why, 600)}", max(20, width - 16))):
        lead: Line = ((" route ", ""), (f"{plan.route.upper():<9}", "accent")) if row == 0 else ((" " * 16, ""),)
        out.append((*lead, (piece, "")))
    return out


def step_lines(plan: Plan, names: Mapping[AccountKey, str], width: int, look: Look) -> list[Line]:
    """A header and one line per step; a narrow screen shows title and call on two lines."""
    wide = width >= 104
    account = 16 if wide else 13
    fixed = [2, 8, account]
    parts = share(width - 2, fixed, [5, 4, 4] if wide else [5, 3])
    title, call, undo = parts if wide else (parts[0], 0, parts[1])

    def line(number: Span, name: Span, called: Span, effect: Span, runs: Span, back: Span) -> Line:
        row = columns(
            [
                ((number,), 2),
                ((name,), title),
                ((called,), call),
                ((effect,), 8),
                ((runs,), account),
                ((back,), undo),
            ],
            look,
        )
        return ((" ", ""), *row)

    def title_of(text: str) -> Span:
        return text, "head"

    out = [line(*(title_of(text) for text in ("#", "step", "call", "effect", "runs as", "undo")))]
    for number, step in enumerate(plan.steps, 1):
        runs = (
            "jump host"
            if not step.account or step.call.startswith("local:")
            else _account(plan, step.account, names, look)
        )
        out.append(
            line(
                (f"{number:>2}", "dim"),
                (look.clean(step.title), ""),
                (look.clean(step.call), "dim"),
                (look.clean(step.effect), _TONES.get(step.effect, "")),
                (runs, ""),
                (look.clean(step.undo) or look.none, "dim"),
            )
        )
        if not wide:
            out.append((("    ", ""), (look.clean(step.call), "dim")))
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


def policies(plan: Plan, names: Mapping[AccountKey, str], look: Look) -> list[Line]:
    """Each lease's session policy, pretty-printed."""
    out: list[Line] = []
    for lease in plan.leases:
        out.append(
            (
                (f"{_account(plan, lease.account, names, look)} {look.dot} {lease.effect}", "strong"),
                (f"  {count(lease.policy_bytes)} of {count(POLICY_CAP)} bytes", "dim"),
            )
        )
        out.append(((look.clean(lease.role), "dim"),))
        try:
            text = json.dumps(json.loads(lease.policy), indent=2, ensure_ascii=False)
        except ValueError:
            text = lease.policy
        out.extend(((look.clean(piece, 1000), ""),) for piece in text.split("\n"))
        out.append(())
    return out or [(("This plan needs no credential.", "dim"),)]


def effects_in_words(plan: Plan, look: Look) -> list[str]:
    """What will happen in the clouds, one sentence per step that is more than observing."""
    return [
        f"{step.effect}: {look.clean(step.title)} ({look.clean(step.call)})"
        for step in plan.steps
        if _RANK[step.effect] > _RANK["collect"]
    ]
