from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.custody import Signer
from tests.custody import cases


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer.generate()


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Path:
    """A sound case; never to be changed."""
    path = tmp_path_factory.mktemp("original") / "case"
    cases.sample(path, signer)
    return path


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Callable[[], Path]:
    """Fresh copies of the sound case, under another directory name."""
    made = 0

    def make() -> Path:
        nonlocal made
        made += 1
        target = tmp_path / f"copy-{made}"
        shutil.copytree(original, target, symlinks=True)
        return target

    return make


@pytest.fixture
def case(copy: Callable[[], Path]) -> Path:
    """One copy of the sound case."""
    return copy()


@pytest.fixture
def forge(tmp_path: Path, signer: Signer) -> cases.Forge:
    """An empty log, to be forged."""
    return cases.Forge(tmp_path / "forged", signer)
