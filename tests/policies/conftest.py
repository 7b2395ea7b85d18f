"""The judges: one worker process and one embedded cloud for all tests here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from app.model import Plan
from providers.emulators.range import RangeThread
from tests.policies import generated
from tests.policies.asks import Document
from tests.policies.bench import Bench, write_bench
from tests.policies.judge import Judge, missing


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """Judge one. Where it is missing the test is skipped, except in CI, where nothing may be."""
    reason = missing()
    if reason:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    sitting = Judge()
    yield sitting
    sitting.close()


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    with RangeThread(write_bench(folder / "pack"), folder / "state") as embedded:
        yield Bench(embedded)


@pytest.fixture(scope="session")
def made(bench: Bench) -> tuple[dict[str, Plan], dict[str, Document]]:
    """Every plan and every session policy by name."""
    return asyncio.run(generated.plans(bench))


@pytest.fixture(scope="session")
def policies(made: tuple[dict[str, Plan], dict[str, Document]]) -> dict[str, Document]:
    return made[1]
