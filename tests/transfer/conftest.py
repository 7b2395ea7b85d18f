"""Fixtures of the transfer tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.transfer.kit import BLOCK, Desk, Log, Rig, Source, make_disk
from tests.transfer.server import BlockServer, make_authority

MakeRig = Callable[..., Rig]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(CA bundle, server certificate with key)."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def make_rig(authority: tuple[Path, Path], tmp_path: Path) -> Iterator[MakeRig]:
    """Makes a rig; call it inside a running event loop."""
    bundle, pair = authority
    with ExitStack() as stack:

        def make(blocks: dict[int, bytes] | None = None, size: int | None = None) -> Rig:
            disk = make_disk(96, zero={3, 40}, holes={5, 6, 7, 60}) if blocks is None else blocks
            server = stack.enter_context(BlockServer(pair, disk, size or 96 * BLOCK, BLOCK))
            return Rig(server, bundle, tmp_path, Desk(server), Source(server, bundle), Log(server))

        yield make
