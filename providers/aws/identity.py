"""Who we are, the accounts of the organisation, and leases: sts:AssumeRole called by ourselves.

botocore's own profiles with a role pass neither session policy, nor tags, nor SourceIdentity.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from app.faults import CredentialNeeded, Denied, Fault, Untrusted, Usage
from app.model import Account
from app.ports import Caller, Grant, LeaseRequest, Scope
from app.text import visible
from providers.aws import arns
from providers.aws.clients import Clients, request_id
from providers.aws.faults import Call
from providers.aws.settings import Settings

CASE_TAG = "ir-case"
"""Session tag and tag of everything made: conditions hold the one against the other."""

SHORTEST, LONGEST, LONGEST_CHAINED = 900, 43200, 3600
"""Seconds (STS API Reference, AssumeRole, DurationSeconds: 900 to 43,200, role chaining at most 3,600)."""

_CHAINED = "the base identity is itself an assumed role, and AWS gives chained roles one hour at most"
_SESSION_CHARS = re.compile(r"[^A-Za-z0-9_+=,.@-]")
_SOURCE_IDENTITY = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_UNITS_AT_MOST = 20000
_PACKED_NOTED = 80
"""Percent (STS API Reference, AssumeRole, PackedPolicySize) from which a lease says how full it is."""


class AwsIdentity:
    """The port ``Identity``."""

    def __init__(self, settings: Settings, scope: Scope, clients: Clients) -> None:
        self._settings = settings
        self._scope = scope
        self._clients = clients
        self._caller: Caller | None = None

    async def caller(self) -> Caller:
        """sts:GetCallerIdentity, asked once until :meth:`forget`."""
        if self._caller is None:
            call = self._base_call("sts", "GetCallerIdentity", "the base identity", self._settings.aws.home_region)
            answer = await self._read(call)
            arn = arns.trusted(arns.PRINCIPAL, answer.get("Arn"), "the ARN of a principal")
            account = arns.trusted(arns.ACCOUNT, answer.get("Account"), "an account id")
            self._caller = Caller(principal=arn, account=account, chained=":assumed-role/" in arn)
        return self._caller

    async def accounts(self) -> AsyncIterator[Account]:
        """Accounts in the order in which the organisation's tree is walked, breadth first."""
        listed = self._settings.aws.accounts
        if listed is not None:
            for named in listed:
                yield self._account(named.id, named.name, "", "ACTIVE")
            return
        units: deque[tuple[str, str]] = deque()
        async for page in self._organization("ListRoots", "the organisation"):
            units.extend((_id(root), "") for root in _list(page, "Roots"))
        seen = 0
        while units:
            parent, path = units.popleft()
            seen += 1
            if seen > _UNITS_AT_MOST:
                raise Untrusted("AWS Organizations: the tree does not end", next="check the endpoint")
            subject = path or "the organisation's root"
            async for page in self._organization("ListAccountsForParent", subject, ParentId=parent):
                for entry in _list(page, "Accounts"):
                    state = entry.get("State") or entry.get("Status") or "ACTIVE"
                    yield self._account(entry.get("Id"), entry.get("Name"), path, str(state))
            async for page in self._organization("ListOrganizationalUnitsForParent", subject, ParentId=parent):
                for unit in _list(page, "OrganizationalUnits"):
                    name = str(unit.get("Name") or "?").replace("/", "∕")  # a name may hold the separator
                    units.append((_id(unit), f"{path}/{name}" if path else name))

    def role(self, account: str) -> str:
        return arns.role(self._settings.aws.home_region, arns.account(account), self._settings.aws.role)

    async def issue(self, request: LeaseRequest) -> Grant:
        """One AssumeRole, one attempt: it is a mutating call, so a second one needs a second intent."""
        examiner = self._scope.examiner
        if not request.policy:
            raise Usage("a lease without a session policy is never asked for", next="give the lease its policy")
        if not _SOURCE_IDENTITY.fullmatch(examiner) or examiner.startswith("aws:"):
            raise Usage(
                f"the examiner id {visible(examiner, cap=70)!r} cannot be a SourceIdentity",
                next="use 2 to 64 letters, digits and _ + = , . @ - in [examiner] id",
            )
        seconds, note = await self._given(request.seconds)
        parameters: dict[str, Any] = {
            "RoleArn": request.role,
            "RoleSessionName": session_name(self._scope.case, request.lease),
            "SourceIdentity": examiner,
            "Tags": [{"Key": CASE_TAG, "Value": self._scope.case}],
            "TransitiveTagKeys": [CASE_TAG],
            "Policy": request.policy,
            "DurationSeconds": seconds,
        }
        if self._settings.aws.external_id is not None:
            parameters["ExternalId"] = self._settings.aws.external_id
        call = Call(
            "sts",
            "AssumeRole",
            arns.account(request.account),
            self._settings.aws.home_region,
            request.role,
            base=True,
        )
        issued = self._scope.clock.now()
        try:
            answer = await self._clients.write(call, await self._clients.base(), "sts", **parameters)
        except CredentialNeeded:
            self.forget()
            raise
        except Denied as fault:
            raise await self._refused(fault, request) from None
        return self._grant(answer, request, issued, "; ".join(filter(None, (note, _packed(answer)))))

    def forget(self) -> None:
        self._clients.forget()
        self._caller = None

    async def lifetime(self, seconds: int) -> tuple[int, str]:
        """What AWS gives instead of ``seconds``, and why: see :data:`LONGEST` and :data:`LONGEST_CHAINED`."""
        given, note = await self._given(seconds)
        if not note and given == LONGEST_CHAINED and (await self.caller()).chained:
            note = f"3,600 s is the most: {_CHAINED}"
        return given, note

    async def _given(self, seconds: int) -> tuple[int, str]:
        if seconds > LONGEST_CHAINED and (await self.caller()).chained:
            return LONGEST_CHAINED, f"clamped to 3,600 s: {_CHAINED}"
        if seconds > LONGEST:
            return LONGEST, "clamped to 43,200 s: AWS gives no role longer"
        if seconds < SHORTEST:
            return SHORTEST, "raised to 900 s: AWS gives no role shorter"
        return seconds, ""

    def _grant(self, answer: dict[str, Any], request: LeaseRequest, issued: datetime, note: str) -> Grant:
        given = answer.get("Credentials") or {}
        expires = given.get("Expiration")
        secret: dict[str, str] = {
            "access_key": given.get("AccessKeyId") or "",
            "secret_key": given.get("SecretAccessKey") or "",
            "session_token": given.get("SessionToken") or "",
        }
        principal = arns.trusted(
            arns.ROLE_SESSION, (answer.get("AssumedRoleUser") or {}).get("Arn"), "the ARN of a role session"
        )
        match = arns.ROLE_SESSION.fullmatch(principal)
        whole = all(secret.values())
        if match is None or match[1] != request.account or not whole or not isinstance(expires, datetime):
            raise Untrusted(
                f"sts:AssumeRole for {request.role}: the answer is not a credential of account {request.account}",
                next="check the endpoint in the context bar",
                request_id=request_id(answer),
            )
        return Grant(
            lease=request.lease,
            account=request.account,
            principal=principal,
            issued=issued,
            expires=expires.astimezone(UTC),
            request_id=request_id(answer),
            note=note,
            secret=secret,
        )

    async def _refused(self, fault: Denied, request: LeaseRequest) -> Denied:
        principal = "the base identity"
        with suppress(Fault):  # the refusal is what matters; who was refused may stay unnamed
            principal = (await self.caller()).principal
        external = " with the external_id of [aws]" if self._settings.aws.external_id is not None else ""
        return Denied(
            fault.message,
            next=(
                f"whoever runs account {request.account} can change it: {request.role} must exist, and its trust "
                f"policy must allow sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity{external} to "
                f"{principal}"
            ),
            request_id=fault.request_id,
            provider_code=fault.provider_code,
        )

    def _account(self, found: object, name: object, path: str, state: str) -> Account:
        account = arns.trusted(arns.ACCOUNT, found, "an account id")
        active = state == "ACTIVE"
        return Account(
            cloud="aws",
            id=account,
            name=name if isinstance(name, str) and name else account,
            path=path,
            forensics=account == self._settings.aws.forensics_account,
            reachable=None if active else False,
            reason=None if active else f"the account is {visible(state, cap=40).lower()} in AWS Organizations",
        )

    async def _organization(
        self, operation: str, subject: str, **parameters: Any
    ) -> AsyncIterator[dict[str, Any]]:
        region = arns.organizations_region(self._settings.aws.home_region)
        call = self._base_call("organizations", operation, subject, region)
        try:
            async for page in self._clients.pages(call, await self._clients.base(), **parameters):
                yield page
        except CredentialNeeded:
            self.forget()
            raise
        except Fault as fault:
            if isinstance(fault, Denied) or fault.provider_code == "AWSOrganizationsNotInUseException":
                fault.next = "list the accounts in [[aws.accounts]], or ask for read access to AWS Organizations"
            raise

    async def _read(self, call: Call) -> dict[str, Any]:
        try:
            return await self._clients.read(call, await self._clients.base())
        except CredentialNeeded:
            self.forget()
            raise

    def _base_call(self, service: str, operation: str, subject: str, region: str) -> Call:
        return Call(service, operation, self._settings.aws.forensics_account, region, subject, base=True)


def session_name(case: str, lease: str) -> str:
    """``jumpbag-<case>-<lease>`` in STS's alphabet and 64 characters; a long case id is cut, the lease never."""
    tail = "-" + _SESSION_CHARS.sub("-", lease)[:24]
    return ("jumpbag-" + _SESSION_CHARS.sub("-", case))[: 64 - len(tail)] + tail


def _packed(answer: dict[str, Any]) -> str:
    """A word on a session that is nearly as large as STS takes: policy and tags, packed, in percent."""
    share = answer.get("PackedPolicySize")
    if isinstance(share, int) and share > _PACKED_NOTED:
        return f"session policy and tags fill {share} % of what STS takes"
    return ""


def _id(entry: dict[str, Any]) -> str:
    return arns.trusted(_UNIT, entry.get("Id"), "the id of a root or unit")


_UNIT = re.compile(r"r-[0-9a-z]{4,32}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}")


def _list(page: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = page.get(name) or []
    return [entry for entry in found if isinstance(entry, dict)]
