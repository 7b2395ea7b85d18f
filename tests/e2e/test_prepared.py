"""An agent started on a read model that somebody prepared: it works on one of its own."""

from __future__ import annotations

import pytest

from tests.e2e.runner import Case
from tests.e2e.test_reverify import ended, flip, order
from tests.prepared import FOREIGN, ROWS, spoil

pytestmark = pytest.mark.slow


def test_an_agent_works_whatever_stands_at_its_read_model(case: Case) -> None:
    volumes, file = case.volumes(), case.path / "case.sqlite"
    for sql in (FOREIGN["endless trigger"], ROWS["account"]):
        case.stop()
        spoil(file, sql)
        assert case.volumes() == volumes
    case.stop()
    file.rename(case.path / "elsewhere")
    file.symlink_to(case.path / "elsewhere")
    assert case.volumes() == volumes and not file.is_symlink()


def test_a_trigger_does_not_hide_that_an_item_was_changed(case: Case) -> None:
    case.run("acquire", "disk", case.volumes()["small"], "--wait").ok()
    case.stop()
    spoil(case.path / "case.sqlite", FOREIGN["lying trigger"])
    (case.bag() / "data" / "disk.raw").chmod(0o600)
    flip(case)
    case.volumes()
    order(case, "evidence.verify")
    assert ended(case, 1).state == "bad"
