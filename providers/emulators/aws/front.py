"""The front: one loopback port on which every service of the embedded AWS answers.

A request is told apart by the service in its signature's scope, checked (signature, token, expiry), delayed,
throttled or refused where a fault says so, authorised, performed, and entered in the journal.

``GET /_range/state`` is the journal; ``POST /_range/faults`` changes faults (see :mod:`faults`). Both are
for the loopback's own user and take no signature.

``drop_connections`` breaks a connection: half of the time before the call is performed, else after it,
with the answer lost on the way (for a block: half of its bytes are sent).
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from providers.emulators.aws import ec2_access, iam, kms, sigv4, tagging
from providers.emulators.aws.actions import mutating
from providers.emulators.aws.compute import check_region
from providers.emulators.aws.ebs import EbsDirect, Route, route
from providers.emulators.aws.envelopes import Answer, error_answer, json_answer, query_answer
from providers.emulators.aws.errors import SERVICES, ApiError, not_embedded, refusal
from providers.emulators.aws.evaluate import Request
from providers.emulators.aws.identities import Principal
from providers.emulators.aws.sts import AssumeRole, caller_identity
from providers.emulators.aws.world import World
from providers.emulators.scenario.model import ScenarioError

_TARGETS = {
    "AWSOrganizationsV20161128": "organizations",
    "TrentService": "kms",
    "ResourceGroupsTaggingAPI_20170126": "tagging",
}
_VERSIONS = {"2010-05-08": "iam", "2011-06-15": "sts", "2016-11-15": "ec2"}
_PREFIX = {"tagging": "tag"}
_SKEW = timedelta(minutes=15)
_MAX_BODY = 4 * 2**20

log = logging.getLogger(__name__)


class Call:
    """One request on its way through the front."""

    def __init__(self, request: web.Request, body: bytes) -> None:
        self.id = str(uuid.uuid4())
        self.request = request
        self.body = body
        self.target = request.raw_path
        self.signed = sigv4.parse(request.headers.get("Authorization", ""))
        path, _, self.query = self.target.partition("?")
        self.route: Route | None = None
        self.form: dict[str, str] = {}
        self.service, self.name = self._resolve(path)
        self.action = f"{_PREFIX.get(self.service, self.service)}:{self.name or 'Unknown'}"
        self.region = self.signed.region if self.signed else ""
        self.dry_run = self.service == "ec2" and self.form.get("DryRun", "").lower() == "true"
        self.principal: Principal | None = None
        self.resources: list[str] = []

    def _resolve(self, path: str) -> tuple[str, str]:
        """(service, operation) from the request itself; the scope of the signature decides where it is signed."""
        scope = self.signed.service if self.signed else ""
        target = self.request.headers.get("X-Amz-Target", "")
        if target:
            prefix, _, name = target.rpartition(".")
            return _TARGETS.get(prefix, scope or "sts"), name
        if path.startswith("/snapshots") or scope == "ebs":
            self.route = route(self.request.method, path)
            return "ebs", self.route.action if self.route else ""
        text = self.body.decode("utf-8", "replace") if self.request.method == "POST" else self.query
        self.form = dict(parse_qsl(text, keep_blank_values=True))
        version = _VERSIONS.get(self.form.get("Version", ""))
        return version or scope or "sts", self.form.get("Action", "")


class Front:
    """Serves one :class:`World`. ``folder`` is for files of snapshots that are written directly."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.ebs = EbsDirect(world, folder)
        self._runner: web.AppRunner | None = None

    async def start(self, context: ssl.SSLContext) -> int:
        """Listens on a free port of 127.0.0.1 and returns it."""
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_get("/_range/state", self._state)
        app.router.add_get("/_range/faults", self._faults)
        app.router.add_post("/_range/faults", self._faults)
        app.router.add_route("*", "/{any:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self.world.close()

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response(self.world.journal.state())

    async def _faults(self, request: web.Request) -> web.Response:
        try:
            if request.method == "POST":
                # What happened so far happened under the faults of then.
                await asyncio.get_running_loop().run_in_executor(self.world.ec2, self.world.snapshots.settle)
                return web.json_response(self.world.faults.change(json.loads(await request.read() or b"{}")))
            return web.json_response(self.world.faults.as_dict())
        except ScenarioError as error:
            return web.json_response({"error": {"message": error.message, "next": error.next}}, status=400)
        except ValueError:
            return web.json_response(
                {"error": {"message": "the body is not JSON", "next": "send an object"}}, status=400
            )

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            call = Call(request, await request.read())
        except ConnectionError:
            # The caller went away in the middle of his request: nobody is left to answer.
            return web.Response(status=400)
        faults = self.world.faults
        dropped = faults.hits(faults.now.drop_connections)
        if dropped and faults.hits(0.5):
            self._record(call, "error", "ConnectionDropped")
            return await self._drop(request, None)
        answer = await self._answer(call)
        answer.headers["x-amzn-RequestId"] = call.id
        answer.headers["Date"] = format_datetime(faults.clock(), usegmt=True)
        if dropped:
            return await self._drop(request, answer)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _drop(self, request: web.Request, answer: Answer | None) -> web.StreamResponse:
        """Breaks the connection; half of a block's bytes go out first."""
        response = web.StreamResponse(status=answer.status if answer else 200)
        if answer is not None and len(answer.body) > 65536:
            response.headers.update(answer.headers)
            response.content_length = len(answer.body)
            await response.prepare(request)
            await response.write(answer.body[: len(answer.body) // 2])
        if request.transport is not None:
            request.transport.abort()
        return response

    async def _answer(self, call: Call) -> Answer:
        faults = self.world.faults
        decision, code = "allow", None
        try:
            delay = faults.delay()
            if delay:
                await asyncio.sleep(delay)
            call.principal = self._identify(call)
            if faults.throttles(call.service):
                raise refusal(call.service, "throttled")
            if faults.denies(call.action):
                text = f"User: {call.principal.arn} is not authorized to perform: {call.action}"
                raise refusal(call.service, "denied", f"{text} with an explicit deny")
            answer = await self._perform(call, call.principal)
            if answer.status >= 400:
                decision, code = "error", _ec2_code(answer)
        except ApiError as error:
            code = error.code
            decision = "deny" if code == refusal(call.service, "denied").code else "error"
            answer = error_answer(call.service, error, call.id)
        except Exception:
            log.exception("the embedded cloud failed on %s", call.action)
            internal = refusal(call.service, "internal")
            decision, code = "error", internal.code
            answer = error_answer(call.service, internal, call.id)
        self._record(call, decision, code)
        return answer

    def _record(self, call: Call, decision: str, code: str | None) -> None:
        who = call.principal
        self.world.journal.record(
            account=who.account if who else "",
            principal=who.arn if who else "",
            session=who.session if who else None,
            service=call.service,
            action=call.action,
            resources=list(dict.fromkeys(call.resources)),
            mutating=mutating(call.action) and not call.dry_run,
            dry_run=call.dry_run,
            decision=decision,
            code=code,
            request_id=call.id,
            run=call.name in ("GetSnapshotBlock", "PutSnapshotBlock"),
        )

    def _identify(self, call: Call) -> Principal:
        """The caller: signature, token, clock and expiry are checked, each with the service's own code."""
        headers, signed, service = call.request.headers, call.signed, call.service
        if signed is None:
            raise refusal(service, "incomplete" if headers.get("Authorization") else "missing_auth")
        principal = self.world.identities.find(signed.access_key)
        if principal is None:
            raise refusal(service, "unknown_key")
        if headers.get("X-Amz-Security-Token", "") != principal.token:
            raise refusal(service, "bad_token")
        if signed.service != service or service not in SERVICES:
            raise refusal(service, "bad_signature")
        if not sigv4.matches(signed, principal.secret, call.request.method, call.target, headers, call.body):
            raise refusal(service, "bad_signature")
        moment, now = sigv4.moment(headers), self.world.faults.clock()
        if moment is None or abs(moment - now) > _SKEW:
            raise refusal(service, "skewed", _untimely(moment, now) if moment and service != "ec2" else "")
        early = self.world.faults.now.expire_leases_after_s
        if principal.expires is not None and principal.issued is not None:
            over = now >= principal.expires
            if over or (early is not None and now - principal.issued >= timedelta(seconds=early)):
                raise refusal(service, "expired")
        return principal

    async def _perform(self, call: Call, principal: Principal) -> Answer:
        if not call.name:
            raise refusal(call.service, "unknown_action")
        if call.service == "ec2":
            return await self._ec2(call, principal)
        loop = asyncio.get_running_loop()
        if call.service == "ebs" and call.route is not None:
            call.resources = self.ebs.resources(call.region, call.route)
            headers = call.request.headers
            arguments = (principal, call.region, call.route, call.query, headers, call.body, call.resources)
            if call.name == "StartSnapshot":
                # It makes a snapshot, which is EC2 state.
                return await loop.run_in_executor(self.world.ec2, self.ebs.serve, *arguments)
            return self.ebs.serve(*arguments)
        if call.service == "sts":
            return self._sts(call, principal)
        if call.service == "iam":
            return iam.answer(self.world, principal, call.region, call.form, call.resources, call.id)
        return json_answer(await loop.run_in_executor(self.world.ec2, self._json, call, principal))

    async def _ec2(self, call: Call, principal: Principal) -> Answer:
        check_region(call.region, self.world.compute.regions)
        body = call.body if call.request.method == "POST" else call.query.encode()
        loop = asyncio.get_running_loop()

        def run() -> tuple[Answer, list[str]]:
            self.world.snapshots.settle()
            asked = ec2_access.requests(self.world, principal, call.region, call.name, call.form)
            call.resources = [request.resource for request in asked if request.resource != "*"]
            self.world.authorise("ec2", principal, asked)
            return self.world.compute.call(principal, call.region, call.name, body, call.id, call.dry_run)

        answer, made = await loop.run_in_executor(self.world.ec2, run)
        if made:
            # The journal names what was made in place of the "snapshot/*" that was authorised.
            new = [f"arn:aws:ec2:{call.region}::snapshot/{one}" for one in made]
            call.resources = [arn for arn in call.resources if not arn.endswith("::snapshot/*")] + new
        return answer

    def _sts(self, call: Call, principal: Principal) -> Answer:
        if call.name == "GetCallerIdentity":
            return query_answer("sts", call.name, caller_identity(principal), call.id)
        if call.name != "AssumeRole":
            raise not_embedded("sts", call.name)
        call.resources = [call.form.get("RoleArn", "")]
        assumed = AssumeRole(self.world, principal, call.region, call.form).run()
        return query_answer("sts", call.name, assumed, call.id)

    def _json(self, call: Call, principal: Principal) -> Mapping[str, Any]:
        try:
            params = json.loads(call.body or b"{}")
        except ValueError:
            raise ApiError("SerializationException", "The request body is not JSON.") from None
        if not isinstance(params, dict):
            raise ApiError("SerializationException", "The request body is not an object.")
        world = self.world
        if call.service == "organizations":
            context = world.context(principal, call.region)
            world.authorise(call.service, principal, [Request(action=call.action, resource="*", context=context)])
            if principal.account != world.forensics:
                # Only the management account and delegated administrators may read the organisation.
                raise refusal(call.service, "denied")
            return world.organization.call(call.name, params, world.faults.now.left_accounts)
        if call.service == "kms" and call.name in kms.OPERATIONS:
            return kms.answer(world, principal, call.region, call.name, params, call.resources)
        if call.action == "tag:GetResources":
            world.snapshots.settle()
            return tagging.get_resources(world, principal, call.region, params)
        raise not_embedded(call.service, call.name)


def _untimely(moment: datetime, now: datetime) -> str:
    """As services put it that take the time from the signature (observed: no reference has the words)."""
    minutes = int(_SKEW.total_seconds() // 60)
    first, last = now - _SKEW, now + _SKEW
    signed, here = (f"{time:%Y%m%dT%H%M%SZ}" for time in (moment, now))
    if moment < now:
        return f"Signature expired: {signed} is now earlier than {first:%Y%m%dT%H%M%SZ} ({here} - {minutes} min.)"
    return (
        f"Signature not yet current: {signed} is still later than {last:%Y%m%dT%H%M%SZ} ({here} + {minutes} min.)"
    )


def _ec2_code(answer: Answer) -> str | None:
    text = answer.body.decode("utf-8", "replace")
    return text.partition("<Code>")[2].partition("</Code>")[0] or None
