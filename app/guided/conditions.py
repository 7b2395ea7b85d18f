"""When a step counts as done: a closed list of conditions over what the case and the screens show.

A condition is written ``name key=value …``, e.g. ``acquisition_ended kind=instance state=done``. What happened
before the run, or, where a step asks for an act of its own, before the step was the present one, does not count. A
step that an examiner says is to do again is closed by such an act alone, after that, or by an examiner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from app.clock import parse_stamp
from app.guided.spelling import nearest
from app.model import Acquisition, EvidenceItem
from app.model.numbering import number
from app.model.view import CaseSnapshot, GuideRun

_KINDS = ("disk", "instance")
_ROUTES = ("direct", "copy", "preserve")
_KMS = ("default", "customer", "none")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; ``terms`` narrow it down."""

    name: str
    terms: Mapping[str, str]


class Sight(NamedTuple):
    """Something that a person opened or saw in this session. ``kind`` and ``target`` name the resource where there
    is one; ``at`` is the time (UTC), ``kms`` under which kind of key a disk is encrypted ("none" for no key)."""

    what: Literal["resource", "plan", "refused", "verified", "tampered"]
    at: datetime
    kind: str = ""
    target: str = ""
    eligible: bool = False
    route: str = ""
    kms: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in this session of the screens, which ``began`` then."""

    began: datetime
    sights: tuple[Sight, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What a condition is judged by. ``run`` is None outside a run, where only the case's state can be judged;
    ``subject`` are the ids of what the run is about: its target, the disks of an instance, the instance of a disk;
    None while it has no target, when everything counts."""

    snapshot: CaseSnapshot
    seen: Seen
    run: GuideRun | None = None
    subject: frozenset[str] | None = None


class Rule(NamedTuple):
    """``terms`` are the keys and values that it takes; ``state``: it is about the case as it is, not about what
    was done in a run, and may be a precondition. ``words`` say it in plain English. ``told_by``: whether the agent
    knows it from its own record, whether only the screens do, or whether the record may contradict the screens.
    ``anew``: it asks for an act that can be seen once more, in a step that is to do again; what is not so stays as
    true as it was, and would take back at once what the examiner says."""

    judge: Callable[[Condition, View], bool]
    words: str
    terms: Mapping[str, tuple[str, ...]]
    state: bool
    told_by: Literal["record", "screens", "both"]
    anew: bool = False


