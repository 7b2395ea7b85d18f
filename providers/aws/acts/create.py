"""CreateSnapshot and CreateSnapshots.

Neither takes a client token (EC2 API Reference), so the tags carry the idempotency: case, acquisition
and step. What carries them is adopted; a lost answer is followed by a look for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.faults import Broken, Untrusted, Usage
from app.model import Step
from app.ports import Grant, Made, StepContext
from providers.aws import arns, readings, tags
from providers.aws.acts.sending import LOOKS, Request, Sender, only
from providers.aws.clients import request_id
from providers.aws.faults import Call
from providers.aws.outputs import described, volume_of


class Create:
    """A snapshot of one volume."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def request(self, step: Step, context: StepContext) -> Request:
        volume = volume_of(step)
        return Call("ec2", "CreateSnapshot", step.account, step.region, volume), {
            "VolumeId": volume,
            "Description": f"jumpbag: case {context.case}, acquisition {context.acquisition}, {volume}",
            "TagSpecifications": tags.specification(step, context, volume),
        }

    async def find(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        """The one that carries this step's tags and has not failed; Untrusted if there are several."""
        return await self._sender.found(step, context, lambda: self._look(step, context, grant))

    async def perform(self, step: Step, context: StepContext, grant: Grant) -> Made:
        volume = volume_of(step)
        return await self._sender.send(
            self.request(step, context),
            step,
            context,
            grant,
            made=lambda answer: _one(answer, volume, request_id(answer)),
            look=lambda: self._look(step, context, grant),
        )

    async def _look(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        volume = volume_of(step)
        found: list[Made] = []
        async for entry, request in self._sender.tagged(step, context, grant, volume):
            if entry.get("VolumeId") == volume and entry.get("State") != "error":
                found.append(_one(entry, volume, request))
        return only(found, step)


class CreateAll:
    """Crash-consistent snapshots of an instance's volumes by one call: all of them, or it counts as none.

    The tag ``jumpbag:head`` is the same within one call and differs between two, so it tells sets apart.
    When one snapshot of a set fails, EC2 marks all of it (EBS User Guide, "Create Amazon EBS snapshots",
    multi-volume snapshots).
    """

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def request(self, step: Step, context: StepContext) -> Request:
        instance = step.params.get("instance_id")
        if not isinstance(instance, str) or not arns.INSTANCE.fullmatch(instance):
            raise Usage(f"step {step.id} names no instance", next="plan again")
        _volumes(step)
        chosen: dict[str, Any] = {"InstanceId": instance}
        if step.params.get("boot") is False:
            chosen["ExcludeBootVolume"] = True
        if excluded := step.params.get("excluded"):
            chosen["ExcludeDataVolumeIds"] = _ids(step, excluded)
        return Call("ec2", "CreateSnapshots", step.account, step.region, instance), {
            "InstanceSpecification": chosen,
            "Description": f"jumpbag: case {context.case}, acquisition {context.acquisition}, {instance}",
            "TagSpecifications": tags.specification(step, context, instance),
        }

    async def find(self, step: Step, context: StepContext, grant: Grant) -> Made | None:
        """The whole set; Broken when only a part of one is there, and stays alone."""
        patient = self._sender.in_doubt(step, context)
        partial: Broken | None = None
        for wait in LOOKS:
            await self._sender.pause(wait)
            made, partial = await self._sets(step, context, grant)
            if made is not None:
                self._sender.settled(step, context)
                return made
            if partial is None and not patient:
                return None
        if partial is not None:
            raise partial
        return None

    async def perform(self, step: Step, context: StepContext, grant: Grant) -> Made:
        async def look() -> Made | None:
            return (await self._sets(step, context, grant))[0]

        return await self._sender.send(
            self.request(step, context),
            step,
            context,
            grant,
            made=lambda answer: self._answered(step, answer),
            look=look,
        )

    def _answered(self, step: Step, answer: dict[str, Any]) -> Made:
        request = request_id(answer)
        entries = {entry.get("VolumeId"): entry for entry in answer.get("Snapshots") or []}
        volumes = _volumes(step)
        unasked = sorted(str(volume)[:30] for volume in entries if volume not in volumes)
        if unasked:
            raise Untrusted(
                f"AWS made snapshots of volumes that were not asked for: {', '.join(map(ascii, unasked))}",
                next="check the endpoint in the context bar",
                request_id=request,
            )
        if missing := [volume for volume in volumes if volume not in entries]:
            raise _partial(step, missing, request)
        return _set(volumes, entries, request)

    async def _sets(self, step: Step, context: StepContext, grant: Grant) -> tuple[Made | None, Broken | None]:
        volumes = _volumes(step)
        sets: dict[str, dict[str, Mapping[str, Any]]] = {}
        failed: set[str] = set()
        request = None
        async for entry, asked in self._sender.tagged(step, context, grant, str(step.params["instance_id"])):
            request = asked
            head = readings.tags_of(entry).get(tags.HEAD_TAG, "")
            volume = str(entry.get("VolumeId"))
            if entry.get("State") == "error":
                failed.add(head)
            elif volume in volumes:
                there = sets.setdefault(head, {})
                if volume in there:
                    only([_one(one, volume, asked) for one in (there[volume], entry)], step)
                there[volume] = entry
        good = [entries for head, entries in sets.items() if head not in failed]
        whole = [entries for entries in good if len(entries) == len(volumes)]
        if whole:
            return only([_set(volumes, entries, request) for entries in whole], step), None
        if good:
            there = max(good, key=len)
            return None, _partial(step, [volume for volume in volumes if volume not in there], request)
        return None, None


def _one(entry: Mapping[str, Any], volume: str, request: str | None) -> Made:
    output = described(entry, volume, request, copied=False)
    return Made(resource=output["snapshot_id"], output=output, request_id=request)


def _set(volumes: list[str], entries: Mapping[Any, Mapping[str, Any]], request: str | None) -> Made:
    snapshots = {volume: described(entries[volume], volume, request, copied=False) for volume in volumes}
    resource = ", ".join(one["snapshot_id"] for one in snapshots.values())
    return Made(resource=resource, output={"snapshots": snapshots}, request_id=request)


def _partial(step: Step, missing: list[str], request: str | None) -> Broken:
    total = len(_volumes(step))
    return Broken(
        f"CreateSnapshots of {step.params['instance_id']}: only {total - len(missing)} of {total} volumes have a "
        f"snapshot of step {step.id}; none of {', '.join(missing)}",
        next="see whether a volume was detached or a snapshot deleted; plan again. What was made stays",
        request_id=request,
    )


def _volumes(step: Step) -> list[str]:
    return _ids(step, step.params.get("volume_ids"))


def _ids(step: Step, found: object) -> list[str]:
    if isinstance(found, list | tuple) and found and all(_is_volume(one) for one in found):
        return list(found)
    raise Usage(f"step {step.id} names no volumes", next="plan again")


def _is_volume(found: object) -> bool:
    return isinstance(found, str) and arns.VOLUME.fullmatch(found) is not None
