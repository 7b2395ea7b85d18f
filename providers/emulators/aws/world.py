"""All that one embedded AWS holds, and the question "may this caller do this?"."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from providers.emulators.aws.actions import LEVELS
from providers.emulators.aws.errors import refusal
from providers.emulators.aws.evaluate import Decision, Request, decide
from providers.emulators.aws.faults import FaultBox
from providers.emulators.aws.identities import Document, Identities, Principal, Role, User
from providers.emulators.aws.journal import Journal
from providers.emulators.aws.kms_keys import Key, KeyRing
from providers.emulators.aws.organization import Organization
from providers.emulators.aws.roles import COLLECT_ROLE
from providers.emulators.scenario.disks import DiskStore
from providers.emulators.scenario.model import Aws, Scenario

if TYPE_CHECKING:
    from providers.emulators.aws.compute import Compute
    from providers.emulators.aws.iam_store import IamStore
    from providers.emulators.aws.snapshots import SnapshotStore

FULL_ACCESS: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


class World:
    """The state of the cloud. EC2 state is touched by the worker thread ``ec2`` alone, the rest by the loop."""

    compute: Compute
    iam: IamStore
    snapshots: SnapshotStore

    def __init__(self, scenario: Scenario, aws: Aws, disks: DiskStore) -> None:
        self.scenario = scenario
        self.aws = aws
        self.disks = disks
        self.started = datetime.now(UTC)
        self.faults = FaultBox(scenario.faults, scenario.seed)
        self.journal = Journal()
        self.identities = Identities()
        self.organization = Organization(aws.accounts, scenario.seed)
        self.accounts = {account.id: account for account in aws.accounts}
        self.forensics = next(account.id for account in aws.accounts if account.forensics)
        self.ring = KeyRing(aws, scenario.seed)
        self.secret = secrets.token_bytes(32)
        self.ec2 = ThreadPoolExecutor(1, "ec2")
        self.builders = ThreadPoolExecutor(1, "disks")
        self._chance = random.Random(f"{scenario.seed}:ids")  # noqa: S311 - repeatable, not secret

    def new_id(self, prefix: str) -> str:
        """An id of the vendor's form: ``vol-`` and 17 hexadecimal digits, from the scenario's seed."""
        return f"{prefix}-0{self._chance.getrandbits(64):016x}"

    @property
    def keys(self) -> list[Key]:
        return self.ring.keys

    def key(self, account: str, region: str, kind: str) -> Key | None:
        """The key of an account and region of that kind (``none``, or one of ``kms_keys.ALIASES``)."""
        return None if kind == "none" else self.ring.key(account, region, kind)

    def find_key(self, arn: str | None) -> Key | None:
        return next((key for key in self.keys if key.arn == arn), None)

    def context(self, principal: Principal, region: str) -> dict[str, str | list[str]]:
        """The global condition keys of a call (IAM User Guide, "AWS global condition context keys")."""
        now = datetime.now(UTC)
        context: dict[str, str | list[str]] = {
            "aws:currenttime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "aws:epochtime": str(int(now.timestamp())),
            "aws:principalaccount": principal.account,
            "aws:principalarn": principal.entity.arn,
            "aws:principalisawsservice": "false",
            "aws:principalorgid": self.organization.id,
            "aws:principaltype": "AssumedRole" if principal.assumed else "User",
            "aws:requestedregion": region,
            "aws:securetransport": "true",
            "aws:sourceip": "127.0.0.1",
            "aws:userid": principal.user_id,
            "aws:viaawsservice": "false",
        }
        if self.left(principal.account):
            del context["aws:principalorgid"]
        if isinstance(principal.entity, User):
            context["aws:username"] = principal.entity.name
        if principal.issued is not None:
            context["aws:tokenissuetime"] = principal.issued.strftime("%Y-%m-%dT%H:%M:%SZ")
            context["aws:multifactorauthpresent"] = "false"
        if principal.source_identity:
            context["aws:sourceidentity"] = principal.source_identity
        for key, value in principal.tags.items():
            context[f"aws:principaltag/{key.lower()}"] = value
        return context

    def left(self, account: str) -> bool:
        """Whether the account has left the organisation (a fault)."""
        return account in self.faults.now.left_accounts

    def role(self, arn: str) -> Role | None:
        """A role that can be assumed now.

        The collect role is rolled out by a stack set: an account that leaves the organisation loses its stack
        (CloudFormation User Guide, "Enable or disable automatic deployments for StackSets in Organizations").
        """
        role = self.identities.role(arn)
        return None if role is not None and role.name == COLLECT_ROLE and self.left(role.account) else role

    def controls(self, account: str) -> list[Document]:
        """The service control policies of an account; FullAWSAccess is always attached."""
        inside = account in self.accounts and not self.left(account)
        scp = self.accounts[account].scp if inside else None
        return [FULL_ACCESS, scp] if scp else []

    def decide(self, principal: Principal, request: Request) -> Decision:
        """What the caller's account says to one request; an action without a rule here is denied."""
        if request.action not in LEVELS:
            return Decision(allowed=False, why="because the embedded cloud has no rule for this action")
        return decide(
            request, principal.entity.policies, principal.session_policy, self.controls(principal.account)
        )

    def authorise(self, service: str, principal: Principal, requests: Iterable[Request]) -> None:
        """Every one must be allowed; else ApiError with the service's own code and the vendor's wording."""
        for request in requests:
            decision = self.decide(principal, request)
            if not decision.allowed:
                raise refusal(service, "denied", denial(service, principal, request, decision))

    def close(self) -> None:
        self.ec2.shutdown(wait=True, cancel_futures=True)
        self.builders.shutdown(wait=True, cancel_futures=True)
        self.snapshots.close()


def denial(service: str, principal: Principal, request: Request, decision: Decision) -> str:
    """IAM User Guide, "Troubleshoot access denied error messages"."""
    text = (
        f"User: {principal.arn} is not authorized to perform: {request.action} "
        f"on resource: {request.resource} {decision.why}".rstrip()
    )
    return f"You are not authorized to perform this operation. {text}" if service == "ec2" else text


def tags_of(pairs: Any, prefix: str) -> dict[str, str | list[str]]:
    """Tags as condition keys ``prefix``/…; the key part ignores case, as the vendor's does."""
    return {f"{prefix}/{key.lower()}": value for key, value in dict(pairs).items()}
