"""The range: the embedded clouds of one scenario, started together.

``serve_range`` for an event loop, :class:`RangeThread` for tests that have none, ``python -m
providers.emulators`` for a process. The ready-made configuration names a profile and a credentials file
(0600) beside it; it holds no secret itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import tempfile
import threading
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from providers.emulators.aws.tls import make_certificates, write_private
from providers.emulators.scenario.disks import tool
from providers.emulators.scenario.model import Scenario, ScenarioError
from providers.emulators.scenario.parse import load

if TYPE_CHECKING:
    from providers.emulators.aws.cloud import EmbeddedAws

PROFILE = "forensics"
SHIPPED = Path(__file__).parent / "scenarios"
DEFAULT_SCENARIO = SHIPPED / "web-intrusion"


class Range:
    """Running clouds. ``endpoint`` is the AWS endpoint, None where the scenario has no AWS.

    ``aws`` is the running cloud itself, so that a test can give it identities that no scenario has.
    """

    def __init__(self, scenario: Scenario, state_dir: Path, ca_bundle: Path, aws: EmbeddedAws | None) -> None:
        self.scenario = scenario
        self.state_dir = state_dir
        self.ca_bundle = ca_bundle
        self.aws = aws
        self.endpoint = None if aws is None else aws.endpoint
        self.config_path = state_dir / "config.toml"
        self.credentials_path = state_dir / "credentials"

    def ready(self) -> dict[str, Any]:
        """What ``jumpbag range serve`` prints and writes to its ready file."""
        return {
            "config": str(self.config_path),
            "endpoints": {"aws": self.endpoint, "azure": None, "gcp": None},
            "ca_bundle": str(self.ca_bundle),
            "pid": os.getpid(),
        }

    def state(self) -> dict[str, Any]:
        """The AWS journal as ``GET /_range/state`` gives it. Blocks: call it from a thread, not from the loop."""
        return self._request("/_range/state", None)

    def faults(self, **keys: Any) -> dict[str, Any]:
        """Changes faults through ``POST /_range/faults`` and returns those in force. Blocks as :meth:`state`.

        ScenarioError if a key or value is not known.
        """
        return self._request("/_range/faults", keys)

    def _request(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        if self.endpoint is None:
            raise ScenarioError("the scenario has no AWS", "add [[aws.accounts]]")
        context = ssl.create_default_context(cafile=str(self.ca_bundle))
        data = None if body is None else json.dumps(body).encode()
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        request = urllib.request.Request(self.endpoint + path, data=data)  # noqa: S310 - an https URL of our own
        try:
            with opener.open(request, timeout=30) as answer:
                value: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = json.load(error)["error"]
            raise ScenarioError(said["message"], said["next"]) from None
        return value


@asynccontextmanager
async def serve_range(scenario_dir: Path, state_dir: Path) -> AsyncIterator[Range]:
    """The clouds of ``scenario_dir``, until the block ends. ``state_dir`` gets configuration and certificates.

    ScenarioError if the pack is wrong or mke2fs is missing where a disk is built from a tree.
    """
    scenario = load(scenario_dir)
    if scenario.aws and any(disk.tree for one in scenario.aws.instances for disk in one.volumes):
        tool("mke2fs"), tool("debugfs")
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    loop = asyncio.get_running_loop()
    # moto takes over a second to import: the certificates are made meanwhile.
    importing = loop.run_in_executor(None, _import_aws) if scenario.aws else None
    bundle, context = make_certificates(state_dir)
    if scenario.aws is None or importing is None:
        embedded = Range(scenario, state_dir, bundle, None)
        _write_config(embedded)
        yield embedded
        return
    cloud_module = await importing
    with tempfile.TemporaryDirectory(dir=state_dir, prefix="written-") as folder:
        cloud = await cloud_module.start(scenario, scenario.aws, context, Path(folder))
        try:
            embedded = Range(scenario, state_dir, bundle, cloud)
            _write_config(embedded)
            yield embedded
        finally:
            await cloud.close()


def _import_aws() -> Any:
    from providers.emulators.aws import cloud

    return cloud


def _write_config(embedded: Range) -> None:
    cloud, scenario = embedded.aws, embedded.scenario
    lines = [
        "# A ready-made configuration for the embedded clouds. It holds no secret.",
        "[examiner]",
        'id = "ex-07"',
        'roster = ["ex-11"]',
        "[case]",
        f"organization = {_toml(scenario.name)}",
        "[signing]",
        'protection = "file"',
    ]
    playbooks = scenario.root / "playbooks"
    if playbooks.is_dir():
        lines += ["[guided]", f"playbooks = [{_toml(str(playbooks))}]"]
        lines += [f"offer = {_toml(scenario.offer)}"] if scenario.offer else []
    if cloud is not None:
        user = cloud.user
        secret = f"[{PROFILE}]\naws_access_key_id = {user.access_key}\naws_secret_access_key = {user.secret}\n"
        write_private(embedded.credentials_path, secret.encode())
        key, value = scenario.tag
        regions = cloud.regions or ["eu-west-1"]
        lines += [
            "[aws]",
            f"tag = {_toml(f'{key}={value}')}",
            f"profile = {_toml(PROFILE)}",
            f"credentials_file = {_toml(str(embedded.credentials_path))}",
            f"ca_bundle = {_toml(str(embedded.ca_bundle))}",
            f"forensics_account = {_toml(cloud.world.forensics)}",
            f"role = {_toml(cloud.role)}",
            f"external_id = {_toml(cloud.external_id)}",
            f"home_region = {_toml(regions[0])}",
            f"regions = [{', '.join(_toml(region) for region in regions)}]",
            "lease_seconds = 3600",
            "[aws.endpoints]",
            *(
                f"{name} = {_toml(cloud.endpoint)}"
                for name in ("sts", "ec2", "ebs", "organizations", "kms", "iam")
            ),
        ]
    embedded.config_path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(text: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's, save for DEL."""
    return json.dumps(text, ensure_ascii=True).replace("\x7f", "\\u007f")


class RangeThread:
    """A range in a thread of its own, for synchronous tests and fixtures::

    with RangeThread(pack, tmp_path) as embedded:
        boto3.client("sts", endpoint_url=embedded.endpoint, verify=str(embedded.ca_bundle))
    """

    def __init__(self, scenario_dir: Path, state_dir: Path) -> None:
        self._scenario_dir = scenario_dir
        self._state_dir = state_dir
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="range", daemon=True)
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None
        self._range: Range | None = None

    def __enter__(self) -> Range:
        self._thread.start()
        self._started.wait()
        if self._range is None:
            self._thread.join()
            assert self._failure is not None
            raise self._failure
        return self._range

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop = self._stop
        assert stop is not None
        self._loop.call_soon_threadsafe(stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            self._started.set()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with serve_range(self._scenario_dir, self._state_dir) as self._range:
            self._started.set()
            await self._stop.wait()
