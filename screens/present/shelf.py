"""What screens name things by: accounts by their names, disks by their devices."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.model import AccountKey, Resource

__all__ = ["AccountKey", "Shelf"]


@dataclass(frozen=True, slots=True)
class Shelf:
    """``names`` are those of the accounts. ``devices`` are those of the disks of the instances that are, or were,
    acquired, by the ids of the disks. Both stay the same objects while nothing of them changed."""

    names: dict[AccountKey, str] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)

    def account_name(self, resource: Resource) -> str:
        """The account's name, its id where it has none."""
        return self.names.get((resource.cloud, resource.account)) or resource.account
