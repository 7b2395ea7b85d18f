"""What describes an instance and is in none of its disks, as files for the bag.

Names of files are ours: ids and names of the cloud are inside, never in a path. What IAM may be asked is what
the planner found and the lease names; what has changed since is a gap that says so.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from app.faults import CloudFault, Denied, Gone, Untrusted, Usage
from app.model import Step
from app.ports import Grant, Part, StepContext
from app.text import visible
from providers.aws import arns, documents
from providers.aws.clients import Clients, keys_of, request_id
from providers.aws.faults import Call

_IMAGE = re.compile(r"ami-[0-9a-f]{8,17}")
_GROUP = re.compile(r"sg-[0-9a-f]{8,17}")
_NOT_NOW = frozenset({
    "IncorrectInstanceState", "IncorrectState", "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable",
    "InvalidParameterCombination", "Unsupported", "UnsupportedOperation", "UnsupportedHibernationConfiguration",
})  # fmt: skip
"""Answers by which EC2 says that there is none of it, or none in this state (EC2 API Reference, "Error codes")."""
_CONSOLE_BROKEN = frozenset({"InternalError", "InternalFailure"})
"""After the retries: a console that EC2 itself cannot read holds up no acquisition."""
_INLINE_AT_MOST = 200

# Bytes. EC2 keeps 64 KB of console output and takes 16 KB of user data; a screenshot is a small JPEG.
_CONSOLE, _USER_DATA, _SCREENSHOT = 1 << 20, 1 << 16, 5 << 20

_ATTRIBUTES = (
    ("disableApiTermination", "ec2/instance-attribute-api-termination.json"),
    ("instanceInitiatedShutdownBehavior", "ec2/instance-attribute-shutdown-behavior.json"),
)


class AwsCollector:
    """The port ``Collector``."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def collect(self, step: Step, context: StepContext, grant: Callable[[], Grant]) -> AsyncIterator[Part]:
        """The parts, each whole.

        ``params``: instance_id; profile, role, policies (ARNs) and inline (whether the role has inline policies).
        """
        reading = _Reading(self._clients, step, grant)
        for parts in (reading.instance(), reading.surroundings(), reading.console(), reading.iam()):
            async for part in parts:
                yield part


