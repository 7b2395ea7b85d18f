"""From a disk or an instance to the plan of its acquisition. Reads only."""

from __future__ import annotations

from typing import Literal

from app.faults import Refused, Untagged, Usage
from app.model import ItemSpec, Plan, PlanWarning, Resource, Step, Target, TransferSpec
from app.ports import Observe, PlanRequest
from app.text import visible
from providers.aws import arns, cautions
from providers.aws.clients import Clients
from providers.aws.estimate import estimate
from providers.aws.keys import Keys
from providers.aws.look import Holder, Look
from providers.aws.routes import Disk, Route, Routing, known
from providers.aws.settings import Settings
from providers.aws.sheet import CONFIG
from providers.aws.steps import Whole, build

_LONGEST_LOCK = 36500
"""Days (EC2 API Reference, LockSnapshot, LockDuration: 1 to 36,500)."""


class AwsPlanner:
    """The port ``Planner``."""

    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients

    async def plan(self, request: PlanRequest, observe: Observe) -> Plan:
        """The plan; what cannot be asked for is refused before any call."""
        _check(request, self._settings)
        account, region = request.account.id, request.region
        keys = Keys(self._clients)
        look = Look(self._settings, self._clients, keys, account, region, await observe(account))
        if request.kind == "disk":
            return await self._disk(request, observe, keys, look)
        return await self._instance(request, observe, keys, look)

    async def _disk(self, request: PlanRequest, observe: Observe, keys: Keys, look: Look) -> Plan:
        volume, key, holder = await look.volume(request.target)
        self._eligible(volume)
        disks = (Disk(volume, key),)
        route = await self._route(request, observe, keys, disks)
        steps = self._steps(request, disks, route, None)
        return self._plan(
            request,
            "disk",
            volume,
            disks,
            route,
            steps,
            cautions.of_source(holder, disks, whole=False),
        )

    async def _instance(self, request: PlanRequest, observe: Observe, keys: Keys, look: Look) -> Plan:
        holder = await look.instance(request.target)
        assert holder is not None
        self._eligible(holder.resource)
        found = [Disk(volume, key) for volume, key in await look.disks(holder)]
        disks = tuple(disk for disk in found if disk.volume.eligible)
        left = [disk.volume for disk in found if not disk.volume.eligible]
        if not disks:
            raise _nothing(holder, left)
        route = await self._route(request, observe, keys, disks)
        profile = await look.profile(holder)
        whole = Whole(holder, profile, tuple(volume.id for volume in left))
        steps = self._steps(request, disks, route, whole)
        warnings = [
            *cautions.left_out(left),
            *cautions.of_source(holder, disks, whole=True),
            *cautions.of_profile(profile),
        ]
        return self._plan(request, "instance", holder.resource, disks, route, steps, warnings)

    async def _route(self, request: PlanRequest, observe: Observe, keys: Keys, disks: tuple[Disk, ...]) -> Route:
        routing = Routing(self._settings, keys, observe, request.account.id, request.region, disks)
        return await routing.choose(request.route)

    def _steps(
        self, request: PlanRequest, disks: tuple[Disk, ...], route: Route, whole: Whole | None
    ) -> tuple[Step, ...]:
        return build(self._settings, request.account.id, request.region, disks, route, request.lock_days, whole)

    def _plan(
        self,
        request: PlanRequest,
        kind: Literal["disk", "instance"],
        target: Resource,
        disks: tuple[Disk, ...],
        route: Route,
        steps: tuple[Step, ...],
        warnings: list[PlanWarning],
    ) -> Plan:
        account, region = request.account, request.region
        forensics = self._settings.aws.forensics_account
        items = [
            ItemSpec(
                key=disk.id,
                kind="disk",
                source=disk.id,
                name=disk.volume.name,
                shape=TransferSpec(size_bytes=disk.bytes, block_size=arns.BLOCK_SIZE),
            )
            for disk in disks
            if route.downloads
        ]
        if kind == "instance":
            items.insert(0, ItemSpec(key=CONFIG, kind="config", source=target.id, name=target.name))
        return Plan(
            kind=kind,
            target=Target(
                cloud="aws",
                account=account.id,
                account_name=account.name,
                region=region,
                id=target.id,
                name=target.name,
                size_bytes=sum(disk.bytes for disk in disks),
                attached_to=target.attached_to.id if target.attached_to else "",
            ),
            route=route.name,
            why=route.why,
            steps=steps,
            leases=(),
            estimate=estimate(disks, route, region, self._settings.aws.prices),
            warnings=tuple(
                warnings + cautions.of_plan(account.id, region, forensics, disks, route, steps, request.lock_days)
            ),
            items=tuple(items),
        )

    def _eligible(self, resource: Resource) -> None:
        if not resource.eligible:
            raise Untagged(
                f"{resource.id} in account {resource.account} is not tagged for forensics: {resource.reason}",
                next=f"have the tag {visible(self._settings.aws.tag)} set on {resource.id}, then plan again",
            )


def _check(request: PlanRequest, settings: Settings) -> None:
    known(request.route)
    patterns = {"disk": (arns.VOLUME, "a volume id", "vol-"), "instance": (arns.INSTANCE, "an instance id", "i-")}
    if request.kind not in patterns:
        raise Usage(
            f"the kind {visible(request.kind, cap=40)!r} cannot be acquired from AWS", next="use disk or instance"
        )
    pattern, what, prefix = patterns[request.kind]
    if not pattern.fullmatch(request.target):
        raise Usage(
            f"{visible(request.target, cap=60)!r} is not {what}", next=f"give an id like {prefix}0123456789abcdef0"
        )
    arns.account(request.account.id)
    arns.region(request.region)
    if settings.aws.regions and request.region not in settings.aws.regions:
        raise Refused(
            f"{request.region} is not among the regions of this case: {', '.join(settings.aws.regions)}",
            next="add it to aws.regions of the case's configuration, if it may be worked in",
        )
    if not 0 <= request.lock_days <= _LONGEST_LOCK:
        raise Usage(f"a lock of {request.lock_days} days cannot be set", next=f"give 1 to {_LONGEST_LOCK} days")


def _nothing(holder: Holder, left: list[Resource]) -> Refused:
    where = f"{holder.resource.id} in account {holder.resource.account}"
    if not left:
        return Refused(
            f"{where} has no EBS volume: there is nothing to snapshot",
            next="acquire it from inside while it runs: instance store is in no snapshot",
        )
    ids = ", ".join(volume.id for volume in left[:8])
    return Untagged(
        f"none of the volumes of {where} is tagged for forensics: {left[0].reason}",
        next=f"have the tag set on those that are to be taken ({ids}), then plan again",
    )
