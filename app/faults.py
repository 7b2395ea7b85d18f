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
    ``retryable`` says that the same call may succeed later without a person.
    """

    code: ClassVar[str] = "fault"
    exit: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

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
        return {
            "code": self.code,
            "message": self.message,
            "next": self.next,
            "request_id": self.request_id,
            "provider_code": self.provider_code,
        }


class Usage(Fault):
    """Bad arguments, a bad configuration, an unknown id; also: it could not be checked."""

    code, exit = "usage", 2


class Refused(Fault):
    """A rule of jumpbag says no: not tagged, not approved, not armed."""

    code, exit = "refused", 3


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


_BY_CODE: dict[str, type[Fault]] = {}


def _index(cls: type[Fault]) -> None:
    _BY_CODE[cls.code] = cls
    for child in cls.__subclasses__():
        _index(child)


_index(Fault)


def from_data(data: dict[str, Any]) -> Fault:
    """The fault that :meth:`Fault.data` wrote; unknown codes become a plain Fault."""
    cls = _BY_CODE.get(str(data.get("code")), Fault)
    return cls(
        str(data.get("message", "unknown error")),
        next=str(data.get("next") or ""),
        request_id=data.get("request_id"),
        provider_code=str(data.get("provider_code") or ""),
    )
