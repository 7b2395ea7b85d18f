"""Clients of the AWS APIs: one per service and region, whoever signs.

A client is costly (EC2's model alone takes a second to read) and accounts are many, so the credential is
not the client's: each call says under which keys it is signed, for the length of that call.
The SDK makes one attempt. Reads are repeated here, paced each time; a mutating call is never
repeated without a new intent in the custody log, so not here.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore import xform_name
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.handlers import decode_console_output

from app.faults import CloudFault, CredentialNeeded, Fault, Untrusted
from app.ports import Grant, Scope
from app.skew import ahead
from providers.aws.faults import NO_BASE_CREDENTIALS, Call, date_of, fault_of, no_credentials, untimely
from providers.aws.settings import Settings
from providers.aws.wire import GuardedSession

_TRIES = {"throttled": 6, "unavailable": 3}
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 8.0
_PAGES = 5000
_PAGING = {"iam": ("Marker", "Marker"), "kms": ("Marker", "NextMarker")}
"""What a listing is continued with: the parameter, and where the answer has it; NextToken elsewhere."""
_NOT_WITH_A_PROFILE = ("ec2-credentials-file", "boto-config", "container-role", "iam-role")


@dataclass(frozen=True, slots=True)
class Keys:
    """What a call is signed with. The SDK reads these very names; nothing here shows in a repr.

    ``lease`` is the id of the lease they are of; the base identity has none.
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)
    lease: str = ""
    account_id: None = None

    def __reduce__(self) -> Any:
        raise TypeError("keys are never serialised")


_signing: ContextVar[Keys] = ContextVar("jumpbag_aws_signing")


class Clients:
    """All calls of the provider go through :meth:`read`, :meth:`write` and :meth:`rehearse`.

    Each that leaves under a lease is counted by ``Scope.used``, whatever comes of it.
    """

    def __init__(self, settings: Settings, scope: Scope) -> None:
        quiet()
        self._settings = settings
        self._scope = scope
        self._session = _signing_session()
        self._open = AsyncExitStack()
        self._clients: dict[tuple[str, str], Any] = {}
        self._opening = asyncio.Lock()
        self._base: Any = None
        self._reading_base = asyncio.Lock()

    async def read(self, call: Call, keys: Keys, **parameters: Any) -> dict[str, Any]:
        """The answer of a call that changes nothing, tried again while AWS throttles or does not answer."""
        return await self._patiently(call, keys, call.service, parameters)

    async def rehearse(self, call: Call, keys: Keys, pace: str, **parameters: Any) -> str | None:
        """Ask by DryRun whether a mutating call would be allowed; the request id of the yes.

        A no is the fault that the call itself would have met. Untrusted if AWS answers as if it had acted.
        """
        try:
            answer = await self._patiently(call, keys, pace, parameters | {"DryRun": True})
        except CloudFault as fault:
            if fault.provider_code == "DryRunOperation":
                return fault.request_id
            raise
        raise Untrusted(
            f"{call}: the rehearsal was answered as if it had been performed",
            next="check the endpoint in the context bar, and whether something was made there",
            request_id=request_id(answer),
        )

    async def _patiently(self, call: Call, keys: Keys, pace: str, parameters: dict[str, Any]) -> dict[str, Any]:
        tried = 0
        while True:
            tried += 1
            try:
                return await self._once(call, keys, pace, parameters)
            except Fault as fault:
                if not fault.retryable or tried >= _TRIES.get(fault.code, 1):
                    raise
            ceiling = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (tried - 1))
            await self._scope.clock.sleep(ceiling * (0.5 + random.random() / 2))  # noqa: S311 (jitter)

    async def write(self, call: Call, keys: Keys, pace: str, **parameters: Any) -> dict[str, Any]:
        """The answer of one attempt at a mutating call; ``pace`` names its token bucket."""
        return await self._once(call, keys, pace, parameters)

    async def pages(self, call: Call, keys: Keys, **parameters: Any) -> AsyncIterator[dict[str, Any]]:
        """The pages of a listing to its end; Untrusted if it does not end."""
        ask, told = _PAGING.get(call.service, ("NextToken", "NextToken"))
        token: str | None = None
        for _ in range(_PAGES):
            more = {ask: token} if token else {}
            answer = await self.read(call, keys, **parameters, **more)
            yield answer
            following = answer.get(told)
            if not following:
                return
            if following == token:
                break
            token = following
        raise Untrusted(f"{call}: the pages do not end", next="check the endpoint in the context bar")

    async def base(self) -> Keys:
        """The base identity's keys, read by the SDK's chain; CredentialNeeded if there are none."""
        async with self._reading_base:
            try:
                if self._base is None:
                    self._base = await _base_session(self._settings).get_credentials()
                if self._base is None:
                    raise self._needed(None)
                frozen = await self._base.get_frozen_credentials()
                return Keys(frozen.access_key, frozen.secret_key, frozen.token)
            except NO_BASE_CREDENTIALS as error:
                self._base = None
                raise self._needed(error) from None
            except Exception as error:
                self._base = None
                where = Call(
                    "sts", "GetCallerIdentity", "", self._settings.aws.home_region, "the base identity", True
                )
                raise fault_of(error, where) from None

    def _needed(self, error: Exception | None) -> CredentialNeeded:
        return no_credentials(error, self._settings.path("credentials_file"), self._settings.aws.profile)

    def forget(self) -> None:
        """Drop the base identity's keys; the next call reads them anew."""
        self._base = None

    async def close(self) -> None:
        self.forget()
        async with self._opening:
            self._clients.clear()
            await self._open.aclose()

    async def _once(self, call: Call, keys: Keys, pace: str, parameters: dict[str, Any]) -> dict[str, Any]:
        await self._scope.pace(call.account, pace)
        asked = self._scope.clock.now()
        try:
            client = await self._client(call.service, call.region)
            asked = self._scope.clock.now()
            ours = _signing.set(keys)
            if keys.lease:
                self._scope.used(keys.lease, call.name)
            try:
                answer: dict[str, Any] = await getattr(client, xform_name(call.operation))(**parameters)
            finally:
                _signing.reset(ours)
        except Exception as error:
            apart = ahead(date_of(getattr(error, "response", None)), asked, self._scope.clock.now())
            self._heard(apart, call.operation == "AssumeRole" or untimely(error, apart))
            # The SDK's own error holds the request; it is not kept as a cause.
            raise fault_of(error, call, apart) from None
        self._heard(ahead(date_of(answer), asked, self._scope.clock.now()), call.operation == "AssumeRole")
        return answer

    def _heard(self, apart: int | None, tells: bool) -> None:
        if apart is not None and tells:
            self._scope.heard(apart)

    async def _client(self, service: str, region: str) -> Any:
        client = self._clients.get((service, region))
        if client is not None:
            return client
        async with self._opening:
            client = self._clients.get((service, region))
            if client is None:
                client = await self._open.enter_async_context(
                    self._session.create_client(
                        service,
                        region_name=region,
                        endpoint_url=self._settings.endpoint(service),
                        verify=self._settings.path("ca_bundle") or True,
                        config=_config(direct=self._settings.loopback(service)),
                    )
                )
                self._clients[service, region] = client
        return client


