"""IAM: the reads of instance profiles, roles and policies.

IAM is one service for all regions of a partition: requests are signed for us-east-1. Policy documents come
URL-encoded as RFC 3986 has it. Lists are paged with Marker and MaxItems (1 to 1,000, 100 when not given).

Sources: IAM API Reference (GetInstanceProfile, GetRole, ListRolePolicies, GetRolePolicy,
ListAttachedRolePolicies, GetPolicy, GetPolicyVersion), AWS Service Authorization Reference, "Actions,
resources, and condition keys for AWS Identity and Access Management (IAM)", AWS General Reference, "AWS
Identity and Access Management endpoints and quotas".
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from providers.emulators.aws.actions import LEVELS
from providers.emulators.aws.envelopes import Answer, query_answer
from providers.emulators.aws.errors import ApiError, not_embedded, refusal
from providers.emulators.aws.evaluate import Request
from providers.emulators.aws.iam_store import IamRole, ManagedPolicy
from providers.emulators.aws.identities import Document, Principal
from providers.emulators.aws.world import World, denial

SIGNING_REGION = "us-east-1"
_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_ARN = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[!-~]{1,512}")
_VERSION = re.compile(r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?")
_PAGE, _MOST = 100, 1000

Result = dict[str, Any]


def answer(
    world: World, principal: Principal, region: str, form: Mapping[str, str], resources: list[str], request_id: str
) -> Answer:
    """The answer of one IAM read. ``resources`` takes the ARN that it is about. ApiError as IAM puts it."""
    if region != SIGNING_REGION:
        raise ApiError("SignatureDoesNotMatch", "Credential should be scoped to a valid region.", 403)
    name = form.get("Action", "")
    read = _Read(world, principal, form, resources)
    if name not in _READS:
        if f"iam:{name}" not in LEVELS:
            raise refusal("iam", "denied", f"The embedded cloud has no rule for iam:{name}.")
        raise not_embedded("iam", name)
    return query_answer("iam", name, _READS[name](read), request_id)


class _Read:
    def __init__(self, world: World, principal: Principal, form: Mapping[str, str], resources: list[str]) -> None:
        self.world = world
        self.principal = principal
        self.form = form
        self.resources = resources

    def _text(self, name: str, pattern: re.Pattern[str]) -> str:
        value = self.form.get(name, "")
        if not pattern.fullmatch(value):
            raise ApiError(
                "ValidationError",
                f"1 validation error detected: Value '{value}' at '{name[0].lower()}{name[1:]}' failed to "
                f"satisfy constraint: Member must satisfy regular expression pattern: {pattern.pattern}",
            )
        return value

    def _may(self, resource: str) -> None:
        """IAM decides before it looks: whether a thing exists is not told to those who may not read it."""
        self.resources[:] = [resource]
        context = self.world.context(self.principal, SIGNING_REGION)
        context["aws:resourceaccount"] = resource.split(":")[4]
        request = Request(action=f"iam:{self.form['Action']}", resource=resource, context=context)
        self.world.authorise("iam", self.principal, [request])

    def _role(self) -> IamRole:
        account, name = self.principal.account, self._text("RoleName", _NAME)
        self._may(f"arn:aws:iam::{account}:role/{name}")
        role = self.world.iam.role(account, name)
        if role is None:
            raise _missing(f"The role with name {name} cannot be found.")
        return role

    def _policy(self) -> ManagedPolicy:
        arn = self._text("PolicyArn", _ARN)
        if arn.split(":")[4] not in (self.principal.account, "aws"):
            # IAM has no access across accounts.
            action = f"iam:{self.form['Action']}"
            request = Request(action=action, resource=arn, context={})
            decision = self.world.decide(self.principal, request)
            raise refusal("iam", "denied", denial("iam", self.principal, request, decision))
        self._may(arn)
        policy = self.world.iam.policy(self.principal.account, arn)
        if policy is None:
            raise _missing(f"Policy {arn} was not found.")
        return policy

    def get_instance_profile(self) -> Result:
        account, name = self.principal.account, self._text("InstanceProfileName", _NAME)
        self._may(f"arn:aws:iam::{account}:instance-profile/{name}")
        profile = self.world.iam.profile(account, name)
        if profile is None:
            raise _missing(f"Instance Profile {name} cannot be found.")
        return {
            "InstanceProfile": {
                "Path": "/",
                "InstanceProfileName": profile.name,
                "InstanceProfileId": profile.id,
                "Arn": profile.arn,
                "CreateDate": _stamp(profile.created),
                "Roles": [_role_shape(profile.role)],
            }
        }

    def get_role(self) -> Result:
        role = self._role()
        used = {"LastUsedDate": _stamp(self.world.started), "Region": role.used_in} if role.used_in else {}
        more = {
            "Description": role.description or None,
            "MaxSessionDuration": role.max_seconds,
            "RoleLastUsed": used,
        }
        return {"Role": {**_role_shape(role), **more}}

    def list_role_policies(self) -> Result:
        return self._page("PolicyNames", sorted(self._role().inline))

    def get_role_policy(self) -> Result:
        role, name = self._role(), self._text("PolicyName", _NAME)
        if name not in role.inline:
            raise _missing(f"The role policy with name {name} cannot be found.")
        return {"RoleName": role.name, "PolicyName": name, "PolicyDocument": _document(role.inline[name])}

    def list_attached_role_policies(self) -> Result:
        role = self._role()
        prefix = self.form.get("PathPrefix", "/")
        policies = [self.world.iam.policy(role.account, arn) for arn in role.attached]
        return self._page(
            "AttachedPolicies",
            [
                {"PolicyName": one.name, "PolicyArn": one.arn}
                for one in policies
                if one and one.path.startswith(prefix)
            ],
        )

    def get_policy(self) -> Result:
        policy = self._policy()
        return {
            "Policy": {
                "PolicyName": policy.name,
                "PolicyId": policy.id,
                "Arn": policy.arn,
                "Path": policy.path,
                "DefaultVersionId": policy.version,
                "AttachmentCount": self.world.iam.attachments(self.principal.account, policy.arn),
                "PermissionsBoundaryUsageCount": 0,
                "IsAttachable": True,
                "Description": policy.description,
                "CreateDate": _stamp(policy.created),
                "UpdateDate": _stamp(policy.updated),
            }
        }

    def get_policy_version(self) -> Result:
        policy, version = self._policy(), self._text("VersionId", _VERSION)
        if version != policy.version:
            raise _missing(f"Policy {policy.arn} version {version} does not exist or is not attachable.")
        return {
            "PolicyVersion": {
                "Document": _document(policy.document),
                "VersionId": version,
                "IsDefaultVersion": True,
                "CreateDate": _stamp(policy.updated),
            }
        }

    def _page(self, name: str, items: list[Any]) -> Result:
        text = self.form.get("MaxItems", str(_PAGE))
        count = int(text) if text.isascii() and text.isdigit() else 0
        if not 1 <= count <= _MOST:
            raise ApiError(
                "ValidationError",
                f"1 validation error detected: Value '{text}' at 'maxItems' failed to satisfy constraint: "
                f"Member must have value between 1 and {_MOST}",
            )
        start = 0
        if "Marker" in self.form:
            try:
                start = int(base64.b64decode(self.form["Marker"], validate=True))
            except (ValueError, binascii.Error):
                raise ApiError("ValidationError", "Invalid Marker.") from None
        more = start + count < len(items)
        marker = base64.b64encode(str(start + count).encode()).decode() if more else None
        return {name: items[start : start + count], "IsTruncated": more, "Marker": marker}


_READS: dict[str, Callable[[_Read], Result]] = {
    "GetInstanceProfile": _Read.get_instance_profile,
    "GetRole": _Read.get_role,
    "ListRolePolicies": _Read.list_role_policies,
    "GetRolePolicy": _Read.get_role_policy,
    "ListAttachedRolePolicies": _Read.list_attached_role_policies,
    "GetPolicy": _Read.get_policy,
    "GetPolicyVersion": _Read.get_policy_version,
}


def _role_shape(role: IamRole) -> Result:
    return {
        "Path": "/",
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": _stamp(role.created),
        "AssumeRolePolicyDocument": _document(role.trust),
    }


def _document(policy: Document) -> str:
    return quote(json.dumps(policy, indent=4), safe="")


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _missing(message: str) -> ApiError:
    return ApiError("NoSuchEntity", message, 404)
