"""A small scripted AWS for planning: what a test puts in is described, nothing else is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from app.credentials.policy import with_leases
from app.model import Account, Plan
from app.ports import Grant, PlanRequest, Provider
from tests.aws.conftest import ACCOUNT as ACCOUNT
from tests.aws.conftest import lease
from tests.aws.scripted import Scripted, Seen, ec2, ec2_error, tags, xml

FORENSICS = "111111111111"
REGION = "eu-west-1"
VOLUME, INSTANCE = "vol-0123456789abcdef0", "i-0123456789abcdef0"
TAGGED = {"Forensics": "Enabled"}
ALIAS = "alias/jumpbag-evidence"


def role(account: str) -> str:
    return f"arn:aws:iam::{account}:role/jumpbag"


def arn(number: int, account: str = ACCOUNT, region: str = REGION) -> str:
    return f"arn:aws:kms:{region}:{account}:key/{number:08x}-1234-1234-1234-123456789012"


def allow(*principals: str, actions: str | list[str] = "kms:*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": actions, "Resource": "*", **more}


def root(account: str) -> dict[str, Any]:
    return allow(f"arn:aws:iam::{account}:root")


DEFAULT_POLICY = [
    {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant",
                   "kms:DescribeKey"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": f"ec2.{REGION}.amazonaws.com"}
        },
    },
    allow(f"arn:aws:iam::{ACCOUNT}:root", actions=["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"]),
]  # fmt: skip
"""As AWS KMS makes it for aws/ebs (AWS KMS Developer Guide, "AWS managed keys")."""


@dataclass
class FakeKey:
    arn: str
    policy: list[dict[str, Any]]
    manager: str = "CUSTOMER"
    state: str = "Enabled"
    alias: str = ""
    grants: list[dict[str, Any]] = field(default_factory=list)

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]


@dataclass
class FakeVolume:
    id: str = VOLUME
    gib: int = 8
    tags: dict[str, str] = field(default_factory=lambda: dict(TAGGED))
    key: str | None = None
    device: str = "/dev/xvda"
    attached: bool = True
    state: str = "in-use"
    dies: bool = True


@dataclass
class Planned:
    """``denied`` are actions that are refused ("kms:GetKeyPolicy"); ``asked`` is what was asked, per account;
    ``aliases``: account -> the key that its evidence alias is said to name, whosever it is."""

    volumes: list[FakeVolume] = field(default_factory=list)
    keys: list[FakeKey] = field(default_factory=list)
    instance: str = ""
    attributes: dict[str, str] = field(
        default_factory=lambda: {"instanceInitiatedShutdownBehavior": "stop", "disableApiTermination": "true"}
    )
    instance_tags: dict[str, str] = field(default_factory=lambda: {"Name": "web-01", **TAGGED})
    kind: str = "m6i.large"
    state: str = "running"
    profile: list[str] | None = None
    inline: list[str] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)
    aliases: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    observed: list[str] = field(default_factory=list)

    async def answer(self, _: web.Request, seen: Seen) -> web.StreamResponse:
        action, account = seen.action, seen.key.removeprefix("ASIA")[:12]
        self.asked.append((account, action))
        if action.startswith("Describe") and seen.form:
            return self._ec2(action, seen.form)
        if seen.headers.get("x-amz-target", "").startswith("TrentService"):
            return self._kms(action, account, seen)
        return self._iam(action, seen.form)

    def _ec2(self, action: str, form: Mapping[str, str]) -> web.Response:
        if f"ec2:{action}" in self.denied:
            return ec2_error("UnauthorizedOperation", status=403)
        if action == "DescribeVolumes":
            wanted = {value for name, value in form.items() if name.startswith("VolumeId")}
            return ec2(
                action,
                f"<volumeSet>{''.join(self._volume(v) for v in self.volumes if v.id in wanted)}</volumeSet>",
            )
        if action == "DescribeInstances":
            return ec2(
                action,
                f"<reservationSet><item><instancesSet>{self._instance()}</instancesSet></item></reservationSet>",
            )
        name = form["Attribute"]
        return ec2(
            action, f"<instanceId>{INSTANCE}</instanceId><{name}><value>{self.attributes[name]}</value></{name}>"
        )

    def _volume(self, volume: FakeVolume) -> str:
        holder = (
            f"<attachmentSet><item><volumeId>{volume.id}</volumeId><instanceId>{INSTANCE}</instanceId><device>"
            f"{volume.device}</device><status>attached</status><deleteOnTermination>{str(volume.dies).lower()}"
            "</deleteOnTermination></item></attachmentSet>"
        )
        key = f"<kmsKeyId>{volume.key}</kmsKeyId>" if volume.key else ""
        return (
            f"<item><volumeId>{volume.id}</volumeId><size>{volume.gib}</size><status>{volume.state}</status>"
            f"<volumeType>gp3</volumeType><encrypted>{'true' if volume.key else 'false'}</encrypted>{key}"
            f"{holder if volume.attached else ''}{tags(volume.tags)}</item>"
        )

    def _instance(self) -> str:
        blocks = "".join(
            f"<item><deviceName>{v.device}</deviceName><ebs><volumeId>{v.id}</volumeId></ebs></item>"
            for v in self.volumes
            if v.attached
        )
        profile = (
            f"<iamInstanceProfile><arn>arn:aws:iam::{ACCOUNT}:instance-profile/web/web-profile</arn>"
            "<id>AIPA</id></iamInstanceProfile>"
            if self.profile is not None
            else ""
        )
        return (
            f"<item><instanceId>{INSTANCE}</instanceId><instanceType>{self.kind}</instanceType><rootDeviceName>/dev/xvda"
            f"</rootDeviceName><instanceState><code>16</code><name>{self.state}</name></instanceState>{self.instance}"
            f"<blockDeviceMapping>{blocks}</blockDeviceMapping>{profile}{tags(self.instance_tags)}</item>"
        )

    def _kms(self, action: str, account: str, seen: Seen) -> web.Response:
        if f"kms:{action}" in self.denied or f"kms:{action}@{account}" in self.denied:
            return _json({"__type": "AccessDeniedException"}, 400)
        body = json.loads(seen.body)
        wanted, place = body["KeyId"], seen.headers["authorization"].split("/")[2]
        for key in self.keys:
            named = key.alias and wanted == key.alias and (key.account, key.region) == (account, place)
            misled = wanted == ALIAS and self.aliases.get(account) == key.arn
            if wanted != key.arn and not named and not misled:
                continue
            if action == "GetKeyPolicy":
                return _json({"Policy": json.dumps({"Version": "2012-10-17", "Statement": key.policy})})
            if action == "ListGrants":
                return _json({"Grants": key.grants, "Truncated": False})
            metadata = {"KeyId": key.arn.rpartition("/")[2], "Arn": key.arn, "KeyManager": key.manager,
                        "KeyState": key.state}  # fmt: skip
            return _json({"KeyMetadata": metadata})
        return _json({"__type": "NotFoundException"}, 400)

    def _iam(self, action: str, form: Mapping[str, str]) -> web.Response:
        if f"iam:{action}" in self.denied:
            return xml(
                "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
                status=403,
            )
        body = ""
        if action == "GetInstanceProfile":
            assert form["InstanceProfileName"] == "web-profile"
            body = (
                "<InstanceProfile><InstanceProfileName>web-profile</InstanceProfileName><Roles><member><RoleName>web"
                f"</RoleName><Arn>arn:aws:iam::{ACCOUNT}:role/app/web</Arn></member></Roles></InstanceProfile>"
            )
        elif action == "ListRolePolicies":
            names = "".join(f"<member>{escape(name)}</member>" for name in self.inline)
            body = f"<PolicyNames>{names}</PolicyNames><IsTruncated>false</IsTruncated>"
        elif action == "ListAttachedRolePolicies":
            members = "".join(f"<member><PolicyArn>{one}</PolicyArn></member>" for one in self.profile or [])
            body = f"<AttachedPolicies>{members}</AttachedPolicies><IsTruncated>false</IsTruncated>"
        return xml(
            f'<{action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><{action}Result>{body}'
            f"</{action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
        )


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(status=status, text=json.dumps(body), content_type="application/x-amz-json-1.1")


@dataclass
class Table:
    """A provider's planner on a scripted AWS."""

    provider: Provider
    aws: Planned
    script: Scripted

    async def plan(
        self,
        route: str = "auto",
        *,
        kind: str = "disk",
        target: str = "",
        account: str = ACCOUNT,
        region: str = REGION,
        lock_days: int = 0,
    ) -> Plan:
        """The plan with its leases, as the agent has it."""

        async def observe(wanted: str) -> Grant:
            self.aws.observed.append(wanted)
            return lease(wanted, f"ASIA{wanted}0000")

        plan = await self.provider.planner.plan(
            PlanRequest(
                kind=kind,
                account=Account(cloud="aws", id=account, name="payments-prod"),
                region=region,
                target=target or (VOLUME if kind == "disk" else INSTANCE),
                route=route,
                lock_days=lock_days,
            ),
            observe,
        )
        return with_leases(plan, self.provider.identity.role, 3600)


def own_keys() -> dict[str, FakeKey]:
    """A key of each kind in the source account, and the two evidence keys."""
    key_users = [root(ACCOUNT), allow(f"arn:aws:iam::{FORENSICS}:root", actions=["kms:Decrypt", "kms:DescribeKey",
                 "kms:ReEncrypt*", "kms:CreateGrant", "kms:GenerateDataKey*"])]  # fmt: skip
    return {
        "default": FakeKey(arn(1), DEFAULT_POLICY, manager="AWS", alias="alias/aws/ebs"),
        "customer": FakeKey(arn(2), key_users, alias="alias/volumes"),
        "private": FakeKey(arn(3), [root(ACCOUNT)], alias="alias/private"),
        "evidence": FakeKey(arn(4), key_users, alias=ALIAS),
        "forensics": FakeKey(arn(5, FORENSICS), [root(FORENSICS)], alias=ALIAS),
    }
