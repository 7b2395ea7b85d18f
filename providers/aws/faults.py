"""One mapping from what the SDK raises to :mod:`app.faults`.

AWS's own text is shown for refusals alone, cut and made visible: the answer to a bad signature
repeats the canonical request, and with it the session token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from app.faults import (
    CloudFault,
    CredentialExpired,
    CredentialNeeded,
    Denied,
    Fault,
    Gone,
    Throttled,
    Unavailable,
    Untrusted,
    Usage,
)
from app.text import visible

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_REFUSED = frozenset({
    "AuthFailure", "IncompleteSignature", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidIdentityToken",
    "InvalidSignatureException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
    "OptInRequired", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "UnrecognizedClientException",
})  # fmt: skip
_TIMED = frozenset(
    {"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"}
)
"""Codes by which AWS refuses a request for the time that it was signed at, among other things."""
_TIME_WORDS = re.compile(r"Signature expired|Signature not yet current")
_EC2_TAKES_S = 15 * 60
"""RequestExpired: the time of the request is 15 minutes off, or the credentials have expired (Amazon EC2 API
Reference, "Error codes")."""
_DENIED = frozenset({
    "AccessDenied", "AccessDeniedException", "Client.UnauthorizedOperation", "DEPENDENCY_ACCESS_DENIED",
    "NotAuthorized", "UNAUTHORIZED_ACCOUNT", "UnauthorizedAccess", "UnauthorizedOperation",
})  # fmt: skip
_THROTTLED = frozenset({
    "ACCOUNT_THROTTLED", "BandwidthLimitExceeded", "ConcurrentSnapshotLimitExceeded",
    "DEPENDENCY_REQUEST_THROTTLED", "EC2ThrottledException", "PriorRequestNotComplete",
    "RESOURCE_LEVEL_THROTTLE", "RequestLimitExceeded",
    "RequestThrottled", "RequestThrottledException", "SlowDown", "SnapshotCreationPerVolumeRateExceeded",
    "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
})  # fmt: skip
_GONE = frozenset({
    "DEPENDENCY_RESOURCE_NOT_FOUND", "NoSuchEntity", "NotFoundException", "ResourceNotFoundException",
    "SNAPSHOT_NOT_FOUND",
})  # fmt: skip
_COPIES_AT_ONCE = ("ResourceLimitExceeded", "CopySnapshot")
"""Too many copies in progress towards that region (Amazon EC2 API Reference, "Error codes")."""
_LATER = frozenset({
    "InternalError", "InternalFailure", "InternalServerError", "InternalServerException", "RequestTimeout",
    "RequestTimeoutException", "ServiceUnavailable", "ServiceUnavailableException", "Unavailable",
})  # fmt: skip

NO_BASE_CREDENTIALS: tuple[type[Exception], ...] = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.ProfileNotFound,
    sdk.ConfigNotFound,
    sdk.ConfigParseError,
    sdk.MetadataRetrievalError,
    sdk.SSOError,
    sdk.TokenRetrievalError,
    sdk.InvalidConfigError,
    sdk.UnauthorizedSSOTokenError,
    sdk.RefreshWithMFAUnsupportedError,
)
_TRANSPORT: tuple[type[Exception], ...] = (
    sdk.HTTPClientError,
    sdk.ConnectionError,
    ResponseParserError,
    TimeoutError,
    OSError,
)

KEY_REASONS = frozenset({
    "DEPENDENCY_ACCESS_DENIED", "DEPENDENCY_RESOURCE_NOT_FOUND", "GRANT_NOT_FOUND", "INVALID_CUSTOMER_KEY",
    "INVALID_DEPENDENCY_REQUEST", "INVALID_GRANT_TOKEN",
})  # fmt: skip
"""Reasons by which the EBS direct APIs say that KMS will not serve them (EBS direct APIs Reference, errors)."""
_KEY_WORDS = re.compile(r"KMS key|key ID (is )?not accessible", re.IGNORECASE)
_KEY_CODE = re.compile(r".*(kms|CustomerKey|DisabledException).*", re.IGNORECASE)

ANEW = "resume it: the step is done anew"
"""What to do about a product that failed or is gone: the record drops it, and resuming makes it again."""
DELETED = f"see who deleted it (CloudTrail: DeleteSnapshot), then {ANEW}"

_TOKENISH = re.compile(r"[A-Za-z0-9+/=%]{100,}|A[KS]IA[A-Z0-9]{12,}|X-Amz-[A-Za-z-]+=[^&\s]+")
_ENCODED = re.compile(r"\s*Encoded authorization failure message:.*", re.DOTALL)


class AnswerTooLong(Exception):
    """The answer is longer than any answer of that service may be."""


class Redirected(Exception):
    """The endpoint answers with another address; these APIs do not."""


_DISBELIEVED = {
    AnswerTooLong: "the answer is too long to be right",
    Redirected: "the endpoint redirects elsewhere",
}


@dataclass(frozen=True, slots=True)
class Call:
    """Which call it is, for pacing and for messages.

    ``operation`` is the API's own name; ``subject`` the object in plain words; ``base``: it is
    signed with the base identity, not with a lease.
    """

    service: str
    operation: str
    account: str
    region: str
    subject: str
    base: bool = False

    @property
    def name(self) -> str:
        return f"{self.service}:{self.operation}"

    def __str__(self) -> str:
        place = f" in account {self.account}" if self.account else ""
        return f"{self.name} on {visible(self.subject, cap=80)}{place}, {self.region}"


def fault_of(error: Exception, call: Call, ahead: int | None = None) -> Fault:
    """The fault that ``error`` means; faults pass through.

    ``ahead``: whole seconds that the clock of whoever answered is ahead of ours, None if it is not known.
    """
    if isinstance(error, Fault):
        return error
    if isinstance(error, sdk.ClientError):
        return _answered(error, call, ahead)
    if isinstance(error, NO_BASE_CREDENTIALS):
        return no_credentials(error)
    if isinstance(error, sdk.SSLError):
        return Untrusted(
            f"{call}: the certificate of the endpoint does not verify",
            next="check ca_bundle in [aws], the proxy of this host and the clock",
            provider_code=type(error).__name__,
        )
    inner = type(error.kwargs.get("error")) if isinstance(error, sdk.HTTPClientError) else None
    if inner in _DISBELIEVED:
        return Untrusted(
            f"{call}: {_DISBELIEVED[inner]}", next="check the endpoints in [aws]", provider_code=inner.__name__
        )
    if isinstance(error, _TRANSPORT):
        return Unavailable(
            f"{call}: no answer ({_plainly(error)})",
            next="check the network and the proxy of this host, then try again",
            provider_code=type(error).__name__,
        )
    if isinstance(error, sdk.BotoCoreError | ValueError):
        return Usage(
            f"{call}: the SDK refuses the call ({type(error).__name__})",
            next="check region and endpoints in [aws]",
            provider_code=type(error).__name__,
        )
    raise error


def uncertain(fault: Fault) -> bool:
    """Whether the call may have taken effect although no good answer came."""
    return isinstance(fault, Unavailable) or fault.provider_code in {kind.__name__ for kind in _DISBELIEVED}


def no_credentials(
    error: Exception | None, file: str | None = None, profile: str | None = None
) -> CredentialNeeded:
    """The base identity cannot be had; the SDK's text is kept out, it may quote a file.

    ``file`` and ``profile`` are those of the configuration. The SDK takes a file that it cannot read for an empty
    one and misses the profile in it.
    """
    code = type(error).__name__ if error is not None else "NoCredentials"
    named = visible(profile or "default", cap=80)
    absent = error is None or isinstance(error, sdk.ProfileNotFound | sdk.NoCredentialsError)
    if file is not None and absent and (why := _unreadable(file)):
        return CredentialNeeded(
            f"cannot read the credentials file {visible(file, cap=200)} (profile {named}): {why}",
            next="put it back or sign in again",
            provider_code=code,
        )
    if isinstance(error, sdk.ProfileNotFound):
        where = f" in {visible(file, cap=200)}" if file is not None else ""
        return CredentialNeeded(
            f"the AWS profile {visible(error.kwargs.get('profile', '?'), cap=80)} does not exist{where}",
            next="name another profile in [aws], or create it with aws configure",
            provider_code=code,
        )
    return CredentialNeeded(
        f"no AWS credentials for the base identity ({code})",
        next="log in (aws sso login) or mend the profile in [aws], then try again",
        provider_code=code,
    )


def _unreadable(file: str) -> str:
    """Why a file cannot be read, "" if it can."""
    try:
        with Path(file).open("rb") as opened:
            opened.read(1)
    except OSError as error:
        return (error.strerror or type(error).__name__).lower()
    return ""


def date_of(answer: object) -> object:
    """The Date header of an answer, or of what came with an error; None without one."""
    metadata = answer.get("ResponseMetadata") if isinstance(answer, dict) else None
    headers = metadata.get("HTTPHeaders") if isinstance(metadata, dict) else None
    return headers.get("date") if isinstance(headers, dict) else None


def untimely(error: Exception, ahead: int | None) -> bool:
    """Whether AWS refuses the time at which the request was signed, and not who signed it."""
    if not isinstance(error, sdk.ClientError):
        return False
    detail = error.response.get("Error") or {}
    code, said = detail.get("Code"), detail.get("Message")
    if code not in _TIMED:
        return False
    if code == "RequestExpired":
        return ahead is not None and abs(ahead) >= _EC2_TAKES_S - 1
    return code == "RequestTimeTooSkewed" or (isinstance(said, str) and bool(_TIME_WORDS.search(said)))


def _apart(ahead: int) -> str:
    return f"{abs(ahead)} s {'ahead' if ahead > 0 else 'behind'}"


def _answered(error: sdk.ClientError, call: Call, ahead: int | None) -> Fault:
    response = error.response
    detail = response.get("Error") or {}
    metadata = response.get("ResponseMetadata") or {}
    status = int(metadata.get("HTTPStatusCode") or 0)
    request_id = _request_id(metadata)
    code = str(detail.get("Code") or status)
    reason = response.get("Reason") or detail.get("Reason")
    if isinstance(reason, str) and re.fullmatch(r"[A-Z_]{1,64}", reason):
        code = reason
    code = visible(code, cap=80)
    said = _said(detail.get("Message"))

    def make(kind: type[Fault], text: str, what_next: str, *, head: str = str(call)) -> Fault:
        where = f" [{code}, request {visible(request_id, cap=64)}]" if request_id else f" [{code}]"
        return kind(f"{head}{text}{where}", next=what_next, request_id=request_id, provider_code=code)

    if untimely(error, ahead):
        measured = f": its clock is {_apart(ahead)}" if ahead else ""
        return make(
            CredentialNeeded,
            f": AWS refuses the time of the request{measured}",
            "set the clock of this host, then try again",
        )
    if code in _EXPIRED:
        return make(
            CredentialExpired,
            ": the credentials have expired",
            "log in again (aws sso login), then try again" if call.base else "renew the lease; check the clock",
        )
    if code in _REFUSED:
        whose = "the base identity" if call.base else "the lease"
        measured = f" (AWS's is {_apart(ahead)})" if ahead else ""
        return make(
            CredentialNeeded,
            f": AWS does not accept the credentials of {whose}",
            f"check the profile in [aws], the clock of this host{measured}, and that the region is enabled in "
            "that account",
        )
    if code not in _DENIED - KEY_REASONS and _of_the_key(call, code, said):
        # Not the lease's doing, and no renewal mends it.
        return make(Denied, f": the KMS key may not or cannot be used{said}", key_next(call.account))
    if code in _DENIED and call.operation == "AssumeRole":
        # What was refused comes before the long name of the role: rows show the beginning.
        where = f"account {call.account}, {call.region}, for {visible(call.subject, cap=80)}"
        return make(Denied, said, _ask(call), head=f"{call.name} denied by AWS in {where}")
    if code in _DENIED:
        return make(Denied, f": denied{said}", _ask(call))
    if code in _THROTTLED or status == 429 or (code, call.operation) == _COPIES_AT_ONCE:
        return make(Throttled, ": AWS asks for fewer calls", "wait a minute, then try again")
    if code in _GONE or code.endswith(".NotFound"):
        snapshot = code.startswith("InvalidSnapshot") or code == "SNAPSHOT_NOT_FOUND"
        return make(
            Gone,
            ": it is not there (any more)",
            f"{DELETED}; if it fails again, cancel it and plan another"
            if snapshot
            else "check account, region and id",
        )
    if code in _LATER or status >= 500:
        return make(Unavailable, ": AWS had an error of its own", "try again in a minute")
    return make(CloudFault, f": AWS refused{said}", "read what AWS says; check account, region and id")


def _ask(call: Call) -> str:
    if call.base:
        return f"ask whoever gave you the base identity for {call.name}"
    return f"ask the owner of account {call.account} to allow {call.name} for the role of [aws]"


def _of_the_key(call: Call, code: str, said: str) -> bool:
    """Whether it is KMS that refuses. EC2 has no code of its own for it in a copy, only the words."""
    if code in KEY_REASONS:
        return True
    if call.service not in ("ec2", "ebs"):
        return False
    return bool(_KEY_CODE.fullmatch(code)) or (call.operation == "CopySnapshot" and bool(_KEY_WORDS.search(said)))


def key_next(account: str) -> str:
    """What to do when KMS refuses to serve a snapshot's reader."""
    return (
        "see that the snapshot's KMS key exists and is enabled, and that its key policy and the role of "
        f"account {account} allow its use through EC2; then {ANEW}; if it fails again, see in CloudTrail of the "
        "key's account why KMS refuses"
    )


def _request_id(metadata: dict[str, object]) -> str | None:
    found = metadata.get("RequestId")
    if not found:
        headers = metadata.get("HTTPHeaders")
        found = headers.get("x-amzn-requestid") if isinstance(headers, dict) else None
    return found if isinstance(found, str) and found else None


def _said(message: object) -> str:
    if not isinstance(message, str) or not message.strip():
        return ""
    text = _TOKENISH.sub("…", _ENCODED.sub("", message)).strip().rstrip(".")
    return f": {visible(text, cap=240)}"


def _plainly(error: Exception) -> str:
    if isinstance(error, sdk.ConnectTimeoutError | sdk.ReadTimeoutError | TimeoutError):
        return "timed out"
    if isinstance(error, sdk.ProxyConnectionError):
        return "the proxy cannot be reached"
    if isinstance(error, sdk.ConnectionClosedError):
        return "the connection was closed"
    if isinstance(error, sdk.EndpointConnectionError):
        return "the connection could not be made, or broke"
    if isinstance(error, ResponseParserError):
        return "it cannot be read"
    return type(error).__name__
