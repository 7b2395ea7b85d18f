"""How a run ends: with everything, with something left, or abandoned."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.case.readmodel import ReadModel
from app.clock import stamp
from app.model import EvidenceItem
from tests.screens.conftest import OpenDesk
from tests.screens.guided import INSTANCE, OTHER, Office
from tests.screens.seed import NOW, WEB, XVDA, XVDF, acquisitions
from tests.screens.test_guided import WEB_01, follow, seen


async def test_a_host_of_two_disks_is_downloaded_when_both_are_sealed(desk: OpenDesk) -> None:
    """One sealed image of two is not the end, and the rail, the note and the record say which is left."""
    office = Office().with_run("preserve-now", *["done"] * 5, "by_hand", target=WEB_01)

    def fill(path: Path) -> ReadModel:
        model = office.fill(path)
        kept = msgspec.structs.replace(
            acquisitions(NOW)[0], id="A-0100", kind="instance", target=WEB, route="preserve", state="done"
        )
        model.acquisition(msgspec.structs.replace(kept, volumes=(XVDF, XVDA)))
        return model

    def image(disk: str, number: int) -> EvidenceItem:
        return EvidenceItem(
            id=f"E-{number:04d}", acquisition="A-0101", kind="disk", path="", bytes=1, sha256=None,
            sealed=stamp(NOW), source=disk,
        )  # fmt: skip

    async with desk(fill=fill, commands=office.commands) as d:
        await follow(d, "7 Later: download", "▲ no sealed image yet of")
        await d.press("i")
        await d.sees("no sealed image yet of web-01 /dev/xvdf, web-01 /dev/xvda")
        d.model.item(image(XVDA, 101))
        await d.until(lambda: d.app.snapshot.items[-1].id == "E-0101")
        await d.press("escape", "i")
        await d.sees("no sealed image yet of web-01 /dev/xvdf")
        assert "xvdf, web-01" not in d.text and seen(office) == []
        await d.press("n")
        await d.sees("No sealed image yet of web-01 /dev/xvdf. From which snapshot")
        await d.press("escape", "escape")
        d.model.item(image(XVDF, 102))
        await d.until(lambda: seen(office))
        await d.sees("finished")
        assert "no sealed image" not in d.text


async def test_a_run_that_is_ended_by_hand_too_early_says_what_is_left(desk: OpenDesk) -> None:
    office = Office().with_run("preserve-now", *["done"] * 6, "by_hand", target=WEB_01)

    def fill(path: Path) -> ReadModel:
        model = office.fill(path)
        kept = msgspec.structs.replace(
            acquisitions(NOW)[0], id="A-0100", target=WEB, state="done", volumes=(XVDF,)
        )
        model.acquisition(kept)
        return model

    async with desk(fill=fill, commands=office.commands) as d:
        d.app.follower.show("G-0001")
        await d.sees("finished; no sealed image yet of")
        await d.press("i")
        await d.sees("no sealed image yet of web-01 /dev/xvdf")


async def test_a_run_is_abandoned_after_its_id_was_typed(desk: OpenDesk) -> None:
    office = Office().with_run("preserve-now", "done", "done")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "3 Lock what stays")
        await d.press("X")
        await d.sees("Abandon G-0001", "5 of 7 steps are left", "Nothing that runs is touched", "Custody has it")
        await d.press("escape")
        assert office.commands.called("playbook.abandon") == []
        await d.press("X")
        await d.type_word("G-0001")
        await d.sees("G-0001 is abandoned", "1 Accounts")
        assert office.commands.called("playbook.abandon") == [{"run": "G-0001", "reason": ""}]
        await d.press("n")
        await d.sees("No playbook is followed")
        await d.press("t", "G")
        await d.sees("abandoned by ex-07: 2 of 7 done")


async def test_a_second_examiner_sees_who_abandoned_a_run(desk: OpenDesk) -> None:
    why = {"abandoned": OTHER, "abandoned_at": "2026-11-23T14:00:00.000000Z", "abandoned_why": "host given back"}
    office = Office().with_run(INSTANCE, "by_hand", "done", examiner=OTHER, **why)
    async with desk(fill=office.fill, commands=office.commands) as d:
        await d.press("t", "G")
        await d.sees("abandoned by ex-09: 2 of 10 done", "Read the record with Enter")
        await d.press("enter")
        await d.sees("abandoned by ex-09", "2026-11-23T14:00:00Z: host given back", "1 Write down the alert")
        assert office.commands.called("playbook.takeover") == []


async def test_a_run_that_another_terminal_abandons_points_at_nothing(desk: OpenDesk) -> None:
    office = Office().with_run("preserve-now", "done", "done")
    async with desk(fill=office.fill, commands=office.commands) as d:
        await follow(d, "3 Lock what stays", "Next:")
        office.abandon({"run": "G-0001", "reason": ""})
        await d.sees("abandoned by ex-07: 2 of 7 done")
        assert "Next:" not in d.text
        await d.press("X")
        await d.sees("G-0001 was abandoned by ex-07.")
