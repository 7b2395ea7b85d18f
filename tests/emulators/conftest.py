"""Ranges that tests share: one that nothing disturbs, and one per test that wants to break something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from providers.emulators.range import RangeThread
from tests.emulators.clients import Clients
from tests.emulators.packs import BLOCK, WORKLOAD, instance, volume, write_image, write_pack

# Blocks of the image of web-01 (1 GiB, the file ends 1,000 bytes into block 1500).
WEB_BLOCKS = {0: b"first", 1: b"second", 17: b"seventeen", 900: b"far", 1500: b"last" * 250}
WEB_BYTES = 1500 * BLOCK + 1000


def make_pack(folder: Path, **keys: Any) -> Path:
    """The pack that most tests use: raw images only, so nothing needs to be built."""
    folder.mkdir(parents=True, exist_ok=True)
    write_image(folder / "web.raw", WEB_BLOCKS, WEB_BYTES)
    write_image(folder / "full.raw", dict.fromkeys(range(250), b"x"), 250 * BLOCK)
    instances = [
        instance("web-01", volume(image="web.raw"), tags={"Forensics": "Enabled"}),
        instance("plain-01", {"device": "/dev/xvda", "image": "web.raw"}),
        instance("other-tag", {"device": "/dev/xvda", "image": "web.raw", "tags": {"Forensics": "Disabled"}}),
        instance("full-01", volume(image="full.raw")),
        instance(
            "secret-01",
            volume(image="web.raw", kms="customer"),
            volume("/dev/sdf", image="web.raw", kms="default"),
            volume("/dev/sdg", image="web.raw", kms="private"),
        ),
        instance("blank-01", volume(size_gib=3)),
        instance("far-01", volume(image="web.raw"), region="eu-central-1"),
    ]
    return write_pack(folder, instances=[*instances, *keys.pop("more", [])], **keys)


@pytest.fixture(scope="session")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """A range without faults. Tests add snapshots to it but leave the rest alone."""
    folder = tmp_path_factory.mktemp("quiet")
    with RangeThread(make_pack(folder / "pack"), folder / "state") as embedded:
        yield Clients(embedded)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Clients]]:
    """Starts a range of its own for a test; the keys are those of ``make_pack``."""
    with ExitStack() as stack:

        def start(**keys: Any) -> Clients:
            number = len(list(tmp_path.iterdir()))
            pack = make_pack(tmp_path / f"pack-{number}", **keys)
            return Clients(stack.enter_context(RangeThread(pack, tmp_path / f"state-{number}")))

        yield start


@pytest.fixture(scope="session")
def keys(quiet: Clients) -> dict[str, str]:
    """A collect session in the workload account of the quiet range."""
    return quiet.keys(WORKLOAD)
