"""scenario.toml → :class:`Scenario`. Unknown keys and missing files are refused by name and line.

A pack of one's own needs little::

    [scenario]
    name = "mine"
    [[aws.accounts]]
    id = "111111111111"
    name = "forensics"
    forensics = true
    [[aws.instances]]
    account = "111111111111"
    name = "box"
      [[aws.instances.volumes]]
      image = "odd.raw"
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from providers.emulators.scenario.model import (
    AWS_SERVICES,
    KEY_KINDS,
    Aws,
    AwsAccount,
    AwsBucket,
    AwsEvent,
    AwsInstance,
    Azure,
    AzureSubscription,
    AzureVm,
    Disk,
    Faults,
    Gcp,
    GcpInstance,
    GcpProject,
    Scenario,
    ScenarioError,
)
from providers.emulators.scenario.positions import locate
from providers.emulators.scenario.reader import Source, Table

GIB = 2**30
DEFAULT_REGION = "eu-west-1"
DEFAULT_TAG = "Forensics=Enabled"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_ACCOUNT = r"[0-9]{12}"
_DAY_S = 86400
_REGION = r"[a-z]{2}(-[a-z]+)+-[0-9]"
_BLOCK = re.compile(r"(vol:[0-9]+|vol-[0-9a-f]+):[0-9]+")
_KEY = rf"{_ACCOUNT}:{_REGION}:({'|'.join(KEY_KINDS)})"
_KINDS = ", ".join(KEY_KINDS)
# EC2 API Reference, RunInstances (UserData): 16 KB before it is base64-encoded.
_USER_DATA = 16384
# IAM and AWS STS quotas: names of instance profiles and roles; Auto Scaling API Reference: names of groups.
_PROFILE = r"[A-Za-z0-9_+=,.@-]{1,64}"
_GROUP = r"[ -9;-~]{1,255}"


def load(folder: Path) -> Scenario:
    """The scenario in ``folder``; ScenarioError names the first thing that is wrong, with its line."""
    file = folder / "scenario.toml"
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ScenarioError(f"{folder} holds no scenario.toml", "name a scenario directory") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{file} cannot be read ({error})", "name a scenario directory") from error
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{file.name}: {error}", "mend the TOML at that place") from error
    source = Source(file.resolve(), locate(text))
    top = Table(source, value, (), "the file")
    head = top.sub("scenario")
    aws, azure, gcp, faults = top.sub("aws"), top.sub("azure"), top.sub("gcp"), top.sub("faults")
    top.end()
    if head is None:
        source.refuse((), "there is no [scenario] table", "add [scenario] with a name")
    read_aws = _aws(aws) if aws else None
    read = read_faults(faults) if faults else Faults()
    if faults:
        _known_accounts(faults, read, read_aws)
    scenario = Scenario(
        root=source.folder,
        name=head.text("name", pattern=_NAME, kind="a name of letters, digits, dots and dashes"),
        summary=head.text("summary", ""),
        tag=_tag(head),
        seed=head.whole("seed", 0),
        speed=head.number("speed", 1.0, low=0.001),
        offer=head.text("offer", "", pattern=_NAME, kind="the id of one of the pack's playbooks"),
        aws=read_aws,
        azure=_azure(azure) if azure else None,
        gcp=_gcp(gcp) if gcp else None,
        faults=read,
    )
    head.end()
    return scenario


def _tag(head: Table) -> tuple[str, str]:
    text = head.text("tag", DEFAULT_TAG, pattern=r"[^=]+=.*", kind='a tag as "Key=Value"')
    key, _, value = text.partition("=")
    return key, value


def _aws(table: Table) -> Aws:
    aws = Aws(
        accounts=table.each("accounts", _aws_account),
        instances=table.each("instances", _aws_instance),
        buckets=table.each("buckets", _aws_bucket),
        events=table.each("events", _aws_event),
    )
    table.end()
    if not aws.accounts:
        table.source.refuse(table.path, "[aws] lists no account", "add [[aws.accounts]] with id, name, forensics")
    _unique(table, "accounts", [account.id for account in aws.accounts])
    if sum(account.forensics for account in aws.accounts) != 1:
        table.source.refuse(
            ("aws", "accounts"),
            "exactly one account must be the forensics account",
            "set forensics = true in one [[aws.accounts]]",
        )
    known = {account.id for account in aws.accounts}
    mentioned = {
        "instances": [one.account for one in aws.instances],
        "buckets": [one.account for one in aws.buckets],
        "events": [one.account for one in aws.events],
    }
    for key, ids in mentioned.items():
        for index, id_ in enumerate(ids):
            if id_ not in known:
                where = ("aws", key, index, "account")
                table.source.refuse(where, f"account {id_} is not listed", "add it to [[aws.accounts]]")
    return aws


def _unique(table: Table, key: str, ids: list[str]) -> None:
    for index, one in enumerate(ids):
        if one in ids[:index]:
            table.source.refuse((*table.path, key, index, "id"), f"{one} is listed twice", "remove one of the two")


def _aws_account(table: Table) -> AwsAccount:
    return AwsAccount(
        id=table.text("id", pattern=_ACCOUNT, kind="an account id of 12 digits"),
        name=table.text("name"),
        forensics=table.flag("forensics"),
        ou=table.text("ou", "", pattern=r"[^/]+(/[^/]+)*", kind='a place as "Workloads/Prod"'),
        scp=_policy(table, "scp"),
        role=table.flag("role", True),
        evidence_key=table.flag("evidence_key", True),
    )


def _policy(table: Table, key: str) -> dict[str, Any] | None:
    file = table.file(key)
    if file is None:
        return None
    try:
        policy = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        table.refuse(key, f"names {file.name}, which is not JSON ({error})", "mend the policy document")
    if not isinstance(policy, dict) or "Statement" not in policy:
        table.refuse(key, f"names {file.name}, which is no policy document", "give it Version and Statement")
    return policy


def _aws_instance(table: Table) -> AwsInstance:
    user_data = table.text("user_data", "")
    if len(user_data.encode()) > _USER_DATA:
        table.refuse("user_data", "is too long", "EC2 takes at most 16 KB")
    return AwsInstance(
        account=table.text("account"),
        region=table.text("region", DEFAULT_REGION, pattern=_REGION, kind='a region as "eu-west-1"'),
        name=table.text("name"),
        type=table.text("type", "t3.medium"),
        tags=table.pairs("tags"),
        ssm=table.flag("ssm"),
        profile=table.text(
            "profile", "", pattern=_PROFILE, kind="a name as IAM takes it, of at most 64 characters"
        ),
        user_data=user_data,
        autoscaling_group=table.text(
            "autoscaling_group", "", pattern=_GROUP, kind="a name of printable ASCII without a colon"
        ),
        spot=table.flag("spot"),
        shutdown=table.choice("shutdown", "stop", ("stop", "terminate")),
        termination_protection=table.flag("termination_protection"),
        volumes=table.each("volumes", _disk),
    )


def _aws_bucket(table: Table) -> AwsBucket:
    return AwsBucket(account=table.text("account"), name=table.text("name"), object_lock=table.flag("object_lock"))


def _aws_event(table: Table) -> AwsEvent:
    return AwsEvent(
        account=table.text("account"),
        time=table.text(
            "time",
            pattern=r"-[0-9]+[smhd]|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
            kind='"-3h" or an RFC 3339 time in UTC',
        ),
        name=table.text("name"),
        user=table.text("user", ""),
        source_ip=table.text("source_ip", ""),
    )


def _disk(table: Table) -> Disk:
    tree, image = table.file("tree", folder=True), table.file("image")
    if tree and image:
        table.refuse("image", "and the key tree are both given", "keep one of the two")
    need = -(-image.stat().st_size // GIB) if image else 1
    size_gib = table.whole("size_gib", max(need, 1), low=1, high=65536)
    if size_gib < need:
        table.refuse("size_gib", f"is smaller than {table.value['image']}", f"it takes at least {need}")
    # The partition table of a built disk (MBR) counts sectors in 32 bits.
    if tree and size_gib > 2047:
        table.refuse("size_gib", "is more than a built disk can have", "it takes at most 2047 with a tree")
    deleted = table.texts("deleted")
    if deleted and tree is None:
        table.refuse("deleted", "needs a tree", "name the tree that holds these files")
    for name in deleted:
        if tree is not None and not ((tree / name).is_file() and (tree / name).resolve().is_relative_to(tree)):
            table.refuse("deleted", f"names {name}, and there is no such file", f"create it in {tree}")
    return Disk(
        device=table.text("device", "/dev/xvda"),
        size_gib=size_gib,
        tree=tree,
        image=image,
        deleted=deleted,
        kms=table.choice("kms", "none", ("none", "default", "customer", "private")),
        keep=table.flag("keep"),
        tags=table.pairs("tags"),
        name=table.text("name", ""),
        sku=table.text("sku", ""),
        network_access=table.text("network_access", ""),
    )


def _azure(table: Table) -> Azure:
    azure = Azure(
        subscriptions=table.each(
            "subscriptions",
            lambda t: AzureSubscription(
                id=t.text("id"), name=t.text("name"), forensics=t.flag("forensics"), tenant=t.text("tenant", "")
            ),
        ),
        vms=table.each(
            "vms",
            lambda t: AzureVm(
                subscription=t.text("subscription"),
                group=t.text("group"),
                name=t.text("name"),
                location=t.text("location"),
                tags=t.pairs("tags"),
                disks=t.each("disks", _disk),
            ),
        ),
    )
    table.end()
    return azure


def _gcp(table: Table) -> Gcp:
    gcp = Gcp(
        projects=table.each(
            "projects",
            lambda t: GcpProject(id=t.text("id"), name=t.text("name"), forensics=t.flag("forensics")),
        ),
        instances=table.each(
            "instances",
            lambda t: GcpInstance(
                project=t.text("project"),
                zone=t.text("zone"),
                name=t.text("name"),
                labels=t.pairs("labels"),
                tags=t.pairs("tags"),
                disks=t.each("disks", _disk),
            ),
        ),
    )
    table.end()
    return gcp


def read_faults(table: Table) -> Faults:
    """The ``[faults]`` table (also the body of ``POST /_range/faults``)."""
    latency = table.any("latency_ms")
    if latency is None:
        latency = [0, 0]
    if not (
        isinstance(latency, list)
        and len(latency) == 2
        and all(isinstance(ms, int | float) and not isinstance(ms, bool) and ms >= 0 for ms in latency)
        and latency[0] <= latency[1]
    ):
        table.refuse("latency_ms", "has the wrong kind of value", "it takes [least, most] in milliseconds")
    blocks = table.texts("corrupt_blocks")
    for block in blocks:
        if not _BLOCK.fullmatch(block):
            table.refuse("corrupt_blocks", f"names {block!r}", 'it takes "vol:<n>:<block>" or "vol-…:<block>"')
    faults = Faults(
        lease_ttl_s=table.whole("lease_ttl_s", None, low=1),
        latency_ms=(float(latency[0]), float(latency[1])),
        throttle=table.number("throttle", 0.0, high=1.0),
        expire_leases_after_s=table.number("expire_leases_after_s", None),
        corrupt_blocks=blocks,
        drop_connections=table.number("drop_connections", 0.0, high=1.0),
        deny=table.texts("deny"),
        throttle_services=_each_of(table, "throttle_services", "|".join(AWS_SERVICES), ", ".join(AWS_SERVICES)),
        fail_copies_at=table.whole("fail_copies_at", None, high=99),
        disabled_keys=_each_of(table, "disabled_keys", _KEY, f'"<account>:<region>:<kind>", a kind of {_KINDS}'),
        lose_snapshots_after_s=table.number("lose_snapshots_after_s", None),
        left_accounts=_each_of(table, "left_accounts", _ACCOUNT, "account ids of 12 digits"),
        clock_skew_s=table.whole("clock_skew_s", 0, low=-_DAY_S, high=_DAY_S),
    )
    table.end()
    return faults


def _each_of(table: Table, key: str, pattern: str, kind: str) -> tuple[str, ...]:
    """The texts of ``key``, each of which must match ``pattern``."""
    texts = table.texts(key)
    for text in texts:
        if not re.fullmatch(pattern, text):
            table.refuse(key, f"names {text!r}", f"it takes {kind}")
    return texts


def _known_accounts(table: Table, faults: Faults, aws: Aws | None) -> None:
    """Faults of a pack name accounts that it has; the forensics account is where the examiner works from."""
    known = {account.id: account for account in aws.accounts} if aws else {}
    for key, ids in (
        ("left_accounts", faults.left_accounts),
        ("disabled_keys", [one.partition(":")[0] for one in faults.disabled_keys]),
    ):
        for id_ in ids:
            if id_ not in known:
                table.refuse(key, f"names account {id_}, which is not listed", "add it to [[aws.accounts]]")
    for id_ in faults.left_accounts:
        if known[id_].forensics:
            table.refuse("left_accounts", "names the forensics account", "name an account that is examined")