def keys_of(grant: Grant) -> Keys:
    """What the signer needs of a lease."""
    secret = grant.secret
    return Keys(secret["access_key"], secret["secret_key"], secret["session_token"], grant.lease)


def request_id(answer: dict[str, Any]) -> str | None:
    """The id under which AWS keeps the call in its own record."""
    metadata = answer.get("ResponseMetadata") or {}
    found = metadata.get("RequestId") or (metadata.get("HTTPHeaders") or {}).get("x-amzn-requestid")
    return found if isinstance(found, str) and found else None


def quiet() -> None:
    """Keep the SDK's loggers from debug level: there they write canonical requests and signed headers."""
    for name in ("aiobotocore", "botocore", "boto3", "urllib3", "aiohttp"):
        logger = logging.getLogger(name)
        if logger.level < logging.WARNING:
            logger.setLevel(logging.WARNING)


class _Signer:
    """The SDK's idea of credentials: whatever the call in this context is to be signed with."""

    method = "jumpbag"
    account_id = None

    def get_account_id(self) -> None:
        return None

    def get_deferred_property(self, _: str) -> Callable[[], None]:
        return self.get_account_id

    async def get_frozen_credentials(self) -> Keys:
        return _signing.get()


class _SignerChain:
    async def load_credentials(self) -> _Signer:
        return _Signer()


def _config(*, direct: bool) -> Any:
    options: dict[str, Any] = {
        "connect_timeout": 10,
        "read_timeout": 60,
        "max_pool_connections": 32,
        "retries": {"mode": "standard", "total_max_attempts": 1},
        "ignore_configured_endpoint_urls": True,
        "user_agent_extra": f"jumpbag/{_our_version()}",
        "http_session_cls": GuardedSession,
        "warm_up_loader_caches": True,
    }
    if direct:
        options["proxies"] = {}
    return AioConfig(**options)


def _our_version() -> str:
    try:
        return version("jumpbag")
    except PackageNotFoundError:
        return "source"


def _signing_session() -> Any:
    """A session that reads neither environment nor files: what it does is in :func:`_config` alone."""
    plain = {
        name: (None, None, default, kind)
        for name, (_, _, default, kind) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    session = AioSession(session_vars=plain)
    session.set_config_variable("config_file", os.devnull)
    session.set_config_variable("credentials_file", os.devnull)
    session.register_component("credential_provider", _SignerChain())
    # The SDK would turn console output into text and lose the bytes that are none.
    session.unregister("after-call.ec2.GetConsoleOutput", decode_console_output)
    return session


def _base_session(settings: Settings) -> Any:
    """A session of the SDK's own credential chain, endpoint variables left out.

    Where a profile or a credentials file is named, nothing else answers for it: no keys from the
    environment, no role of the machine.
    """
    named = settings.aws.profile is not None or settings.aws.credentials_file is not None
    session = AioSession(
        profile=(settings.aws.profile or "default") if named else None,
        session_vars={
            "csm_enabled": (None, None, False, None),
            "data_path": (None, None, None, None),
            "ec2_metadata_service_endpoint": (None, None, None, None),
        },
    )
    session.set_default_client_config(
        AioConfig(ignore_configured_endpoint_urls=True, http_session_cls=GuardedSession)
    )
    session.set_config_variable("region", settings.aws.home_region)
    if (bundle := settings.path("ca_bundle")) is not None:
        session.set_config_variable("ca_bundle", bundle)
    if (credentials := settings.path("credentials_file")) is not None:
        session.set_config_variable("credentials_file", credentials)
        session.set_config_variable("config_file", settings.path("config_file") or os.devnull)
    elif (config := settings.path("config_file")) is not None:
        session.set_config_variable("config_file", config)
    if named:
        chain = session.get_component("credential_provider")
        for method in _NOT_WITH_A_PROFILE:
            chain.remove(method)
    return session
