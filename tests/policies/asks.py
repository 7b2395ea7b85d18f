"""What both judges are asked: requests as AWS authorises them, written from the vendor's reference.

Source: AWS Service Authorization Reference ("Actions, resources, and condition keys" for Amazon EC2, Amazon EBS,
AWS KMS, AWS STS, AWS IAM). Nothing of the embedded cloud's own derivation of requests is used here: where a case
goes over the wire, that derivation is what is compared with this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]
Context = Mapping[str, str | list[str]]

CASE_TAG = "ir-case"
TRANSPORT_TAG = "jumpbag:transport"


@dataclass(frozen=True, slots=True)
class Ask:
    """One action on one resource; ``account`` is whose resource it is, ``context`` the request's own keys.

    ``resource_policy``: the policy of that resource where it has one (a KMS key, a role).
    """

    action: str
    resource: str
    account: str
    context: Context = field(default_factory=dict)
    resource_policy: Document | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Who asks: a principal (ARN), what bounds it, and the keys that every request of it carries."""

    principal: str
    account: str
    identity: tuple[Document, ...]
    session: Document | None
    controls: tuple[Document, ...]
    context: Context


@dataclass(frozen=True, slots=True)
class Thing:
    """A volume, snapshot, instance or key that cases are about. ``context`` are the keys that it gives a request.

    ``shown`` are its tags: condition keys for its owner's calls alone.
    """

    id: str
    arn: str
    account: str
    region: str
    context: Mapping[str, str] = field(default_factory=dict)
    shown: Mapping[str, str] = field(default_factory=dict)
    policy: Document | None = None

    def seen_by(self, account: str) -> dict[str, str | list[str]]:
        """Its condition keys in a call of ``account``."""
        return {**self.context, **self.tags_seen_by(account), "aws:ResourceAccount": self.account}

    def tags_seen_by(self, account: str) -> dict[str, str | list[str]]:
        if account != self.account:
            return {}
        return {f"aws:ResourceTag/{key}": value for key, value in self.shown.items()}


def on(action: str, thing: Thing, by: str, context: Context | None = None) -> Ask:
    """``action`` on something that exists, called from account ``by``.

    A snapshot has no account in its ARN: the caller's policies alone decide, whoever it belongs to. That it is
    shared is EC2's own rule, not IAM's.
    """
    whose = by if "::snapshot/" in thing.arn else thing.account
    return Ask(action, thing.arn, whose, {**thing.seen_by(by), **(context or {})}, thing.policy)


def on_blocks(action: str, snapshot: Thing, by: str) -> Ask:
    """An EBS direct action: it knows the snapshot's tags, but none of EC2's keys."""
    return Ask(action, snapshot.arn, by, snapshot.tags_seen_by(by))


def anywhere(action: str, account: str) -> Ask:
    """An action that knows no resource: a list or a description of all."""
    return Ask(action, "*", account)


def new_snapshots(
    action: str, account: str, region: str, tags: Mapping[str, str], context: Context | None = None
) -> list[Ask]:
    """The snapshot that ``action`` makes, and its tags.

    EC2 User Guide, "Grant permission to tag Amazon EC2 resources during creation": CreateTags is authorised too,
    with ec2:CreateAction.
    """
    arn = f"arn:aws:ec2:{region}::snapshot/*"
    asked: dict[str, str | list[str]] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    if tags:
        asked["aws:TagKeys"] = list(tags)
    asks = [Ask(f"ec2:{action}", arn, account, {**asked, **(context or {})})]
    if tags:
        asks.append(Ask("ec2:CreateTags", arn, account, {**asked, "ec2:CreateAction": action}))
    return asks


def keyed(action: str, key: Thing, by: str, *, via: str = "", for_service: bool | None = None) -> Ask:
    """A KMS action on ``key``. ``via`` is the region of the EC2 that calls on somebody's behalf, "" for a call of
    one's own. (AWS KMS Developer Guide, "AWS KMS condition keys".)"""
    context: dict[str, str | list[str]] = {"kms:CallerAccount": by}
    if via:
        context["kms:ViaService"] = f"ec2.{via}.amazonaws.com"
    if for_service is not None:
        context["kms:GrantIsForAWSResource"] = str(for_service).lower()
    return on(action, key, by, context)
