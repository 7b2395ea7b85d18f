"""The resources of a case in the order in which people read them: each instance, then its disks, then the rest.

Built once per inventory, away from the event loop; rows are formatted one at a time when they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.model import Account, Resource

AccountKey = tuple[str, str]
"""(cloud, account id)"""

_ORDER = {"instance": 0, "volume": 1, "snapshot": 2, "image": 3, "bucket": 4}


@dataclass(slots=True)
class Shelf:
    """``order`` holds indexes into ``resources``; ``parent`` the index of the instance a volume is shown under."""

    resources: Sequence[Resource] = ()
    order: list[int] = field(default_factory=list)
    parent: dict[int, int] = field(default_factory=dict)
    counts: dict[AccountKey, tuple[int, int]] = field(default_factory=dict)
    names: dict[AccountKey, str] = field(default_factory=dict)
    eligible: int = 0
    _words: list[str] | None = None

    def words(self) -> list[str]:
        """What the text filter looks in, one lower-case string per resource."""
        if self._words is None:
            self._words = [_words(one, self.names) for one in self.resources]
        return self._words

    def account_name(self, resource: Resource) -> str:
        """The account's name, its id where it has none."""
        return self.names.get((resource.cloud, resource.account)) or resource.account

    def disks_of(self, resource: Resource) -> list[Resource]:
        """The volumes shown under an instance."""
        where = (resource.cloud, resource.account, resource.region, resource.id)
        return [
            one
            for one in self.resources
            if one.attached_to and (one.cloud, one.account, one.region, one.attached_to.id) == where
        ]


@dataclass(frozen=True, slots=True)
class Selection:
    """What the resources pane lists: indexes into ``shelf.resources``, and where each key stands."""

    shelf: Shelf
    rows: list[int]
    hits: int
    at: dict[str, int]


def key_of(resource: Resource) -> str:
    """The key of a row, stable over scans."""
    return "\0".join((resource.cloud, resource.account, resource.region, resource.kind, resource.id))


def build(resources: Sequence[Resource], accounts: Iterable[Account]) -> Shelf:
    """The shelf of an inventory."""
    shelf = Shelf(resources=resources, names={(one.cloud, one.id): one.name for one in accounts})
    instances = {
        (one.cloud, one.account, one.region, one.id): index
        for index, one in enumerate(resources)
        if one.kind == "instance"
    }
    disks: dict[int, list[int]] = {}
    groups: dict[tuple[str, str, str], list[int]] = {}
    counts: dict[AccountKey, tuple[int, int]] = {}
    for index, one in enumerate(resources):
        account = (one.cloud, one.account)
        eligible, total = counts.get(account, (0, 0))
        counts[account] = (eligible + one.eligible, total + 1)
        holder = one.attached_to
        held = instances.get((one.cloud, one.account, one.region, holder.id)) if holder else None
        if held is not None and one.kind == "volume":
            disks.setdefault(held, []).append(index)
            shelf.parent[index] = held
        else:
            groups.setdefault((one.cloud, one.account, one.region), []).append(index)
    for group in groups.values():
        group.sort(
            key=lambda index: (_ORDER.get(resources[index].kind, 9), resources[index].name, resources[index].id)
        )
        for index in group:
            shelf.order.append(index)
            if index in disks:
                shelf.order.extend(sorted(disks[index], key=lambda held: _device(resources[held])))
    shelf.counts = counts
    shelf.eligible = sum(eligible for eligible, _ in counts.values())
    return shelf


def select(shelf: Shelf, scope: AccountKey | None, text: str, eligible_only: bool) -> Selection:
    """The rows of one account (or all) that hold every word of ``text``.

    A disk that matches brings its instance along, and an instance that matches its disks: alone
    neither says where it stands. ``hits`` counts the matches themselves.
    """
    wanted = text.lower().split()
    if scope is None and not wanted and not eligible_only:
        rows = shelf.order
        return Selection(shelf, rows, len(rows), _places(shelf, rows))
    resources, parent = shelf.resources, shelf.parent
    words = shelf.words() if wanted else None
    hits: set[int] = set()
    for index in shelf.order:
        one = resources[index]
        if scope is not None and (one.cloud, one.account) != scope:
            continue
        if eligible_only and not one.eligible:
            continue
        if words is not None and not all(word in words[index] for word in wanted):
            continue
        hits.add(index)
    shown = hits | {parent[index] for index in hits if index in parent}
    if wanted and not eligible_only:
        shown |= {index for index, held in parent.items() if held in hits}
    rows = [index for index in shelf.order if index in shown]
    return Selection(shelf, rows, len(hits), _places(shelf, rows))


def _places(shelf: Shelf, rows: list[int]) -> dict[str, int]:
    return {key_of(shelf.resources[index]): place for place, index in enumerate(rows)}


def _words(one: Resource, names: dict[AccountKey, str]) -> str:
    tags = " ".join(f"{key}={value}" for key, value in one.tags.items())
    held = f"{one.attached_to.name} {one.attached_to.device}" if one.attached_to else ""
    state = "eligible" if one.eligible else "locked"
    account = names.get((one.cloud, one.account), "")
    return f"{one.name} {one.id} {one.kind} {one.account} {account} {one.region} {held} {state} {tags}".lower()


def _device(one: Resource) -> tuple[str, str]:
    return (one.attached_to.device if one.attached_to else "", one.id)
