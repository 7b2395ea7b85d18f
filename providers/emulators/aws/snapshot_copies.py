"""CopySnapshot: what is refused at once, what fails later, and what KMS is asked on the caller's behalf.

Sources: EC2 API Reference, CopySnapshot (copies of encrypted snapshots stay encrypted; KMS keys are authenticated
asynchronously); EBS User Guide, "Copy an Amazon EBS snapshot" (without permission to use the key the operation
fails silently: the copy's StateMessage is "Given key ID is not accessible"), "Requirements for Amazon EBS
encryption" and "Share the KMS key used to encrypt a shared Amazon EBS snapshot" (the KMS actions); AWS KMS
Developer Guide, "kms:GrantIsForAWSResource", "kms:ViaService".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moto.ec2.exceptions import EC2ClientError

from providers.emulators.aws.identities import Principal
from providers.emulators.aws.kms_access import decide_key, disabled, question
from providers.emulators.aws.kms_keys import Key
from providers.emulators.aws.snapshots import TimedSnapshot, Unattached

if TYPE_CHECKING:
    from providers.emulators.aws.compute import Ec2State
    from providers.emulators.aws.world import World

INACCESSIBLE = "Given key ID is not accessible"
# KMS answers EC2 a few seconds (at speed 1) after EC2 has answered the caller.
KMS_SECONDS = 3.0
FROM_ENCRYPTED = ("kms:DescribeKey", "kms:Decrypt", "kms:ReEncryptFrom", "kms:CreateGrant")
TO_KEY = ("kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:CreateGrant")
TO_KEY_FROM_ENCRYPTED = ("kms:DescribeKey", "kms:ReEncryptTo", *TO_KEY[1:])


class CopyUnderWay:
    """A copy on its way: KMS may have refused it, a key may be disabled, a fault may break it."""

    def __init__(self, world: World, keys: tuple[Key, ...], refused: bool) -> None:
        self._world = world
        self._keys = keys
        self._refused = refused

    def failure(self, elapsed: float, percent: float) -> str | None:
        asked = elapsed >= KMS_SECONDS / self._world.scenario.speed
        if asked and (self._refused or any(disabled(self._world, key) for key in self._keys)):
            return INACCESSIBLE
        limit = self._world.faults.now.fail_copies_at
        if limit is not None and percent >= limit:
            return "An internal error has occurred: the snapshot could not be copied."
        return None


def copy(
    world: World,
    principal: Principal,
    state: Ec2State,
    source: TimedSnapshot,
    description: str,
    tags: dict[str, str],
    encrypted: bool,
    wanted: str | None,
) -> TimedSnapshot:
    """A copy of ``source`` in ``state``; ``wanted`` names a KMS key. What KMS refuses ends in state ``error``."""
    if source.status != "completed":
        raise EC2ClientError("IncorrectState", f"Snapshot {source.id} is not in the completed state.")
    if wanted and not encrypted and not source.encrypted:
        text = "The parameter KmsKeyId requires the parameter Encrypted to be set."
        raise EC2ClientError("InvalidParameterDependency", text)
    region = state.region_name
    target: Key | None = None
    if wanted:
        target = world.ring.resolve(principal.account, region, wanted)
    elif encrypted or source.encrypted:
        target = world.key(principal.account, region, "default")
    asked: list[tuple[Key | None, str, tuple[str, ...]]] = []
    if source.encrypted:
        asked.append((world.find_key(source.kms_key_id), source.ec2_backend.region_name, FROM_ENCRYPTED))
        asked.append((target, region, TO_KEY_FROM_ENCRYPTED))
    elif encrypted:
        asked.append((target, region, TO_KEY))
    refused = not all(_may(world, principal, key, actions, via) for key, via, actions in asked)
    keys = tuple(key for key, _, _ in asked if key is not None)
    arn = target.arn if target is not None else wanted
    made = world.snapshots.add(
        state, Unattached(source.volume_size), description, source.content, bool(asked), arn if asked else None
    )
    made.parent = source.id
    made.copying = CopyUnderWay(world, keys, refused)
    made.add_tags(tags)
    if not refused:
        for key, _, actions in asked:
            operations = [name.removeprefix("kms:") for name in actions if name != "kms:CreateGrant"]
            assert key is not None
            world.ring.grant(key, principal.account, made.id, operations)
    return made


def _may(world: World, principal: Principal, key: Key | None, actions: tuple[str, ...], via: str) -> bool:
    return key is not None and all(
        decide_key(world, principal, key, question(world, principal, key, action, via=via)).allowed
        for action in actions
    )
