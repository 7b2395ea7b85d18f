"""A home, a cloud and cases for each test module; nothing of them outlives it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from providers.emulators.range import RangeThread
from tests.e2e.cloud import Cloud
from tests.e2e.packs import BLOCK, Pack
from tests.e2e.runner import Case, Jumpbag

NewCase = Callable[..., Case]
_numbers = itertools.count(101)


@pytest.fixture(scope="module")
def jumpbag(tmp_path_factory: pytest.TempPathFactory) -> Jumpbag:
    """Verbs in a home of this module's own."""
    return Jumpbag(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Volumes: ``small`` (7 blocks, the last cut short), ``many`` (192 blocks), ``wide`` (3 GiB, mostly
    holes), ``untagged``."""
    made = Pack(tmp_path_factory.mktemp("pack") / "pack")
    made.random_image("small.raw", 6 * BLOCK + 100_001)
    made.random_image("many.raw", 192 * BLOCK, seed=3)
    made.sparse_image("wide.raw", 3 * 2**30, every=512 * 2**20)
    made.volume("small", image="small.raw")
    made.volume("many", image="many.raw")
    made.volume("wide", image="wide.raw", size_gib=3)
    made.volume("untagged", image="small.raw", eligible=False)
    return made.write()


@pytest.fixture(scope="module")
def running(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with RangeThread(pack, tmp_path_factory.mktemp("range")) as embedded:
        yield Cloud(embedded.config_path)


@pytest.fixture
def cloud(running: Cloud) -> Iterator[Cloud]:
    """The module's cloud, with every fault off before and after."""
    running.well()
    yield running
    running.well()


@pytest.fixture
def new_case(jumpbag: Jumpbag) -> Iterator[NewCase]:
    """Makes cases; their agents are ended with the test."""
    made: list[Case] = []

    def make(cloud: Cloud, **agent: int) -> Case:
        case = jumpbag.create(f"IR-{next(_numbers)}", cloud, **agent)
        made.append(case)
        return case

    yield make
    for case in made:
        case.put_down()


@pytest.fixture
def case(new_case: NewCase, cloud: Cloud) -> Case:
    """A case on the module's cloud."""
    return new_case(cloud, workers=1)
