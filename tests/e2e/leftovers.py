"""What stands in the embedded cloud after an acquisition: snapshots of every account, and who may use them."""

from __future__ import annotations

from dataclasses import dataclass

from providers.emulators.range import Range


@dataclass(frozen=True)
class Standing:
    """One snapshot."""

    id: str
    account: str
    region: str
    key: str | None
    shared_with: frozenset[str]
    tags: dict[str, str]
    locked: bool


def standing(embedded: Range, case: str) -> list[Standing]:
    """The snapshots that carry that case's tag, in the order of their making."""
    assert embedded.aws is not None
    world = embedded.aws.world

    def look() -> list[Standing]:
        found = []
        states = list(world.compute._states.values())
        for snapshot in [one for state in states for one in state.snapshots.values()]:
            tags = dict(snapshot.ec2_backend.tags.get(snapshot.id, {}))
            if tags.get("ir-case") == case:
                found.append(
                    Standing(
                        snapshot.id,
                        snapshot.owner_id,
                        snapshot.ec2_backend.region_name,
                        snapshot.kms_key_id,
                        frozenset(snapshot.create_volume_permission_userids),
                        tags,
                        getattr(snapshot, "lock", None) is not None,
                    )
                )
        return found

    return world.ec2.submit(look).result()
