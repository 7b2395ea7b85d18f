"""What a scenario pack says, as frozen structs. Sizes are GiB, paths are absolute."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

# The services of the embedded AWS, as faults name them.
AWS_SERVICES = ("ebs", "ec2", "iam", "kms", "organizations", "sts", "tagging")
# The KMS keys that an account may have in a region.
KEY_KINDS = ("default", "customer", "private", "evidence")


class ScenarioError(Exception):
    """A pack that cannot be built: ``message`` says what and where (file and line), ``next`` what to do."""

    def __init__(self, message: str, next: str) -> None:  # noqa: A002 - the word that users read
        super().__init__(f"{message}; {next}")
        self.message = message
        self.next = next


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """A disk: built from ``tree``, taken from ``image``, or blank when neither is named.

    ``deleted`` are paths of the tree that are written and then removed inside the file system.
    ``kms``: ``default`` is aws/ebs, which cannot be shared; ``private`` a customer key that only its own account
    may use. ``keep``: the volume outlives its instance (DeleteOnTermination is false).
    ``sku`` and ``network_access`` are Azure's.
    """

    device: str
    size_gib: int
    tree: Path | None = None
    image: Path | None = None
    deleted: tuple[str, ...] = ()
    kms: Literal["none", "default", "customer", "private"] = "none"
    keep: bool = False
    tags: dict[str, str] = {}
    name: str = ""
    sku: str = ""
    network_access: str = ""


class AwsAccount(msgspec.Struct, frozen=True, kw_only=True):
    """``scp`` is the parsed policy document; ``role``: the collect role was rolled out here.

    ``evidence_key``: the account has a key with the alias ``alias/jumpbag-evidence``.
    """

    id: str
    name: str
    forensics: bool = False
    ou: str = ""
    scp: dict[str, Any] | None = None
    role: bool = True
    evidence_key: bool = True


class AwsInstance(msgspec.Struct, frozen=True, kw_only=True):
    """``tags`` are the instance's own; they do not spread to its volumes.

    ``profile`` names an instance profile, ``user_data`` is plain text, ``shutdown`` what happens when the system
    inside shuts down, ``autoscaling_group`` the group that may replace the instance.
    """

    account: str
    region: str
    name: str
    type: str
    tags: dict[str, str] = {}
    ssm: bool = False
    profile: str = ""
    user_data: str = ""
    autoscaling_group: str = ""
    spot: bool = False
    shutdown: Literal["stop", "terminate"] = "stop"
    termination_protection: bool = False
    volumes: tuple[Disk, ...] = ()


class AwsBucket(msgspec.Struct, frozen=True, kw_only=True):
    account: str
    name: str
    object_lock: bool = False


class AwsEvent(msgspec.Struct, frozen=True, kw_only=True):
    """``time`` as written: an RFC 3339 stamp or an offset from the start ("-3h")."""

    account: str
    time: str
    name: str
    user: str = ""
    source_ip: str = ""


class Aws(msgspec.Struct, frozen=True, kw_only=True):
    accounts: tuple[AwsAccount, ...] = ()
    instances: tuple[AwsInstance, ...] = ()
    buckets: tuple[AwsBucket, ...] = ()
    events: tuple[AwsEvent, ...] = ()


class AzureSubscription(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    forensics: bool = False
    tenant: str = ""


class AzureVm(msgspec.Struct, frozen=True, kw_only=True):
    subscription: str
    group: str
    name: str
    location: str
    tags: dict[str, str] = {}
    disks: tuple[Disk, ...] = ()


class Azure(msgspec.Struct, frozen=True, kw_only=True):
    subscriptions: tuple[AzureSubscription, ...] = ()
    vms: tuple[AzureVm, ...] = ()


class GcpProject(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    forensics: bool = False


class GcpInstance(msgspec.Struct, frozen=True, kw_only=True):
    """``tags`` are secure tags (key to value); ``labels`` are inventory only."""

    project: str
    zone: str
    name: str
    labels: dict[str, str] = {}
    tags: dict[str, str] = {}
    disks: tuple[Disk, ...] = ()


class Gcp(msgspec.Struct, frozen=True, kw_only=True):
    projects: tuple[GcpProject, ...] = ()
    instances: tuple[GcpInstance, ...] = ()


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong on purpose. Times are real seconds; shares are 0 to 1.

    ``corrupt_blocks`` names blocks as ``<disk>:<block index>`` where ``<disk>`` is a volume id
    (``vol-…``) or ``vol:<n>``, the n-th disk of the scenario counted from 0.
    ``throttle_services`` limits ``throttle`` to these services (none named: all).
    ``fail_copies_at`` is the percentage at which a copy of a snapshot turns to ``error``.
    ``disabled_keys`` names KMS keys as ``<account>:<region>:<kind>``, with a kind of :data:`KEY_KINDS`.
    ``lose_snapshots_after_s``: somebody deletes every snapshot that long after it was begun.
    ``left_accounts`` are accounts that have left the organisation.
    ``clock_skew_s``: the cloud's clock is so many seconds ahead of this machine's (negative: behind), for what it
    says and accepts; what it made before keeps its time.
    """

    lease_ttl_s: int | None = None
    latency_ms: tuple[float, float] = (0.0, 0.0)
    throttle: float = 0.0
    expire_leases_after_s: float | None = None
    corrupt_blocks: tuple[str, ...] = ()
    drop_connections: float = 0.0
    deny: tuple[str, ...] = ()
    throttle_services: tuple[str, ...] = ()
    fail_copies_at: int | None = None
    disabled_keys: tuple[str, ...] = ()
    lose_snapshots_after_s: float | None = None
    left_accounts: tuple[str, ...] = ()
    clock_skew_s: int = 0


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A whole pack. ``tag`` is what makes a resource eligible, as (key, value). ``offer`` is the playbook in the
    pack's ``playbooks`` directory that a new case on it offers, "" for none."""

    root: Path
    name: str
    summary: str
    tag: tuple[str, str]
    seed: int
    speed: float
    offer: str
    aws: Aws | None
    azure: Azure | None
    gcp: Gcp | None
    faults: Faults
