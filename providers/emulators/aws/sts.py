"""STS: GetCallerIdentity and AssumeRole.

Sources: STS API Reference (AssumeRole: parameters, limits, errors), IAM User Guide ("Pass session tags in
AWS STS", "Monitor and control actions taken with assumed roles", "Role chaining").
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from providers.emulators.aws.errors import ApiError, refusal
from providers.emulators.aws.evaluate import Request, parse_policy, trusts
from providers.emulators.aws.identities import Document, Principal, Role
from providers.emulators.aws.world import World, denial, tags_of

_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_EXTERNAL = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_TAG = re.compile(r"[\w\s:/=+\-@.]*")
_MAX_TAGS = 50
_CHAINED_SECONDS = 3600


def caller_identity(principal: Principal) -> dict[str, Any]:
    """GetCallerIdentity: no permission is needed, and none can take it away."""
    return {"Arn": principal.arn, "UserId": principal.user_id, "Account": principal.account}


class AssumeRole:
    """One AssumeRole call: read, checked, authorised, answered."""

    def __init__(self, world: World, principal: Principal, region: str, form: Mapping[str, str]) -> None:
        self.world = world
        self.principal = principal
        self.region = region
        self.form = form
        self.arn = self._required("RoleArn")
        self.session = self._matching("RoleSessionName", _NAME, self._required("RoleSessionName"))
        self.external = form.get("ExternalId")
        if self.external is not None:
            self._matching("ExternalId", _EXTERNAL, self.external)
        self.source_identity = form.get("SourceIdentity", "")
        if self.source_identity:
            self._matching("SourceIdentity", _NAME, self.source_identity)
        self.tags = self._tags()
        self.transitive = _members(form, "TransitiveTagKeys")
        self.seconds = self._seconds()
        self.policy_text = form.get("Policy", "")
        self.policy = self._policy()

    def _required(self, name: str) -> str:
        value = self.form.get(name, "")
        if not value:
            raise ApiError(
                "ValidationError",
                f"1 validation error detected: Value at '{_low(name)}' failed to satisfy constraint: "
                "Member must not be null",
            )
        return value

    def _matching(self, name: str, pattern: re.Pattern[str], value: str) -> str:
        if not pattern.fullmatch(value):
            raise ApiError(
                "ValidationError",
                f"1 validation error detected: Value '{value}' at '{_low(name)}' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {pattern.pattern}",
            )
        return value

    def _seconds(self) -> int:
        text = self.form.get("DurationSeconds", "3600")
        seconds = int(text) if text.isascii() and text.isdigit() else -1
        if not 900 <= seconds <= 43200:
            bound = "greater than or equal to 900" if seconds < 900 else "less than or equal to 43200"
            raise ApiError(
                "ValidationError",
                f"1 validation error detected: Value '{text}' at 'durationSeconds' failed to satisfy constraint: "
                f"Member must have value {bound}",
            )
        if self.principal.assumed and seconds > _CHAINED_SECONDS:
            raise ApiError(
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit "
                "for roles assumed by role chaining.",
            )
        return seconds

    def _tags(self) -> dict[str, str]:
        tags: dict[str, str] = {}
        number = 1
        while f"Tags.member.{number}.Key" in self.form:
            key = self.form[f"Tags.member.{number}.Key"]
            value = self.form.get(f"Tags.member.{number}.Value", "")
            fits = 1 <= len(key) <= 128 and len(value) <= 256 and _TAG.fullmatch(key) and _TAG.fullmatch(value)
            if not fits or key.lower().startswith("aws:"):
                raise ApiError("ValidationError", f"1 validation error detected: invalid session tag '{key}'")
            if key.lower() in (other.lower() for other in tags):
                raise ApiError(
                    "InvalidParameterValue",
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
                )
            tags[key] = value
            number += 1
        if len(tags) > _MAX_TAGS:
            raise ApiError("ValidationError", "1 validation error detected: more than 50 session tags were passed")
        return tags

    def _policy(self) -> Document | None:
        if not self.policy_text:
            return None
        if len(self.policy_text) > 2048:
            raise ApiError(
                "ValidationError",
                "1 validation error detected: Value at 'policy' failed to satisfy constraint: "
                "Member must have length less than or equal to 2048",
            )
        policy = parse_policy(self.policy_text)
        if policy is None:
            raise ApiError("MalformedPolicyDocument", "Syntax errors in policy.")
        return policy

    def run(self) -> dict[str, Any]:
        """The AssumeRole result with fresh credentials; ApiError otherwise."""
        role = self.world.role(self.arn)
        inherited = {key: self.principal.tags[key] for key in self.principal.transitive}
        if any(key.lower() in (kept.lower() for kept in inherited) for key in self.tags):
            raise ApiError(
                "InvalidParameterValue",
                "One of the specified transitive tag keys can't be set because it conflicts "
                "with a transitive tag key from the calling session.",
            )
        if not set(self.transitive) <= set(self.tags) | set(inherited):
            raise ApiError("ValidationError", "A transitive tag key was specified that is not a session tag key.")
        identity = self.source_identity or self.principal.source_identity
        if self.principal.source_identity and identity != self.principal.source_identity:
            raise refusal("sts", "denied", "The source identity of a chained session cannot be changed.")
        for action in self._actions(identity):
            self._authorise(role, action, identity)
        assert role is not None
        if self.seconds > role.max_seconds:
            raise ApiError(
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            )
        packed = self._packed()
        if packed > 100:
            raise ApiError(
                "PackedPolicyTooLarge", f"Packed size of session policy and tags is {packed}% of the limit."
            )
        return self._open(
            role, {**inherited, **self.tags}, frozenset(self.transitive) | set(inherited), identity, packed
        )

    def _actions(self, identity: str) -> list[str]:
        return [
            "sts:AssumeRole",
            *(["sts:TagSession"] if self.tags or self.principal.transitive else []),
            *(["sts:SetSourceIdentity"] if identity else []),
        ]

    def _authorise(self, role: Role | None, action: str, identity: str) -> None:
        context = self.world.context(self.principal, self.region)
        context |= tags_of(self.tags, "aws:requesttag")
        context["sts:rolesessionname"] = self.session
        context["sts:durationseconds"] = str(self.seconds)
        context["aws:resourceaccount"] = self.arn.split(":")[4] if self.arn.count(":") >= 5 else ""
        if self.tags:
            context["aws:tagkeys"] = list(self.tags)
        if self.transitive:
            context["sts:transitivetagkeys"] = list(self.transitive)
        if self.external is not None:
            context["sts:externalid"] = self.external
        if identity:
            context["sts:sourceidentity"] = identity
        request = Request(action=action, resource=self.arn, context=context)
        decision = self.world.decide(self.principal, request)
        callers = (self.principal.arn, self.principal.entity.arn)
        trusted = role is not None and trusts(role.trust, callers, self.principal.account, request)
        if not decision.allowed or not trusted:
            # The vendor does not say which side refused, nor whether the role exists.
            plain = decision if not decision.allowed and "explicit" in decision.why else None
            text = f"User: {self.principal.arn} is not authorized to perform: {action} on resource: {self.arn}"
            raise refusal("sts", "denied", denial("sts", self.principal, request, plain) if plain else text)

    def _packed(self) -> int:
        """An estimate of the packed size in percent: the vendor's packing is not documented."""
        plain = json.dumps(self.policy, separators=(",", ":")) if self.policy else ""
        parts = plain + "".join(f"{key}={value};" for key, value in self.tags.items())
        return -(-len(zlib.compress(parts.encode(), 9)) * 100 // 1228) if parts else 0

    def _open(
        self, role: Role, tags: dict[str, str], transitive: frozenset[str], identity: str, packed: int
    ) -> dict[str, Any]:
        now = self.world.faults.clock().replace(microsecond=0)
        ttl = self.world.faults.now.lease_ttl_s
        seconds = self.seconds if ttl is None else min(self.seconds, ttl)
        session = self.world.identities.open_session(
            role, self.session, now, now + timedelta(seconds=seconds), self.policy, tags, transitive, identity
        )
        assert session.expires is not None
        return {
            "Credentials": {
                "AccessKeyId": session.access_key,
                "SecretAccessKey": session.secret,
                "SessionToken": session.token,
                "Expiration": session.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "AssumedRoleUser": {"AssumedRoleId": session.user_id, "Arn": session.arn},
            "PackedPolicySize": packed if self.policy or self.tags else None,
            "SourceIdentity": identity or None,
        }


def _low(name: str) -> str:
    return name[0].lower() + name[1:]


def _members(form: Mapping[str, str], name: str) -> list[str]:
    values: list[str] = []
    while f"{name}.member.{len(values) + 1}" in form:
        values.append(form[f"{name}.member.{len(values) + 1}"])
    return values
