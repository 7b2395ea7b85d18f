"""Which way a disk goes, decided by who may use its key, before anything is started.

*direct* reads the blocks in the account where the disk is. *copy* shares the snapshot with the forensics account,
copies it there under that account's own key and reads it there; a snapshot under a key that the forensics account
may not use is first copied in its own account under the evidence key there. *preserve* is either without reading.
Facts: EBS User Guide, "Share an Amazon EBS snapshot" (a snapshot under the default key cannot be shared; whoever
it is shared with needs its key too), "Copy an Amazon EBS snapshot".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.faults import CloudFault, RouteRefused, Untrusted, Usage
from app.model import Resource
from app.ports import Grant, Observe
from app.text import visible
from providers.aws import arns
from providers.aws.key_policy import Asker
from providers.aws.keys import DECRYPT, DESTINATION_FROM_ENCRYPTED, SOURCE, Key, Keys
from providers.aws.obstacles import Obstacle, either, out_of_use, refuse
from providers.aws.settings import Settings

_SAID_AT_MOST = 3
"""Disks, and groups of disks, that a reason names; the warnings name each."""
ROUTES = ("auto", "direct", "copy", "preserve", "preserve-direct", "preserve-copy")


@dataclass(frozen=True, slots=True)
class Disk:
    """A volume and the key that it is encrypted under, None for none."""

    volume: Resource
    key: Key | None

    @property
    def id(self) -> str:
        return self.volume.id

    @property
    def bytes(self) -> int:
        return self.volume.size_bytes or 0

    @property
    def default_key(self) -> bool:
        return self.key is not None and self.key.manager == "AWS"


@dataclass(frozen=True, slots=True)
class Route:
    """``reencrypted``: volume id -> ARN of the evidence key in its account, for those that need it; ``key`` the
    evidence key in the forensics account, where ``region`` is. ``doubts`` are verdicts that could not be had."""

    name: Literal["direct", "copy", "preserve"]
    why: str
    region: str
    copies: bool
    downloads: bool
    key: str = ""
    reencrypted: Mapping[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


@dataclass(slots=True)
class _Findings:
    """What checking a way gave. ``reasons``: volume id -> why it is encrypted anew."""

    obstacles: list[Obstacle] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    reencrypted: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    key: str = ""


def known(route: str) -> None:
    """Usage unless there is such a route."""
    if route not in ROUTES:
        raise Usage(f"there is no route {visible(route, cap=40)!r}", next=f"use one of {', '.join(ROUTES)}")


class Routing:
    """The decision for the disks of one plan; all of them are in ``account`` and ``region``."""

    def __init__(
        self, settings: Settings, keys: Keys, observe: Observe, account: str, region: str, disks: Sequence[Disk]
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._observe = observe
        self._account = account
        self._region = region
        self._disks = disks
        self._several = len(disks) > 1
        self._forensics = settings.aws.forensics_account
        self._destination = settings.destination(region)
        self._alias = settings.aws.evidence_key

    async def choose(self, asked: str) -> Route:
        """The route. RouteRefused, with the fix, where it is bound to fail; Usage where it has no meaning."""
        if self._account == self._forensics and asked in ("copy", "preserve-copy"):
            raise Usage(
                f"account {self._account} is the forensics account itself: there is nothing to copy it to",
                next="use direct, or preserve-direct to keep the snapshot where it is",
            )
        match asked:
            case "direct":
                found = await self._direct()
                refuse(f"route {asked} cannot work", found.obstacles)
                return self._direct_route(f"it was asked for: {self._reading()}", found)
            case "copy" | "preserve-copy":
                found = await self._copy(downloads=asked == "copy")
                refuse(f"route {asked} cannot work", found.obstacles)
                return self._copy_route(asked == "copy", f"it was asked for: {self._copying(found)}", found)
            case "preserve-direct":
                return self._kept(
                    f"it was asked for: {self._stays()} in account {self._account}, nothing is downloaded"
                )
            case "preserve":
                return await self._preserve()
        return await self._auto()

    async def _auto(self) -> Route:
        found = await self._direct()
        if not found.obstacles:
            return self._direct_route(f"it needs the least: {self._reading()}", found)
        if self._account == self._forensics:
            refuse("route direct cannot work", found.obstacles, self._at_least())
        other = await self._copy(downloads=True)
        if other.obstacles:
            one, two = found.obstacles[0], other.obstacles[0]
            if one == two:
                refuse("neither route direct nor route copy can work", found.obstacles, self._at_least())
            raise RouteRefused(
                f"route direct cannot work: {one.text}; nor can route copy: {two.text}",
                next=either(f"{one.fix}; or {two.fix}", self._at_least()),
            )
        return self._copy_route(
            True,
            f"reading it in its own account cannot work ({found.obstacles[0].text}); {self._copying(other)}",
            other,
        )

    async def _preserve(self) -> Route:
        if self._account == self._forensics:
            return self._kept(
                f"account {self._account} is the forensics account itself: {self._stays()} there, "
                "nothing is downloaded"
            )
        found = await self._copy(downloads=False)
        if not found.obstacles:
            return self._copy_route(
                False, f"a snapshot is safest where an intruder has no account: {self._copying(found)}", found
            )
        first = found.obstacles[0]
        which = "they" if self._several else "it"
        return self._kept(
            f"{self._stays()} in account {self._account}, for {which} cannot leave it: {first.text} "
            f"(to mend that: {first.fix}); nothing is downloaded"
        )

    # -- checks ------------------------------------------------------------------------------------

    async def _direct(self) -> _Findings:
        found = _Findings()
        for disk in self._disks:
            if disk.key is not None and self._in_use(disk, disk.key, found):
                await self._may(disk.key, self._account, self._region, DECRYPT, found)
        return found

    async def _copy(self, *, downloads: bool) -> _Findings:
        found = _Findings()
        if arns.partition(self._destination) != arns.partition(self._region):
            found.obstacles.append(
                Obstacle(
                    f"{self._destination} and {self._region} are in two partitions of AWS: no snapshot crosses",
                    f"set aws.evidence_region to a region of {arns.partition(self._region)}",
                )
            )
            return found
        try:
            await self._observe(self._forensics)
        except CloudFault as fault:
            if fault.retryable or isinstance(fault, Untrusted):
                raise
            found.obstacles.append(Obstacle(fault.message, fault.next or "see that the role is in that account"))
            return found
        evidence = await self._evidence_key(
            self._forensics, self._destination, "copies are encrypted under it", found
        )
        if evidence is not None:
            found.key = evidence.arn
            actions = DESTINATION_FROM_ENCRYPTED + (DECRYPT if downloads else ())
            await self._may(evidence, self._forensics, self._destination, actions, found)
        for disk in self._disks:
            if disk.key is not None and self._in_use(disk, disk.key, found):
                await self._sharing(disk, disk.key, found)
        return found

    async def _sharing(self, disk: Disk, key: Key, found: _Findings) -> None:
        """Whether the forensics account may use the key itself; if not, the way over the evidence key."""
        if disk.default_key:
            short = reason = "the default key aws/ebs can be shared with no other account"
        else:
            asker = self._asker(self._forensics, self._region)
            verdict = await self._keys.verdict(key, asker, SOURCE, *await self._reader(key))
            if verdict.answer == "yes":
                return
            short = f"the forensics account may not use {key.short}"
            reason = f"{key} may not be used by the forensics account: {verdict.why}"
            if verdict.answer == "unknown":
                short = f"whether the forensics account may use {key.short} cannot be told"
                reason = f"whether the forensics account may use {key} cannot be told: {verdict.why}"
                ours = await self._keys.verdict(
                    key, self._asker(self._account, self._region), SOURCE, *await self._reader(key)
                )
                way = _Findings()
                if ours.answer == "yes":
                    await self._anew(disk, key, short, reason, way)
                if ours.answer != "yes" or way.obstacles or way.doubts:
                    found.doubts.append(f"{disk.id}: {reason}")
                    return
        await self._anew(disk, key, short, reason, found)

    async def _anew(self, disk: Disk, key: Key, short: str, reason: str, found: _Findings) -> None:
        """Over the evidence key of the disk's own account; ``short`` is the reason without its details."""
        await self._may(key, self._account, self._region, SOURCE, found)
        instead = "" if disk.default_key else f", or {key} allowed to account {self._forensics} in its key policy"
        evidence = await self._evidence_key(
            self._account, self._region, f"{disk.id} needs it: {reason}", found, instead
        )
        if evidence is not None:
            await self._may(evidence, self._account, self._region, DESTINATION_FROM_ENCRYPTED, found)
            await self._may(evidence, self._forensics, self._region, SOURCE, found)
            found.reencrypted[disk.id] = evidence.arn
            found.reasons[disk.id] = short

    async def _evidence_key(
        self, account: str, region: str, purpose: str, found: _Findings, instead: str = ""
    ) -> Key | None:
        where = f"account {account}, {region}"
        try:
            key = await self._keys.named(self._alias, account, region, await self._observe(account))
        except CloudFault as fault:
            if fault.retryable or isinstance(fault, Untrusted):
                raise
            found.obstacles.append(
                Obstacle(
                    f"the evidence key {self._alias} of {where} cannot be read ({fault.message})",
                    f"have the role there allowed kms:DescribeKey on it in {region}",
                )
            )
            return None
        if key is None:
            fix = f"have a KMS key with that alias made in {where}"
            if account != self._forensics:
                fix += (
                    f", with a policy that lets account {self._forensics} use it{instead}; or use preserve-direct"
                )
            found.obstacles.append(Obstacle(f"there is no evidence key {self._alias} in {where}; {purpose}", fix))
        elif not key.usable:
            found.obstacles.append(out_of_use(key, f"the evidence key {self._alias}"))
            return None
        return key

    def _in_use(self, disk: Disk, key: Key, found: _Findings) -> bool:
        if not key.usable:
            found.obstacles.append(out_of_use(key, f"{key}, under which {disk.id} is encrypted,"))
        return key.usable

    async def _may(self, key: Key, account: str, region: str, actions: tuple[str, ...], found: _Findings) -> None:
        """Adds what speaks against the role of ``account`` using ``key``, each thing once."""
        asker = self._asker(account, region)
        verdict = await self._keys.verdict(key, asker, actions, *await self._reader(key))
        if verdict.answer == "no":
            names = ", ".join(actions)
            obstacle = Obstacle(
                f"the role in account {account} may not use {key} of account {key.account}: {verdict.why}",
                f"have whoever administers {key} in account {key.account} allow {names} to {visible(asker.role)} "
                "in its key policy",
            )
            if obstacle not in found.obstacles:
                found.obstacles.append(obstacle)
        elif verdict.answer == "unknown":
            doubt = f"whether the role in account {account} may use {key} cannot be told: {verdict.why}"
            if doubt not in found.doubts:
                found.doubts.append(doubt)

    def _asker(self, account: str, region: str) -> Asker:
        return Asker(role=self._settings.role(account), account=account, via=arns.via_ec2(region))

    async def _reader(self, key: Key) -> tuple[str, Grant]:
        """From which account a key's grants are listed: its own where we may look, else the disk's."""
        account = key.account if key.account == self._forensics else self._account
        return account, await self._observe(account)

    # -- sentences ---------------------------------------------------------------------------------

    def _direct_route(self, why: str, found: _Findings) -> Route:
        return Route("direct", why, self._region, copies=False, downloads=True, doubts=tuple(found.doubts))

    def _copy_route(self, downloads: bool, why: str, found: _Findings) -> Route:
        return Route(
            "copy" if downloads else "preserve",
            why,
            self._destination,
            copies=True,
            downloads=downloads,
            key=found.key,
            reencrypted=dict(found.reencrypted),
            doubts=tuple(found.doubts),
        )

    def _at_least(self) -> str:
        """The route that works where none reads; a snapshot under a key out of use may fail as well."""
        usable = all(disk.key is None or disk.key.usable for disk in self._disks)
        return "use preserve-direct: it works, and keeps what is there" if usable else ""

    def _stays(self) -> str:
        return "the snapshots stay" if self._several else "the snapshot stays"

    def _kept(self, why: str) -> Route:
        return Route("preserve", why, self._region, copies=False, downloads=False)

    def _reading(self) -> str:
        def said(disk: Disk) -> str:
            if disk.key is None:
                return "not encrypted"
            if disk.default_key:
                return f"encrypted under the default key aws/ebs, which account {self._account} alone can use"
            return f"encrypted under {disk.key.short}, which is used inside account {self._account}"

        snapshots = "one snapshot of each disk" if self._several else "one snapshot"
        return (
            f"{self._each(said)}; the blocks are read straight from {snapshots} inside account {self._account}, "
            "nothing is shared with another account and no volume is made"
        )

    def _copying(self, found: _Findings) -> str:
        def said(disk: Disk) -> str:
            if disk.id in found.reasons:
                return f"first encrypted anew in account {self._account}, because {found.reasons[disk.id]}"
            if disk.key is None:
                return "not encrypted, so it can be shared as it is"
            return f"encrypted under {disk.key.short}, which the forensics account may use"

        which = "each" if self._several else "the"
        return (
            f"{which} snapshot is shared with the forensics account {self._forensics} and copied there under "
            f"that account's own key; {self._each(said)}"
        )

    def _each(self, said: Callable[[Disk], str]) -> str:
        if not self._several:
            return f"the disk is {said(self._disks[0])}"
        by_text: dict[str, list[str]] = {}
        for disk in self._disks:
            by_text.setdefault(said(disk), []).append(disk.id)
        parts = []
        for text, ids in list(by_text.items())[:_SAID_AT_MOST]:
            more = f" and {len(ids) - _SAID_AT_MOST} more" if len(ids) > _SAID_AT_MOST else ""
            parts.append(f"{', '.join(ids[:_SAID_AT_MOST])}{more} {'is' if len(ids) == 1 else 'are'} {text}")
        if len(by_text) > _SAID_AT_MOST:
            parts.append(
                f"{len(self._disks) - sum(map(len, list(by_text.values())[:_SAID_AT_MOST]))} more disks likewise"
            )
        return "; ".join(parts)
