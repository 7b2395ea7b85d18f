"""Accounts and resources as the clouds report them. Every string in here is hostile."""

from __future__ import annotations

from typing import Literal

import msgspec

Cloud = Literal["aws", "azure", "gcp"]
ResourceKind = Literal["instance", "volume", "snapshot", "image", "bucket"]
AccountKey = tuple[str, str]
"""(cloud, account id)"""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An AWS account, Azure subscription or Google project.

    ``path`` is its place in the organisation, ``/``-separated ("Workloads/Prod"), "" at the root.
    ``reachable`` says whether the configured role may be assumed there; None means not yet asked.
    """

    cloud: Cloud
    id: str
    name: str
    path: str = ""
    forensics: bool = False
    reachable: bool | None = None
    reason: str | None = None


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """The instance that a volume is attached to."""

    id: str
    name: str
    device: str


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in an account.

    ``eligible``: it carries the forensics tag of the configuration; ``reason`` says why not and
    who could change that. ``size_bytes`` is the provisioned size of a disk, None where it has none.
    ``attributes`` holds what the screens show besides ("type", "state", "kms_key_id", "encrypted"
    as "true"/"false", "kms" as "none", "default" or "customer", "launched", …).
    """

    cloud: Cloud
    account: str
    region: str
    kind: ResourceKind
    id: str
    name: str
    tags: dict[str, str] = {}
    eligible: bool = False
    reason: str | None = None
    size_bytes: int | None = None
    attached_to: Attachment | None = None
    attributes: dict[str, str] = {}

    @property
    def untagged(self) -> bool:
        """It may not be acquired for want of the tag; where ``reason`` is of something else, it is locked only."""
        return not self.eligible and "tag" in (self.reason or "tag").lower()