class _Reading:
    """One collection. :meth:`instance` comes first: it says what there is."""

    def __init__(self, clients: Clients, step: Step, grant: Callable[[], Grant]) -> None:
        instance = step.params.get("instance_id")
        if not isinstance(instance, str) or not arns.INSTANCE.fullmatch(instance):
            raise Usage(f"step {step.id} names no instance", next="plan again")
        self._clients = clients
        self._step = step
        self._grant = grant
        self._id = instance
        self._facts: dict[str, Any] = {}

    async def instance(self) -> AsyncIterator[Part]:
        """Instance, status, attributes, user data. Gone if the instance is not there."""
        answer, request = await self._answer("ec2", "DescribeInstances", InstanceIds=[self._id])
        found = [
            one
            for reservation in answer.get("Reservations") or []
            for one in reservation.get("Instances") or []
            if one.get("InstanceId") == self._id
        ]
        if not found:
            raise Gone(f"{self._id} is not in account {self._step.account}, {self._step.region}")
        self._facts = found[0]
        yield _json("ec2/describe-instances.json", "ec2:DescribeInstances", answer, request)
        answer, request = await self._pages(
            "ec2", "DescribeInstanceStatus", InstanceIds=[self._id], IncludeAllInstances=True
        )
        yield _json("ec2/describe-instance-status.json", "ec2:DescribeInstanceStatus", answer, request)
        for attribute, name in _ATTRIBUTES:
            answer, request = await self._answer(
                "ec2", "DescribeInstanceAttribute", InstanceId=self._id, Attribute=attribute
            )
            yield _json(name, "ec2:DescribeInstanceAttribute", answer, request)
        answer, request = await self._answer(
            "ec2", "DescribeInstanceAttribute", InstanceId=self._id, Attribute="userData"
        )
        yield _encoded(
            "ec2/user-data.bin",
            "ec2:DescribeInstanceAttribute",
            (answer.get("UserData") or {}).get("Value"),
            request,
            _USER_DATA,
            "the instance has no user data",
        )

    async def surroundings(self) -> AsyncIterator[Part]:
        """Volumes, interfaces, security groups, image."""
        attached = {"Filters": [{"Name": "attachment.instance-id", "Values": [self._id]}]}
        answer, request = await self._pages("ec2", "DescribeVolumes", **attached)
        yield _json("ec2/describe-volumes.json", "ec2:DescribeVolumes", answer, request)
        answer, request = await self._pages("ec2", "DescribeNetworkInterfaces", **attached)
        yield _json("ec2/describe-network-interfaces.json", "ec2:DescribeNetworkInterfaces", answer, request)
        holders = [self._facts, *(answer.get("NetworkInterfaces") or [])]
        groups = {
            arns.trusted(_GROUP, group.get("GroupId"), "a security group id")
            for holder in holders
            for group in (holder.get("SecurityGroups") or []) + (holder.get("Groups") or [])
        }
        name, call = "ec2/describe-security-groups.json", "ec2:DescribeSecurityGroups"
        if groups:
            chosen = {"Filters": [{"Name": "group-id", "Values": sorted(groups)}]}
            answer, request = await self._pages("ec2", "DescribeSecurityGroups", **chosen)
            yield _json(name, call, answer, request)
        else:
            yield _gap(name, call, "the instance is in no security group")
        image = arns.trusted(_IMAGE, self._facts.get("ImageId"), "an image id")
        name, call = "ec2/describe-images.json", "ec2:DescribeImages"
        try:
            answer, request = await self._pages("ec2", "DescribeImages", ImageIds=[image])
        except CloudFault as fault:
            yield _unless_possible(name, call, fault)
            return
        if answer.get("Images"):
            yield _json(name, call, answer, request)
        else:
            yield _gap(name, call, f"the image {image} is not there any more, or no longer shared")

    async def console(self) -> AsyncIterator[Part]:
        """What was posted after the last change of state, what there is now (Nitro alone), and the screen."""
        call = "ec2:GetConsoleOutput"
        for name, latest in (("ec2/console-output.txt", False), ("ec2/console-output-latest.txt", True)):
            more = {"Latest": True} if latest else {}
            try:
                answer, request = await self._answer("ec2", "GetConsoleOutput", InstanceId=self._id, **more)
            except CloudFault as fault:
                yield _unless_possible(name, call, fault, _CONSOLE_BROKEN)
                continue
            yield _encoded(name, call, answer.get("Output"), request, _CONSOLE, "there is no console output yet")
        name, call = "ec2/console-screenshot.jpg", "ec2:GetConsoleScreenshot"
        try:
            # Without WakeUp: that would be a key press on the evidence.
            answer, request = await self._answer("ec2", "GetConsoleScreenshot", InstanceId=self._id)
        except CloudFault as fault:
            yield _unless_possible(name, call, fault, _CONSOLE_BROKEN)
            return
        yield _encoded(name, call, answer.get("ImageData"), request, _SCREENSHOT, "EC2 gave no image")

    async def iam(self) -> AsyncIterator[Part]:
        """The instance profile, its role, and every policy of the role."""
        name, call = "iam/get-instance-profile.json", "iam:GetInstanceProfile"
        now = (self._facts.get("IamInstanceProfile") or {}).get("Arn")
        planned = self._named("profile", arns.PROFILE)
        if now != planned and now is not None:
            yield _gap(
                "iam/instance-profile-now.json",
                call,
                f"the instance now has {visible(now, cap=200)}, given after planning: plan again to collect it",
            )
        if planned is None:
            if now is None:
                yield _gap(name, call, "the instance has no instance profile")
            return
        match = arns.PROFILE.fullmatch(planned)
        assert match is not None
        try:
            answer, request = await self._answer("iam", "GetInstanceProfile", InstanceProfileName=match[2])
        except Gone:
            yield _gap(name, call, f"{planned} is not there any more")
        else:
            yield _json(name, call, answer, request)
        async for part in self._role():
            yield part
        async for part in self._managed():
            yield part

    async def _role(self) -> AsyncIterator[Part]:
        role = self._named("role", arns.ROLE)
        if role is None:
            yield _gap("iam/get-role.json", "iam:GetRole", "the instance profile holds no role")
            return
        match = arns.ROLE.fullmatch(role)
        assert match is not None
        asked = {"RoleName": match[2]}
        try:
            answer, request = await self._answer("iam", "GetRole", **asked)
            yield _json("iam/get-role.json", "iam:GetRole", answer, request)
            inline, request = await self._pages("iam", "ListRolePolicies", **asked)
            yield _json("iam/list-role-policies.json", "iam:ListRolePolicies", inline, request)
            attached, request = await self._pages("iam", "ListAttachedRolePolicies", **asked)
            yield _json("iam/list-attached-role-policies.json", "iam:ListAttachedRolePolicies", attached, request)
        except Gone:
            yield _gap("iam/get-role.json", "iam:GetRole", f"{role} is not there any more")
            return
        planned = self._policies()
        seen = [entry.get("PolicyArn") for entry in attached.get("AttachedPolicies") or []]
        for number, policy in enumerate((one for one in seen if one not in planned), len(planned) + 1):
            why = f"{visible(policy, cap=200)} was attached after planning: plan again to collect it"
            yield _gap(f"iam/policy-{number}.json", "iam:GetPolicy", why)
        names = inline.get("PolicyNames") or []
        if len(names) > _INLINE_AT_MOST:
            raise Untrusted(f"IAM answered {len(names)} inline policies of one role", next="check the endpoint")
        for number, policy in enumerate(names, 1):
            name, call = f"iam/inline-policy-{number}.json", "iam:GetRolePolicy"
            if not self._step.params.get("inline"):
                yield _gap(
                    name, call, f"{visible(policy, cap=130)} was added after planning: plan again to collect it"
                )
                continue
            try:
                answer, request = await self._answer("iam", "GetRolePolicy", **asked, PolicyName=policy)
            except Gone:
                yield _gap(name, call, f"{visible(policy, cap=130)} was removed meanwhile")
            else:
                yield _json(name, call, answer, request)

    async def _managed(self) -> AsyncIterator[Part]:
        """The default version of each attached policy: it is the one in force."""
        for number, policy in enumerate(self._policies(), 1):
            name, call = f"iam/policy-{number}.json", "iam:GetPolicyVersion"
            try:
                head, _ = await self._answer("iam", "GetPolicy", PolicyArn=policy)
                version = str((head.get("Policy") or {}).get("DefaultVersionId"))
                answer, request = await self._answer(
                    "iam", "GetPolicyVersion", PolicyArn=policy, VersionId=version
                )
            except Gone:
                yield _gap(name, call, f"{policy} is not there any more")
            else:
                yield _json(name, call, head | answer, request)

    def _named(self, param: str, pattern: re.Pattern[str]) -> str | None:
        found = self._step.params.get(param)
        if not found:
            return None
        if isinstance(found, str) and pattern.fullmatch(found):
            return found
        raise Usage(f"step {self._step.id}: {param} is not an ARN of its kind", next="plan again")

    def _policies(self) -> list[str]:
        found = self._step.params.get("policies") or []
        if not all(isinstance(one, str) and arns.POLICY.fullmatch(one) for one in found):
            raise Usage(f"step {self._step.id}: policies are not ARNs of policies", next="plan again")
        return list(found)

    async def _answer(self, service: str, operation: str, **parameters: Any) -> tuple[dict[str, Any], str | None]:
        answer = await self._clients.read(self._call(service, operation), keys_of(self._grant()), **parameters)
        return _bare(answer), request_id(answer)

    async def _pages(self, service: str, operation: str, **parameters: Any) -> tuple[dict[str, Any], str | None]:
        """All pages as one answer, with the first one's request id."""
        whole: dict[str, Any] = {}
        request = None
        pages = self._clients.pages(self._call(service, operation), keys_of(self._grant()), **parameters)
        async for page in pages:
            request = request or request_id(page)
            for name, value in _bare(page).items():
                if isinstance(value, list):
                    whole.setdefault(name, []).extend(value)
        return whole, request

    def _call(self, service: str, operation: str) -> Call:
        region = arns.iam_region(self._step.region) if service == "iam" else self._step.region
        return Call(service, operation, self._step.account, region, self._id)


def _bare(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _json(name: str, call: str, answer: dict[str, Any], request: str | None) -> Part:
    return Part(name=name, content=documents.canonical(answer, call), call=call, request_id=request)


def _encoded(name: str, call: str, value: object, request: str | None, most: int, absent: str) -> Part:
    """Content that came in base64; nothing there is a gap."""
    if not value:
        return _gap(name, call, absent, request)
    return Part(name=name, content=documents.decoded(value, call, most), call=call, request_id=request)


def _gap(name: str, call: str, why: str, request: str | None = None) -> Part:
    return Part(name=name, content=b"", call=call, request_id=request, gap=why)


def _unless_possible(name: str, call: str, fault: CloudFault, also: frozenset[str] = frozenset()) -> Part:
    """A gap where EC2 says that there is none, or none in this state, or one of ``also``; else it is raised."""
    if isinstance(fault, Denied) or fault.provider_code not in _NOT_NOW | also:
        raise fault
    return _gap(name, call, f"EC2 says {fault.provider_code}", fault.request_id)
