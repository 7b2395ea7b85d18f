"""A loopback server that answers with what a test scripted: for answers that no cloud gives on demand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aiohttp import web


@dataclass(frozen=True)
class Seen:
    """A request as it came over the wire."""

    path: str
    headers: dict[str, str]
    form: dict[str, str]
    query: dict[str, str]
    body: bytes

    @property
    def action(self) -> str:
        """The API operation (query protocol, or the JSON protocol's target)."""
        return self.form.get("Action") or self.headers.get("x-amz-target", "").rpartition(".")[2]

    @property
    def key(self) -> str:
        """The access key that signed it."""
        _, _, rest = self.headers.get("authorization", "").partition("Credential=")
        return rest.partition("/")[0]


Answer = web.Response | Callable[[web.Request, Seen], Awaitable[web.StreamResponse]]


@dataclass
class Scripted:
    """``answers`` are given in order; ``always`` when they are used up. ``date`` is what its clock says."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    always: Answer | None = None
    date: str = "Mon, 23 Nov 2026 09:00:00 GMT"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        seen = Seen(
            path=request.path,
            headers={name.lower(): value for name, value in request.headers.items()},
            form=dict(parse_qsl(body.decode("utf-8", "replace"))) if request.method == "POST" else {},
            query=dict(request.query),
            body=body,
        )
        self.seen.append(seen)
        answer = self.answers.pop(0) if self.answers else self.always
        if answer is None:
            return web.Response(status=501, text="the test scripted no answer")
        if callable(answer):
            given = await answer(request, seen)
            if not given.prepared:
                given.headers["Date"] = self.date
            return given
        # A response goes out once only; the scripted one may be given again.
        headers = {**answer.headers, "Date": self.date}
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    def actions(self) -> list[str]:
        return [seen.action for seen in self.seen]


async def serve(script: Scripted) -> web.AppRunner:
    """Listen on a free port of 127.0.0.1; the caller cleans the runner up."""
    application = web.Application(client_max_size=1 << 20)
    application.router.add_route("*", "/{tail:.*}", script.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    script.url = f"http://{host}:{port}"
    return runner


async def drop(request: web.Request, _: Seen) -> web.StreamResponse:
    """Cut the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    await asyncio.sleep(0)
    return web.Response()


def xml(body: str, *, status: int = 200) -> web.Response:
    return web.Response(status=status, text=body, content_type="text/xml")


def ec2(action: str, body: str) -> web.Response:
    return xml(
        f'<?xml version="1.0"?><{action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<requestId>req-{action}</requestId>{body}</{action}Response>"
    )


def ec2_error(code: str, message: str = "no", *, status: int = 400) -> web.Response:
    return xml(
        f"<Response><Errors><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error></Errors>"
        "<RequestID>req-err</RequestID></Response>",
        status=status,
    )


def sts(action: str, body: str) -> web.Response:
    return xml(
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>{body}</{action}Result>'
        f"<ResponseMetadata><RequestId>req-{action}</RequestId></ResponseMetadata></{action}Response>"
    )


def sts_error(code: str, message: str = "no", *, status: int = 403) -> web.Response:
    return xml(
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{escape(message)}</Message></Error><RequestId>req-err</RequestId></ErrorResponse>",
        status=status,
    )


def caller(arn: str, account: str) -> web.Response:
    return sts("GetCallerIdentity", f"<Arn>{arn}</Arn><UserId>AID</UserId><Account>{account}</Account>")


def assumed(
    account: str, *, secret: str = "s" * 40, token: str = "t" * 300, packed: int | None = None
) -> web.Response:
    return sts(
        "AssumeRole",
        f"<AssumedRoleUser><Arn>arn:aws:sts::{account}:assumed-role/jumpbag/jumpbag-c-L-0001</Arn>"
        "<AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIASCRIPTED00000001</AccessKeyId>"
        f"<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
        "<Expiration>2027-01-01T00:00:00Z</Expiration></Credentials>"
        + (f"<PackedPolicySize>{packed}</PackedPolicySize>" if packed is not None else ""),
    )


def tags(pairs: dict[str, str]) -> str:
    items = "".join(
        f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>" for key, value in pairs.items()
    )
    return f"<tagSet>{items}</tagSet>"


def snapshot_fields(
    snapshot: str, volume: str, *, state: str = "pending", gib: int = 8, with_tags: str = ""
) -> str:
    return (
        f"<snapshotId>{snapshot}</snapshotId><volumeId>{volume}</volumeId><status>{state}</status>"
        f"<startTime>2026-11-23T09:00:00.000Z</startTime><progress>40%</progress><ownerId>222222222222</ownerId>"
        f"<volumeSize>{gib}</volumeSize><description/><encrypted>false</encrypted>{with_tags}"
    )


def snapshots(*fields: str) -> web.Response:
    return ec2("DescribeSnapshots", f"<snapshotSet>{''.join(f'<item>{f}</item>' for f in fields)}</snapshotSet>")


def block_page(
    indexes: list[int], *, following: str | None = None, gib: int = 8, block_size: int = 524288
) -> web.Response:
    body: dict[str, Any] = {
        "Blocks": [{"BlockIndex": index, "BlockToken": f"token-{index}"} for index in indexes],
        "BlockSize": block_size,
        "VolumeSize": gib,
        "ExpiryTime": 1.9e9,
    }
    if following:
        body["NextToken"] = following
    return web.json_response(body)


def ebs_error(kind: str, reason: str | None = None, *, status: int = 400) -> web.Response:
    body = {"Message": "no"} | ({"Reason": reason} if reason else {})
    return web.Response(
        status=status,
        text=json.dumps(body),
        content_type="application/json",
        headers={"x-amzn-errortype": kind, "x-amzn-requestid": "req-err"},
    )
