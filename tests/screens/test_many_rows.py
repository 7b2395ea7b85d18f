"""A hundred thousand rows: only what is visible is made, and keys stay cheap."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from app.case.readmodel import ReadModel
from app.model import Attachment, Resource
from screens.workbench.resource_rows import ResourceRows
from tests.screens.conftest import desk_on
from tests.screens.seed import NOW, PAYMENTS, accounts, add_events, facts

ROWS = 100_000


def many(path: Path) -> ReadModel:
    model = ReadModel(path)
    facts(model, NOW)
    model.accounts(accounts())
    made = []
    for number in range(ROWS // 2):
        name = f"host-{number:05d}"
        ident = f"i-{number:017x}"
        made.append(
            Resource(cloud="aws", account=PAYMENTS, region="eu-west-1", kind="instance", id=ident, name=name)
        )
        made.append(
            Resource(
                cloud="aws",
                account=PAYMENTS,
                region="eu-west-1",
                kind="volume",
                id=f"vol-{number:017x}",
                name=f"{name}:/dev/xvda",
                eligible=number % 100 == 0,
                tags={"n": str(number)},
                attached_to=Attachment(id=ident, name=name, device="/dev/xvda"),
            )
        )
    model.resources("s-1", made)
    add_events(model, 1, 3000, NOW)
    return model


async def test_a_hundred_thousand_rows_load_and_page(tmp_path: Path) -> None:
    async with desk_on(tmp_path, fill=many) as d:
        pane = d.app.workbench.resources
        await d.sees("100,000, 500 eligible")
        assert len(pane.rows.source) == ROWS
        widgets = len(list(d.app.screen.walk_children()))
        assert widgets < 40 and len(list(pane.rows.walk_children())) == 0  # no widget per row

        made: Counter[int] = Counter()
        source = pane.rows.source
        assert isinstance(source, ResourceRows)
        plain = source.row

        def counted(index: int, width: int) -> object:
            made[index] += 1
            return plain(index, width)

        source.row = counted  # type: ignore[assignment, method-assign]
        await d.press("2", "G")
        assert pane.rows.cursor == ROWS - 1 and "host-49999" in d.text
        await d.press("g", "pagedown", "pagedown", "j", "j")
        assert pane.rows.cursor is not None and 0 < pane.rows.cursor < 200
        assert len(made) < 200  # a few screens full, never the list
        assert len(pane._known) < 3000  # and no more of it is held

        for _ in range(30):  # a key shows no row that is still to be read: those ahead have been
            await d.press("pagedown")
            assert "…" not in "".join(span[0] for span in plain(pane.rows.cursor or 0, 80)[0])
        assert pane.rows.cursor is not None and pane.rows.cursor > 400

        await d.press("slash", *"host-31337")
        await d.until(lambda: len(pane.rows.source) == 2)
        await d.sees("host-31337", "2 of 100,000")


async def test_custody_is_read_a_page_at_a_time(tmp_path: Path) -> None:
    async with desk_on(tmp_path, fill=many) as d:
        rows = d.app.workbench.custody.rows
        await d.until(lambda: rows.cursor == 2999)
        asked: list[int] = []
        reader = d.app.reader
        plain = reader.events

        async def counted(first: int, count: int) -> object:
            asked.append(first)
            return await plain(first, count)

        reader.events = counted  # type: ignore[assignment, method-assign]
        await d.press("4", "g")
        await d.until(lambda: asked)
        await d.settled()
        assert asked == [1]  # the first page alone, not the twenty between
        assert "session.attach" in d.text
