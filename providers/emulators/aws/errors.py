"""Errors in each service's own words.

Sources: "Common Errors" of the EC2, STS, KMS, Organizations, Resource Groups Tagging and EBS direct API
references, "Error codes for the Amazon EC2 API", and the error shapes of botocore's service models.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal[
    "missing_auth",
    "incomplete",
    "unknown_key",
    "bad_token",
    "bad_signature",
    "skewed",
    "expired",
    "denied",
    "throttled",
    "unknown_action",
    "internal",
]


class ApiError(Exception):
    """A refusal as the service itself would put it. ``reason`` is EBS direct's second code."""

    def __init__(self, code: str, message: str, status: int = 400, reason: str = "") -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.reason = reason


_EXPIRED = "The security token included in the request is expired"
_INVALID = "The security token included in the request is invalid"
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method."
)
_MISSING = "Request is missing Authentication Token"

_EC2: dict[Kind, tuple[str, int, str]] = {
    "missing_auth": ("MissingAuthenticationToken", 403, "Request is missing the required authentication token."),
    "incomplete": ("IncompleteSignature", 400, "The request signature does not conform to AWS standards."),
    "unknown_key": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
    "bad_token": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
    "bad_signature": ("AuthFailure", 401, "AWS was not able to validate the provided access credentials"),
    "skewed": ("RequestExpired", 400, "Request has expired."),
    "expired": ("RequestExpired", 400, "Request has expired."),
    "denied": ("UnauthorizedOperation", 403, "You are not authorized to perform this operation."),
    "throttled": ("RequestLimitExceeded", 503, "Request limit exceeded."),
    "unknown_action": ("InvalidAction", 400, "The action is not valid for this web service."),
    "internal": ("InternalError", 500, "An internal error has occurred."),
}
_QUERY: dict[Kind, tuple[str, int, str]] = {
    "missing_auth": ("MissingAuthenticationToken", 403, _MISSING),
    "incomplete": ("IncompleteSignature", 400, "The request signature does not conform to AWS standards."),
    "unknown_key": ("InvalidClientTokenId", 403, f"{_INVALID}."),
    "bad_token": ("InvalidClientTokenId", 403, f"{_INVALID}."),
    "bad_signature": ("SignatureDoesNotMatch", 403, _MISMATCH),
    "skewed": ("SignatureDoesNotMatch", 403, "Signature expired: the request is too old or too new."),
    "expired": ("ExpiredToken", 403, _EXPIRED),
    "denied": ("AccessDenied", 403, "Access denied."),
    "throttled": ("Throttling", 400, "Rate exceeded"),
    "unknown_action": ("InvalidAction", 400, "Could not find operation for this version."),
    "internal": ("InternalFailure", 500, "An internal error has occurred."),
}
_JSON: dict[Kind, tuple[str, int, str]] = {
    "missing_auth": ("MissingAuthenticationTokenException", 400, _MISSING),
    "incomplete": (
        "IncompleteSignatureException",
        400,
        "The request signature does not conform to AWS standards.",
    ),
    "unknown_key": ("UnrecognizedClientException", 400, f"{_INVALID}."),
    "bad_token": ("UnrecognizedClientException", 400, f"{_INVALID}."),
    "bad_signature": ("InvalidSignatureException", 400, _MISMATCH),
    "skewed": ("InvalidSignatureException", 400, "Signature expired: the request is too old or too new."),
    "expired": ("ExpiredTokenException", 400, _EXPIRED),
    "denied": ("AccessDeniedException", 400, "You don't have permissions to access this resource."),
    "throttled": ("ThrottlingException", 400, "Rate exceeded"),
    "unknown_action": ("UnknownOperationException", 400, "The operation is not known."),
    "internal": ("InternalFailure", 500, "An internal error has occurred."),
}
_EBS: dict[Kind, tuple[str, int, str]] = {
    **_JSON,
    "missing_auth": ("MissingAuthenticationTokenException", 403, _MISSING),
    "unknown_key": ("UnrecognizedClientException", 403, f"{_INVALID}."),
    "bad_token": ("UnrecognizedClientException", 403, f"{_INVALID}."),
    "bad_signature": ("InvalidSignatureException", 403, _MISMATCH),
    "skewed": ("InvalidSignatureException", 403, "Signature expired: the request is too old or too new."),
    "expired": ("ExpiredTokenException", 403, _EXPIRED),
    "denied": ("AccessDeniedException", 403, "Access denied."),
    "throttled": ("RequestThrottledException", 400, "Rate exceeded"),
    "internal": ("InternalServerException", 500, "An internal error has occurred."),
}
_BY_SERVICE: dict[str, dict[Kind, tuple[str, int, str]]] = {
    "ec2": _EC2,
    "sts": _QUERY,
    "iam": _QUERY,
    "ebs": _EBS,
    "kms": _JSON,
    "organizations": {**_JSON, "throttled": ("TooManyRequestsException", 400, "Rate exceeded")},
    "tagging": {**_JSON, "throttled": ("ThrottledException", 400, "Rate exceeded")},
}
SERVICES = tuple(_BY_SERVICE)


def refusal(service: str, kind: Kind, message: str = "") -> ApiError:
    """The error that ``service`` gives for ``kind``; an unknown service speaks query XML."""
    code, status, text = _BY_SERVICE.get(service, _QUERY)[kind]
    reason = "ACCOUNT_THROTTLED" if service == "ebs" and kind == "throttled" else ""
    return ApiError(code, message or text, status, reason)


def not_embedded(service: str, action: str) -> ApiError:
    """An operation of the vendor's that is not part of the embedded cloud. Not a code that SDKs retry."""
    return ApiError("NotImplementedInEmbeddedCloud", f"{service}:{action} is not part of the embedded cloud.", 400)
