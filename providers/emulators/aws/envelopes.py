"""How each service wraps answers and errors on the wire.

EC2 has its own XML, STS and IAM the query protocol's, KMS, Organizations and Tagging speak JSON 1.1, EBS direct
REST JSON with ``x-amzn-errortype``. Source: the protocol definitions of botocore's service models and
smithy.io ("AWS protocols").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

import msgspec

from providers.emulators.aws.errors import ApiError

# What XML 1.0 cannot hold, not even as a character reference.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_XML = {"Content-Type": "text/xml;charset=UTF-8"}
_JSON = {"Content-Type": "application/x-amz-json-1.1"}
_QUERY = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}


class Answer(msgspec.Struct, kw_only=True):
    """An HTTP answer before the request id is added."""

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""


def xml_text(value: object) -> str:
    """Text for XML: escaped, with U+FFFD in place of characters that XML 1.0 cannot carry."""
    text = _NOT_XML.sub("\ufffd", str(value))
    return escape(text, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


def xml_clean(document: str) -> str:
    """A whole XML document without characters that XML 1.0 cannot carry."""
    return _NOT_XML.sub("\ufffd", document)


def elements(items: Iterable[tuple[str, Any]]) -> str:
    """Nested elements; None is left out, a list becomes ``member`` elements."""
    parts = []
    for name, value in items:
        if value is None:
            continue
        if isinstance(value, dict):
            inner = elements(value.items())
        elif isinstance(value, list):
            inner = elements(("member", item) for item in value)
        elif isinstance(value, bool):
            inner = str(value).lower()
        else:
            inner = xml_text(value)
        parts.append(f"<{name}>{inner}</{name}>")
    return "".join(parts)


def query_answer(service: str, action: str, result: dict[str, Any], request_id: str) -> Answer:
    """The query protocol's answer of ``sts`` or ``iam``."""
    body = (
        f'<{action}Response xmlns="{_QUERY[service]}"><{action}Result>{elements(result.items())}</{action}Result>'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    )
    return Answer(headers=dict(_XML), body=body.encode())


def json_answer(result: Any, status: int = 200, rest: bool = False) -> Answer:
    headers = {"Content-Type": "application/json"} if rest else dict(_JSON)
    return Answer(status=status, headers=headers, body=json.dumps(result).encode())


def error_answer(service: str, error: ApiError, request_id: str) -> Answer:
    """``error`` in the envelope of ``service``."""
    if service == "ec2":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
            f"<Code>{error.code}</Code><Message>{xml_text(error.message)}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
        return Answer(status=error.status, headers=dict(_XML), body=body.encode())
    if service == "ebs":
        value = {"Message": error.message} | ({"Reason": error.reason} if error.reason else {})
        answer = json_answer(value, error.status, rest=True)
        answer.headers["x-amzn-ErrorType"] = error.code
        return answer
    if service in ("kms", "organizations", "tagging"):
        return json_answer(
            {"__type": error.code, "message": error.message, "Message": error.message}, error.status
        )
    space = _QUERY.get(service, _QUERY["sts"])
    kind = "Receiver" if error.status >= 500 else "Sender"
    body = (
        f'<ErrorResponse xmlns="{space}"><Error><Type>{kind}</Type><Code>{error.code}</Code>'
        f"<Message>{xml_text(error.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return Answer(status=error.status, headers=dict(_XML), body=body.encode())