class Unknown(ValueError):
    """Not a condition; the message says what is wrong, ``hint`` what is known."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def parse(text: str) -> Condition:
    """The condition that ``text`` names; :class:`Unknown` otherwise."""
    name, *rest = text.split() or [""]
    rule = RULES.get(name)
    if not name:
        raise Unknown("it names no condition", nearest(name, RULES))
    if rule is None:
        raise Unknown(f"there is no condition {name}", nearest(name, RULES))
    terms: dict[str, str] = {}
    for term in rest:
        key, sep, value = term.partition("=")
        if key not in rule.terms:
            raise Unknown(f"{name} takes no {key}", nearest(key, rule.terms))
        if key in terms:
            raise Unknown(f"{name} has {key} twice", "give it once")
        if not sep or value not in rule.terms[key]:
            raise Unknown(f"{key}={value} is not known to {name}", nearest(value, rule.terms[key]))
        terms[key] = value
    return Condition(name, terms)


def met(condition: Condition, view: View) -> bool:
    """Whether it holds now, in a run for its present step. A condition about a run does not hold outside one."""
    rule = RULES[condition.name]
    if view.run is None:
        return rule.state and rule.judge(condition, view)
    return (rule.anew or not reopened(view.run)) and rule.judge(condition, view)


def present(run: GuideRun) -> int | None:
    """The position of the step that is to be done now, None when the run is finished or abandoned."""
    if run.abandoned:
        return None
    return next((place for place, step in enumerate(run.steps) if step.state == "todo"), None)


def reopened(run: GuideRun) -> bool:
    """Whether an examiner says that the present step is to do again."""
    place = present(run)
    return place is not None and run.steps[place].reopened


def since(run: GuideRun) -> datetime | None:
    """When the present step became that: at the newest record of a step, else at the start."""
    times = [found for text in (run.started, *(step.at for step in run.steps)) if (found := _time(text))]
    return max(times, default=None)


def ident(target: str) -> str:
    """The id in ``cloud:account:id``, or in what is an id already."""
    parts = target.split(":", 2)
    return parts[2] if len(parts) == 3 else target


# -- what each one asks -----------------------------------------------------------------------------------


def _time(text: str) -> datetime | None:
    try:
        return parse_stamp(text)
    except ValueError:
        return None


def _accounts_seen(condition: Condition, view: View) -> bool:
    return any(account.reachable is not None for account in view.snapshot.accounts)


def _resources_seen(condition: Condition, view: View) -> bool:
    return any(scan.state == "done" for scan in view.snapshot.scans)


def _eligible_seen(condition: Condition, view: View) -> bool:
    return view.snapshot.inventory.eligible > 0


def _sights(condition: Condition, view: View, what: str, *, own: bool, ours: bool = True) -> Iterator[Sight]:
    """Sights in this run (``own``: since the step became the present one) that fit the terms. ``ours``: of what
    the run is about."""
    assert view.run is not None
    begin = since(view.run) if own else _time(view.run.started)
    subject = view.subject if ours else None
    for sight in view.seen.sights:
        if sight.what != what or (begin is not None and sight.at < begin):
            continue
        if subject is not None and sight.target and ident(sight.target) not in subject:
            continue
        if condition.terms.get("kind", sight.kind) != sight.kind:
            continue
        if condition.terms.get("route", sight.route) != sight.route:
            continue
        if condition.terms.get("kms", sight.kms) != sight.kms:
            continue
        if condition.terms.get("eligible", "yes" if sight.eligible else "no") != (
            "yes" if sight.eligible else "no"
        ):
            continue
        yield sight


def _pages(condition: Condition, view: View) -> Iterator[Sight]:
    """A page that was opened on the way to the step counts too, unless the step is to do again."""
    return _sights(condition, view, "resource", own=view.run is not None and reopened(view.run))


def _resource_opened(condition: Condition, view: View) -> bool:
    return any(_pages(condition, view))


def opened(condition: Condition, view: View) -> str:
    """The target that satisfies a ``resource_opened``, "" if none does."""
    return next((sight.target for sight in _pages(condition, view)), "")


def _plan_opened(condition: Condition, view: View) -> bool:
    return any(_sights(condition, view, "plan", own=True))


def _refused_untagged(condition: Condition, view: View) -> bool:
    return any(_sights(condition, view, "refused", own=True, ours=False))


def _verified(condition: Condition, view: View) -> bool:
    return any(_sights(condition, view, "verified", own=True))


def _tampering_seen(condition: Condition, view: View) -> bool:
    return any(_sights(condition, view, "tampered", own=True))


def _armed(condition: Condition, view: View) -> bool:
    return view.snapshot.agent.armed_until is not None


def _disarmed(condition: Condition, view: View) -> bool:
    return view.snapshot.agent.armed_until is None


def _of_run(view: View) -> list[Acquisition]:
    """The acquisitions that were approved after the run began, of what it is about."""
    assert view.run is not None
    after, subject = view.run.after, view.subject
    return [
        one
        for one in view.snapshot.acquisitions
        if number(one.id) > after and (subject is None or ident(one.target) in subject)
    ]


def _fitting(condition: Condition, view: View) -> list[Acquisition]:
    terms = condition.terms
    return [
        one
        for one in _of_run(view)
        if terms.get("kind", one.kind) == one.kind and terms.get("route", one.route) == one.route
    ]


def _acquisition_started(condition: Condition, view: View) -> bool:
    return bool(_fitting(condition, view))


def _acquisition_ended(condition: Condition, view: View) -> bool:
    state = condition.terms.get("state", "done")
    return any(one.state == state for one in _fitting(condition, view))


def _preserved(condition: Condition, view: View) -> bool:
    return any(one.state == "done" and one.route == "preserve" for one in _fitting(condition, view))


def _items(condition: Condition, view: View) -> list[EvidenceItem]:
    mine = {one.id for one in _of_run(view)}
    kind = condition.terms.get("kind")
    return [one for one in view.snapshot.items if one.acquisition in mine and kind in (None, one.kind)]


def _item_sealed(condition: Condition, view: View) -> bool:
    return bool(_items(condition, view))


def unsealed(view: View) -> list[str]:
    """Ids of the disks that acquisitions of the run take, kept in the cloud or downloaded, and of which it has no
    sealed image; those of what was cancelled aside."""
    return sorted(_taken(view) - _imaged(view))


def _taken(view: View) -> set[str]:
    return {disk for one in _of_run(view) if one.state != "cancelled" for disk in one.volumes}


def _imaged(view: View) -> set[str]:
    assert view.run is not None
    after = view.run.after
    return {
        item.source for item in view.snapshot.items if item.kind == "disk" and number(item.acquisition) > after
    }


def _disks_sealed(condition: Condition, view: View) -> bool:
    return bool(_taken(view)) and not unsealed(view)


def _evidence_checked(condition: Condition, view: View) -> bool:
    assert view.run is not None
    begin = since(view.run)
    if begin is not None and not reopened(view.run):
        begin = begin.replace(microsecond=0)  # checks end at whole seconds
    mine = None if view.subject is None else {one.id for one in _items(condition, view)}
    for check in view.snapshot.checks:
        ended = _time(check.ended or "")
        late = begin is None or (ended is not None and ended >= begin)
        if check.state == "ok" and late and (mine is None or check.item in mine):
            return True
    return False


def _terminal_left_and_back(condition: Condition, view: View) -> bool:
    assert view.run is not None
    begin = since(view.run)
    return begin is not None and begin < view.seen.began


def _by_hand(condition: Condition, view: View) -> bool:
    return False


RULES: dict[str, Rule] = {
    "accounts_seen": Rule(
        _accounts_seen, "an account was asked whether its role may be assumed", {}, True, "record"
    ),
    "resources_seen": Rule(_resources_seen, "an inventory has come in", {}, True, "screens"),
    "eligible_seen": Rule(
        _eligible_seen, "the inventory shows something that is tagged for forensics", {}, True, "screens"
    ),
    "armed": Rule(_armed, "the write window is open", {}, True, "record"),
    "disarmed": Rule(_disarmed, "the case is read-only", {}, True, "record"),
    "resource_opened": Rule(
        _resource_opened,
        "its page was opened",
        {"kind": _KINDS, "eligible": ("yes", "no"), "kms": _KMS},
        False,
        "screens",
        anew=True,
    ),
    "plan_opened": Rule(
        _plan_opened, "its plan was on the screen", {"kind": _KINDS, "route": _ROUTES}, False, "screens", anew=True
    ),
    "refused_untagged": Rule(
        _refused_untagged,
        "a plan was refused for want of the forensics tag",
        {"kind": _KINDS},
        False,
        "screens",
        anew=True,
    ),
    "acquisition_started": Rule(
        _acquisition_started,
        "its acquisition was started",
        {"kind": _KINDS, "route": _ROUTES},
        False,
        "record",
    ),
    "acquisition_ended": Rule(
        _acquisition_ended,
        "its acquisition has ended",
        {"kind": _KINDS, "route": _ROUTES, "state": ("done", "failed", "cancelled")},
        False,
        "record",
    ),
    "preserved": Rule(_preserved, "a snapshot of it is kept in the cloud", {"kind": _KINDS}, False, "record"),
    "item_sealed": Rule(
        _item_sealed, "an evidence item of it is sealed", {"kind": ("disk", "config")}, False, "record"
    ),
    "disks_sealed": Rule(_disks_sealed, "an image of every disk that it took is sealed", {}, False, "record"),
    "evidence_checked": Rule(
        _evidence_checked, "a sealed item was read again and agrees", {}, False, "record", anew=True
    ),
    "verified": Rule(_verified, "the record and all evidence were verified", {}, False, "record", anew=True),
    "tampering_seen": Rule(_tampering_seen, "the page on tampering was seen", {}, False, "screens", anew=True),
    "terminal_left_and_back": Rule(
        _terminal_left_and_back, "the screens were left and opened again", {}, False, "both", anew=True
    ),
    "by_hand": Rule(_by_hand, "an examiner records it", {}, False, "screens"),
}
"""Every condition that a playbook may name."""
