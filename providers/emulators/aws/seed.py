"""The scenario becomes state: roles, the examiner's key, instances, volumes, tags. Nothing of it is recorded."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from moto.core.types import Base64EncodedString

from providers.emulators.aws.compute import Compute
from providers.emulators.aws.iam_store import IamStore
from providers.emulators.aws.identities import Principal
from providers.emulators.aws.instances import image
from providers.emulators.aws.roles import base_user, collect_role, external_id, responder_role
from providers.emulators.aws.snapshots import SnapshotStore
from providers.emulators.aws.world import World
from providers.emulators.scenario.model import AwsInstance, Disk

_LAUNCHED = timedelta(days=90)


def build(world: World) -> Principal:
    """Fills ``world`` and returns the examiner's user with its access key."""
    world.snapshots = SnapshotStore(world)
    world.compute = Compute(world)
    world.iam = IamStore(world)
    external = external_id(world.scenario.name)
    for account in world.aws.accounts:
        if account.role:
            role = collect_role(account.id, world.forensics, external, world.scenario.tag)
            world.identities.add_role(role)
    world.identities.add_role(responder_role(world.forensics))
    number = 0
    for order, instance in enumerate(world.aws.instances):
        _run(world, instance, order, number)
        number += len(instance.volumes)
    return world.identities.add_user(base_user(world.forensics))


def _run(world: World, wanted: AwsInstance, order: int, number: int) -> None:
    state = world.compute.state(wanted.account, wanted.region)
    subnet = list(state.get_default_subnets().values())[order % 3]
    root = wanted.volumes[0].device if wanted.volumes else "/dev/xvda"
    machine = image(world, state, world.new_id("ami"), root)
    # EC2 gives back what was passed to it: base64 (EC2 API Reference, RunInstances).
    user_data = Base64EncodedString.from_raw_string(wanted.user_data) if wanted.user_data else None
    group = state.get_default_security_group(subnet.vpc_id)
    reservation = state.run_instances(
        machine.id,
        1,
        user_data,
        [],
        instance_type=wanted.type,
        is_instance_type_default=False,
        subnet_id=subnet.id,
        region_name=wanted.region,
        tags={},
        nics=[],
        security_group_ids=[group.id] if group else [],
        launch_template={},
        iam_instance_profile_name=None,
        disable_api_termination=wanted.termination_protection,
        instance_initiated_shutdown_behavior=wanted.shutdown,
        client_token="",
        metadata_options={"HttpTokens": "required"},
        associate_public_ip=False,
    )
    instance = reservation.instances[0]
    # moto gives every instance a root volume of its own; the scenario says what is attached.
    for mapping in list(instance.block_device_mapping.values()):
        state.volumes.pop(mapping.volume_id, None)
    instance.block_device_mapping.clear()
    launched = (world.started - _LAUNCHED - timedelta(hours=7 * order)).replace(microsecond=0, tzinfo=None)
    instance.id = world.new_id("i")
    instance.launch_time = launched
    instance.root_device_name = root
    if wanted.spot:
        chance = random.Random(f"{world.scenario.seed}:spot:{instance.id}")  # noqa: S311 - repeatable, not secret
        instance.lifecycle = "spot"
        request = f"sir-{chance.getrandbits(32):08x}"
        instance.spot_instance_request_id = request  # type: ignore[attr-defined]
    if wanted.profile:
        profile = world.iam.add_profile(wanted.account, wanted.profile, wanted.region)
        instance.iam_instance_profile = {"Arn": profile.arn, "Id": profile.id}
    for interface in instance.network_interfaces:
        interface.delete_on_termination = True
        interface.attach_time = launched
        # moto names interfaces as us-east-1 does.
        interface.private_dns_name = instance.private_dns_name
        for address in interface.private_ip_addresses:
            address["PrivateDnsName"] = instance.private_dns_name
    # EC2 itself holds tag values to 256 characters; here a scenario may test what longer ones do.
    state.tags[instance.id] = {"Name": wanted.name, **wanted.tags}
    if wanted.autoscaling_group:
        # Auto Scaling User Guide, "Tag Auto Scaling groups and instances".
        state.tags[instance.id]["aws:autoscaling:groupName"] = wanted.autoscaling_group
    for offset, disk in enumerate(wanted.volumes):
        _attach(world, state, instance, disk, number + offset, launched)


def _attach(world: World, state: Any, instance: Any, disk: Disk, number: int, launched: datetime) -> None:
    key = world.key(state.account_id, state.region_name, disk.kms)
    volume = state.create_volume(
        size=disk.size_gib,
        zone_name=instance.placement.zone,
        encrypted=key is not None,
        kms_key_id=key.arn if key else None,
        volume_type="gp3",
        throughput=125,
    )
    del state.volumes[volume.id]
    volume.id = world.new_id("vol")
    volume.create_time = launched
    state.volumes[volume.id] = volume
    attachment = state.attach_volume(volume.id, instance.id, disk.device, delete_on_termination=not disk.keep)
    attachment.attach_time = launched
    attachment.delete_on_termination = not disk.keep  # moto answers it for instances alone
    instance.block_device_mapping[disk.device].attach_time = launched
    if disk.tags:
        state.tags[volume.id] = dict(disk.tags)
    world.snapshots.add_volume(volume.id, disk, number)
