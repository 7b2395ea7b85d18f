"""Everything that may go wrong, as one tree.

Providers map their SDK's errors onto it, the agent sends it over its socket as data, verbs map it onto
exit codes and screens onto three lines: what, on which object, what to do next. A message never
holds a secret, and never a traceback.
"""

from __future__ import annotations

from typing import Any, ClassVar


class Fault(Exception):
    """``message`` is what went wrong and on which object, ``next`` what to do now.

    ``code`` is stable and machine-readable; ``exit`` is the exit code of a verb that ends in it;
    ``retryable`` says that the same call may succeed later without a person. ``rule`` tells apart what has the
    same code, for those who decide on it: it goes over the socket with the rest, and is in no output of a verb.
    """

    code: ClassVar[str] = "fault"
    exit: ClassVar[int] = 1
    retryable: ClassVar[bool] = False
    rule: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        next: str = "",  # noqa: A002 - the word of the command line's JSON
        request_id: str | None = None,
        provider_code: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next = next
        self.request_id = request_id
        self.provider_code = provider_code

    def data(self) -> dict[str, Any]:
        """JSON form: what the socket, the engine's rows and the read model hold."""
        found = {
            "code": self.code,
            "message": self.message,
            "next": self.next,
            "request_id": self.request_id,
            "provider_code": self.provider_code,
        }
        return found | {"rule": self.rule} if self.rule else found


class Usage(Fault):
    """Bad arguments, a bad configuration, an unknown id; also: it could not be checked."""

    code, exit = "usage", 2


class Refused(Fault):
    """A rule of jumpbag says no: not tagged, not approved, not armed.

    ``targets``: of an order about several, those because of which it is refused, as the order names them.
    """

    code, exit = "refused", 3
    targets: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        return super().data() | ({"targets": list(self.targets)} if self.targets else {})


class ReadOnly(Refused):
    """No write window is open; nothing else is wrong with what was to be approved."""

    rule = "read_only"


class Untagged(Refused):
    """What is to be acquired does not carry the forensics tag."""

    rule = "untagged"


class PlanChanged(Refused):
    """The plan that was approved is not the one that would be made now."""

    rule = "plan_changed"


class RouteRefused(Refused):
    """The route cannot work; another one may."""

    rule = "route"


class ApprovalEnded(Refused):
    """The approval under which an acquisition runs is over; nothing more is done on it."""

    code = "approval_ended"


class CredentialNeeded(Fault):
    """Credentials are missing, expired or refused, or the signing key is locked."""

    code, exit = "credentials", 4


class CredentialExpired(CredentialNeeded):
    """The cloud said that this credential's time is over, whatever its expiry claims."""

    code = "credential_expired"


class SigningLocked(CredentialNeeded):
    """The custody signing key is locked; nothing may be done that cannot be recorded."""

    code = "signing_locked"


class CloudFault(Fault):
    """Something a cloud answered."""

    code = "cloud"


class Denied(CloudFault):
    """The cloud's own access-denied answer."""

    code = "denied"


class Throttled(CloudFault):
    """Too many calls, still after the retries."""

    code, retryable = "throttled", True


class Gone(CloudFault):
    """The object is not there (any more)."""

    code = "gone"


class Unavailable(CloudFault):
    """A server error, a timeout or a broken connection, still after the retries."""

    code, retryable = "unavailable", True


class Untrusted(CloudFault):
    """An answer that cannot be right: wrong length, checksum, index, id or host."""

    code = "untrusted"


class StorageFull(Fault):
    """No room on the evidence volume, or the file would be larger than the file system allows."""

    code = "storage_full"


class Broken(Fault):
    """Evidence or record on disk does not match what it should be."""

    code = "broken"


class AgentGone(Fault):
    """The agent cannot be reached or started."""

    code, exit = "agent", 2


_KINDS: dict[tuple[str, str], type[Fault]] = {}
"""By code and rule."""


def _index(cls: type[Fault]) -> None:
    _KINDS[cls.code, cls.rule] = cls
    for child in cls.__subclasses__():
        _index(child)


_index(Fault)


def from_data(data: dict[str, Any]) -> Fault:
    """The fault that :meth:`Fault.data` wrote; without a rule or code that nobody knows."""
    code, rule = str(data.get("code")), str(data.get("rule") or "")
    cls = _KINDS.get((code, rule)) or _KINDS.get((code, ""), Fault)
    fault = cls(
        str(data.get("message", "unknown error")),
        next=str(data.get("next") or ""),
        request_id=data.get("request_id"),
        provider_code=str(data.get("provider_code") or ""),
    )
    targets = data.get("targets")
    if isinstance(fault, Refused) and isinstance(targets, list):
        fault.targets = tuple(str(one) for one in targets)
    return fault
