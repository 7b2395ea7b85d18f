"""KMS facts, read before anything is started: what a key is, in what state, and who may use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.faults import Denied, Fault, Gone, Untrusted
from app.ports import Grant
from app.text import visible
from providers.aws import arns
from providers.aws.clients import Clients, keys_of
from providers.aws.faults import Call
from providers.aws.key_policy import Asker, Verdict, judge

DECRYPT = ("kms:Decrypt",)
SOURCE = ("kms:DescribeKey", "kms:Decrypt", "kms:ReEncryptFrom", "kms:CreateGrant")
"""What CopySnapshot asks of the key that it reads (Amazon EBS User Guide, "Amazon EBS encryption")."""
DESTINATION = ("kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:CreateGrant")
DESTINATION_FROM_ENCRYPTED = (*DESTINATION, "kms:ReEncryptTo")
"""What CopySnapshot asks of the key that it writes under, of a plain and of an encrypted source."""

_POLICY_AT_MOST = 1 << 16  # characters; KMS takes 32 KiB (AWS KMS API Reference, PutKeyPolicy)
_GRANT_PAGES = 20


@dataclass(frozen=True, slots=True)
class Key:
    """A KMS key as far as it could be read.

    ``manager`` is AWS for a default key (aws/ebs). ``state`` is KMS's own word, "" where it could not be read;
    ``unread`` says why the policy is not known, "" where it is.
    """

    arn: str
    manager: Literal["AWS", "CUSTOMER", ""]
    state: str
    policy: Mapping[str, Any] | None
    unread: str = ""

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def usable(self) -> bool:
        """Not known to be out of use."""
        return self.state in ("", "Enabled")

    @property
    def short(self) -> str:
        """Enough to tell the keys of one plan apart."""
        return f"key {self.id[:8]}…" if len(self.id) > 8 else f"key {self.id}"

    def __str__(self) -> str:
        return f"key {self.id}"


class Keys:
    """Reads keys of one plan; every key is read once."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._read: dict[tuple[str, str], Key] = {}
        self._granted: dict[tuple[str, str], set[str] | str] = {}

    async def key(self, arn: str, account: str, grant: Grant) -> Key:
        """The key of that ARN as ``account`` sees it. What cannot be read is unknown, not a fault."""
        found = arns.KMS_KEY.fullmatch(arns.trusted(arns.KMS_KEY, arn, "the ARN of a KMS key"))
        assert found is not None
        if (account, arn) not in self._read:
            region = found[2]
            try:
                metadata = await self._describe(arn, account, region, grant)
            except Gone:
                key = Key(arn=arn, manager="CUSTOMER", state="NotFound", policy=None, unread="it does not exist")
            except Fault as fault:
                key = Key(arn=arn, manager="", state="", policy=None, unread=_unread("kms:DescribeKey", fault))
            else:
                key = await self._whole(arn, metadata, account, region, grant)
            self._read[account, arn] = key
        return self._read[account, arn]

    async def named(self, alias: str, account: str, region: str, grant: Grant) -> Key | None:
        """The key behind an alias of ``account``; None if there is no such alias. Faults pass but Gone."""
        if (account, f"{region}/{alias}") not in self._read:
            try:
                metadata = await self._describe(alias, account, region, grant)
            except Gone:
                return None
            arn = arns.trusted(arns.KMS_KEY, metadata.get("Arn"), "the ARN of a KMS key")
            if arn.split(":")[3:5] != [region, account]:
                # An alias names a key of its own account and region; copies must not end under somebody else's.
                raise Untrusted(
                    f"KMS answers that {visible(alias)} of account {account}, {region} is {visible(arn)}",
                    next="check the endpoint in the context bar; do not go on before this is explained",
                )
            self._read[account, f"{region}/{alias}"] = await self._whole(arn, metadata, account, region, grant)
        return self._read[account, f"{region}/{alias}"]

    async def verdict(
        self, key: Key, asker: Asker, actions: tuple[str, ...], reader: str, grant: Grant
    ) -> Verdict:
        """Whether ``asker`` may do ``actions`` with ``key``: by its policy, else by its grants.

        ``reader`` is the account that ``grant`` looks from.
        """
        if key.policy is None:
            return Verdict("unknown", key.unread)
        said = judge(key.policy, key.arn, asker, actions)
        if said.answer == "yes" or said.denied:
            return said
        granted = await self._grants(key, asker.role, reader, grant)
        if isinstance(granted, str):
            return said if said.answer == "unknown" else Verdict("unknown", f"{said.why}, and {granted}")
        return judge(key.policy, key.arn, asker, actions, granted)

    async def _describe(self, wanted: str, account: str, region: str, grant: Grant) -> Mapping[str, Any]:
        call = Call("kms", "DescribeKey", account, region, wanted.rpartition(":")[2])
        answer = await self._clients.read(call, keys_of(grant), KeyId=wanted)
        metadata = answer.get("KeyMetadata")
        return metadata if isinstance(metadata, Mapping) else {}

    async def _whole(self, arn: str, metadata: Mapping[str, Any], account: str, region: str, grant: Grant) -> Key:
        manager, state = metadata.get("KeyManager"), str(metadata.get("KeyState") or "")
        policy, unread = await self._policy(arn, account, region, grant)
        return Key(
            arn=arn,
            manager="AWS" if manager == "AWS" else "CUSTOMER" if manager == "CUSTOMER" else "",
            state=visible(state, cap=40),
            policy=policy,
            unread=unread,
        )

    async def _policy(
        self, arn: str, account: str, region: str, grant: Grant
    ) -> tuple[Mapping[str, Any] | None, str]:
        if arn.split(":")[4] != account:
            # GetKeyPolicy has no cross-account use (AWS KMS API Reference).
            return None, f"its policy can be read in account {arn.split(':')[4]} alone"
        call = Call("kms", "GetKeyPolicy", account, region, f"key {arn.rpartition('/')[2]}")
        try:
            answer = await self._clients.read(call, keys_of(grant), KeyId=arn, PolicyName="default")
        except Fault as fault:
            return None, _unread("kms:GetKeyPolicy", fault)
        text = answer.get("Policy")
        if not isinstance(text, str) or len(text) > _POLICY_AT_MOST:
            return None, "its policy cannot be read"
        try:
            policy = json.loads(text)
        except (ValueError, RecursionError):
            return None, "its policy is not JSON"
        return (policy, "") if isinstance(policy, Mapping) else (None, "its policy is no policy document")

    async def _grants(self, key: Key, role: str, reader: str, grant: Grant) -> set[str] | str:
        """The actions that unconditional grants give ``role``; a text when they cannot be read."""
        if (key.arn, role) not in self._granted:
            self._granted[key.arn, role] = await self._list_grants(key, role, reader, grant)
        return self._granted[key.arn, role]

    async def _list_grants(self, key: Key, role: str, reader: str, grant: Grant) -> set[str] | str:
        call = Call("kms", "ListGrants", reader, key.region, str(key))
        found: set[str] = set()
        more: dict[str, Any] = {}
        try:
            for _ in range(_GRANT_PAGES):
                answer = await self._clients.read(
                    call, keys_of(grant), KeyId=key.arn, GranteePrincipal=role, Limit=100, **more
                )
                for entry in answer.get("Grants") or []:
                    if entry.get("GranteePrincipal") == role and not entry.get("Constraints"):
                        found.update(f"kms:{operation}" for operation in entry.get("Operations") or [])
                if not answer.get("Truncated") or not answer.get("NextMarker"):
                    return found
                more = {"Marker": answer["NextMarker"]}
        except Fault as fault:
            return _unread("kms:ListGrants", fault)
        return "it has more grants than are read here"


def _unread(action: str, fault: Fault) -> str:
    """Why something stays unknown. What may pass (throttling, an expired lease) is raised instead."""
    if isinstance(fault, Denied):
        return f"{action} is not allowed to the role there"
    if isinstance(fault, Gone) or fault.code == "cloud":
        return f"{action} is refused there"
    raise fault
