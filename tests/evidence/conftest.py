from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.custody import Signer
from tests.evidence.sealed import Sealed


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer.generate()


@pytest.fixture
def sealed(tmp_path: Path, signer: Signer) -> Iterator[Sealed]:
    made = Sealed(tmp_path / "case", signer)
    yield made
    made.close()
