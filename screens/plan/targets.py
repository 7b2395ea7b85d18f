"""From marks to what is planned: disks one by one, or an instance where all of it is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from app.client.inventory import Held
from app.model import AccountKey, Resource
from screens.present.amounts import plural
from screens.present.ids import target
from screens.present.look import Look
from screens.present.resources import title_of


@dataclass(frozen=True, slots=True)
class BatchTarget:
    """One plan of a batch. ``target`` names it for the agent (``cloud:account:id``), ``crumb`` for a person;
    ``why`` says in a sentence why it is planned as this. ``crumb`` and ``why`` are harmless already."""

    kind: Literal["disk", "instance"]
    target: str
    crumb: str
    why: str


_Key = tuple[str, str, str, str, str]
_KINDS = {"disk": "volume", "volume": "volume", "instance": "instance"}


def parse_target(text: str) -> tuple[str | None, str, AccountKey | None]:
    """What was typed for a target (``disk vol-1``, ``web-01``, ``aws:222222222222:vol-1``) as the kind of resource
    that it has to be, its id or name, and its account; None where that is not said."""
    first, _, rest = text.strip().partition(" ")
    kind = _KINDS.get(first.lower()) if rest else None
    name = (rest if kind else text).strip()
    cloud, _, more = name.partition(":")
    if cloud not in ("aws", "azure", "gcp") or ":" not in more:
        return kind, name, None
    owner, _, ident = more.rpartition(":")
    return kind, ident, (cloud, owner)


def batch_targets(marked: Sequence[Resource], held: Iterable[Held], look: Look) -> tuple[BatchTarget, ...]:
    """The targets that stand for these marks, in the order of the marks.

    ``held`` are the instances that are marked or hold a marked disk. A marked instance covers its disks. When all
    disks of an instance are marked, two at least, and the instance may be acquired, it stands for them: the disks
    of one instance are snapshotted at one point in time, disks of their own are not. What may not be acquired, and
    what is neither a disk nor an instance, is left out.
    """
    keys = {_key(one) for one in marked}
    whole: dict[_Key, Held] = {}  # by the key of the instance, and of each disk that it covers
    part: dict[_Key, Held] = {}
    for group in held:
        inside = [_key(disk) for disk in group.disks]
        all_marked = len(inside) > 1 and keys.issuperset(inside)
        own = _key(group.instance)
        if group.instance.eligible and (own in keys or all_marked):
            whole |= dict.fromkeys([own, *inside], group)
        else:
            part |= dict.fromkeys(inside, group)
    out: list[BatchTarget] = []
    covered: set[_Key] = set()
    for one in marked:
        key = _key(one)
        if not one.eligible or one.kind not in ("instance", "volume"):
            continue
        found = whole.get(key)
        if found is not None:
            if _key(found.instance) not in covered:
                covered.add(_key(found.instance))
                out.append(_instance(found, keys, look))
        elif one.kind == "volume":
            out.append(
                BatchTarget("disk", _target(one), title_of(one, look), _alone(one, part.get(key), keys, look))
            )
        else:  # an instance of which nothing more is known
            out.append(BatchTarget("instance", _target(one), title_of(one, look), "the instance is marked"))
    return tuple(out)


def _instance(found: Held, keys: set[_Key], look: Look) -> BatchTarget:
    one, disks = found.instance, found.disks
    if _key(one) not in keys:
        why = f"all {len(disks)} disks of it are marked: as an instance they are snapshotted at one point in time"
    elif len(disks) > 1:
        why = f"the instance is marked: its {len(disks)} disks are snapshotted at one point in time"
    else:
        why = f"the instance is marked: its configuration, and {plural(len(disks), 'disk')}"
    return BatchTarget("instance", _target(one), title_of(one, look), why)


def _alone(disk: Resource, group: Held | None, keys: set[_Key], look: Look) -> str:
    if group is None:
        return (
            "no instance holds this disk" if disk.attached_to is None else "its instance is not in the inventory"
        )
    name, many = title_of(group.instance, look), len(group.disks)
    if many == 1:
        return f"the only disk of {name}"
    wanted = sum(_key(one) in keys for one in group.disks)
    if wanted == many:  # the instance would stand for them
        return f"{name} itself may not be acquired: its disks are snapshotted one after the other"
    if wanted == 1:
        return f"1 of the {many} disks of {name} is marked"
    return f"{wanted} of the {many} disks of {name} are marked: they are snapshotted one after the other"


def _key(one: Resource) -> _Key:
    return (one.cloud, one.account, one.region, one.kind, one.id)


def _target(one: Resource) -> str:
    return target(one.cloud, one.account, one.id)
