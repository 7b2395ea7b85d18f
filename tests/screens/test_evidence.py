"""The sealed items on the screen: what is said of them, and each key."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from rich.cells import cell_len

from app.clock import stamp
from app.faults import Usage
from app.model import Coverage, EvidenceItem, Gap
from app.model.disagreement import ByteRange, Disagreement, ImageDamage, OddFile
from app.model.view import EvidenceCheck
from screens.clipboard import saved_in
from screens.evidence.checks import newest
from screens.evidence.findings import finding_lines
from screens.evidence.lines import check_word, hex_lines
from screens.present.look import ASCII, UNICODE, Look
from screens.widgets.page_lines import PageLines
from tests.screens.conftest import Desk, OpenDesk
from tests.screens.fakes import ScriptedCommands
from tests.screens.hostile import RAW, hostile_commands, seed_hostile
from tests.screens.seed import GIB, NOW, facts
from tests.screens.seed_instance import seed_instance

SIZES = pytest.mark.parametrize("size", [(80, 24), (132, 40), (200, 50)])


async def opened(d: Desk) -> None:
    await d.press("E")
    await d.until(lambda: d.screen_name == "EvidenceScreen", "the screen")
    await d.sees("Evidence")
    await d.settled()


def check(item: str = "E-0005", **more: Any) -> EvidenceCheck:
    """A check of that item, under way unless it says otherwise."""
    base: dict[str, Any] = {
        "state": "running",
        "bytes_done": 3 * GIB,
        "bytes_total": 8 * GIB,
        "started": stamp(NOW),
    }
    return EvidenceCheck(item=item, **(base | more))


def detail(d: Desk) -> str:
    """The whole detail, what is below its frame too, with its lines joined."""
    return " ".join(d.app.screen.query_one("#detail", PageLines).text.split())


def hexdigits(text: str) -> str:
    return text.replace(" ", "")


@SIZES
async def test_the_list_and_the_whole_of_one_item(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size, fill=seed_instance) as d:
        await opened(d)
        rows = [line for line in d.lines if "E-0005" in line or "E-0010" in line]
        assert any("disk" in row and "8.0 GiB" in row and "agrees" in row for row in rows)
        assert any("config" in row and "not checked" in row for row in rows)
        told = detail(d)
        for stage, words in (("3fa9" * 16, "data/disk.raw"), ("5be2c704" * 8, "tagmanifest-sha256.txt")):
            assert stage in hexdigits(told) and words in told
        assert "at the source: none recorded" in told and "in transfer: none recorded" in told
        assert "at rest, when it was sealed" in told and "read again since" in told and "as sealed" in told
        assert "complete: 8,589,934,592 of 8,589,934,592 bytes read" in told
        assert "A-0005" in told and "route direct" in told and "gw-01 /dev/xvda" in told
        assert "vol-0c11d2c3b4a596877" in told
        assert "cd evidence/E-0005 && sha256sum -c manifest-sha256.txt" in told
        assert all(cell_len(line) == size[0] for line in d.lines)
        side_by_side = size[0] >= 132
        first = next(line for line in d.lines if "Evidence " in line and "item" in line)
        assert ("E-0005" in first) is side_by_side  # the detail's frame begins on the same line


async def test_the_detail_follows_the_cursor(desk: OpenDesk) -> None:
    async with desk(fill=seed_instance) as d:
        await opened(d)
        await d.press("j")
        assert "files, no image" in detail(d) and "none recorded" in detail(d)
        await d.press("k")
        assert "data/disk.raw" in detail(d)


async def test_nothing_sealed_yet_is_said(desk: OpenDesk) -> None:
    def fill(path: Any) -> Any:
        model = seed_instance(path)
        model.clear("item", "evidence_check")
        facts(model, NOW)
        return model

    async with desk(fill=fill, size=(80, 24)) as d:
        await opened(d)
        assert "nothing is sealed yet" in d.text and "How evidence gets here" in d.text
        for key in ("v", "x", "y", "enter"):
            await d.press(key)
        assert d.screen_name == "EvidenceScreen"
        assert not d.commands.called("evidence.verify") and not d.commands.called("evidence.stop")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (check(bytes_done=int(3.3 * GIB)), ("checking 41 %", "41 % 3.3 GiB of 8.0 GiB", "x stops it")),
        (check(started="", bytes_total=0, bytes_done=0), ("check waits", "x takes it off the queue")),
        (
            check(state="bad", reason="data/disk.raw: block 3"),
            ("does not agree", "block 3", "not what was sealed"),
        ),
        (
            check(state="failed", reason="an I/O error"),
            ("check failed", "an I/O error", "nothing against the evidence"),
        ),
        (check(state="stopped", reason="ex-09 stopped it"), ("check stopped", "ex-09 stopped it", "v begins")),
    ],
)
async def test_how_a_check_stands_is_a_word_and_a_sentence(
    desk: OpenDesk, row: EvidenceCheck, words: tuple[str, ...]
) -> None:
    async with desk(size=(80, 24)) as d:
        d.model.check(row)
        await opened(d)
        await d.sees(words[0])
        for said in words[1:]:
            assert said in detail(d), detail(d)


@pytest.mark.parametrize(
    ("row", "read_before", "said"),
    [
        (None, False, "read again since: none recorded Bag"),
        (check(), False, "read again since: none yet: the check above has not ended"),
        (check(), True, "read again since, before the check above data/disk.raw"),
        (check(state="bad", reason="x"), False, "the check above did not agree, and keeps no digest"),
        (check(state="bad", reason="x"), True, "read again since, before the check above data/disk.raw"),
        (check(state="failed", reason="x"), False, "read again since: none recorded: the check above failed"),
        (check(state="stopped", reason="x"), False, "none recorded: the check above was stopped"),
        (check(state="ok"), False, "none recorded: the check above is not in the record"),
        (check(state="ok"), True, "read again since data/disk.raw"),
    ],
)
async def test_what_was_read_again_agrees_with_the_check_above(
    desk: OpenDesk, row: EvidenceCheck | None, read_before: bool, said: str
) -> None:
    async with desk(size=(80, 24)) as d:
        if not read_before:
            (item,) = d.app.snapshot.items
            sealed = tuple(one for one in item.digests if one.stage == "rest")
            d.model.item(msgspec.structs.replace(item, digests=sealed))
        d.model.clear("evidence_check")
        if row is not None:
            d.model.check(row)
        await opened(d)
        await d.until(lambda: said in detail(d), said)


DAMAGE = Disagreement(
    files=31,
    names=(
        OddFile(name="data/disk.raw", how="changed"),
        OddFile(name="data/\x1b]52;c;eA==\x07", how="extra"),
        *(OddFile(name=f"data/{number}.bin", how="missing") for number in range(18)),
    ),
    image=ImageDamage(
        blocks=45,
        of_blocks=16384,
        runs=43,
        ranges=tuple(ByteRange(offset=(2 * number + 1) << 19, bytes=1 << 19) for number in range(20)),
        sealed_bytes=8 * GIB,
        found_bytes=8 * GIB,
        agree_bytes=8 * GIB - (45 << 19),
    ),
)


@pytest.mark.parametrize("look", [UNICODE, ASCII], ids=["unicode", "ascii"])
@SIZES
async def test_what_does_not_agree_stands_below_the_verdict(
    desk: OpenDesk, size: tuple[int, int], look: Look
) -> None:
    async with desk(size=size, look=look) as d:
        bad = check(state="bad", ended=stamp(NOW), reason="data/disk.raw: block 1", disagree=DAMAGE)
        d.model.check(bad)
        await opened(d)
        await d.sees("does not agree", "31 files")
        told = detail(d)
        assert "31 files, 45 of 16,384 blocks of the image" in told
        assert f"data/disk.raw {look.dot} changed" in told and "and 11 more files" in told
        assert f"data/\\x1b]52;c;eA==\\x07 {look.dot} extra" in told
        assert "bytes 524,288 to 1,048,575 (524,288 bytes) 1,572,864 to" in told
        assert "and 23 more ranges" in told
        assert (
            "8,566,341,632 of 8,589,934,592 bytes of the image still agree (99 %); all other files agree." in told
        )
        for keys in (("enter",), ("pagedown",), ("pagedown",)):
            assert all(cell_len(line) == size[0] and line.isprintable() for line in d.lines)
            assert look is UNICODE or d.text.isascii()
            await d.press(*keys)


@pytest.mark.parametrize(
    ("found", "words", "never"),
    [
        (
            Disagreement(files=1, names=(OddFile(name="blocks.tsv", how="changed"),)),
            ("1 file agrees all other files agree. files blocks.tsv · changed",),
            "of the image",
        ),
        (
            Disagreement(
                files=2,
                names=(OddFile(name="data/disk.raw", how="changed"), OddFile(name="blocks.tsv", how="changed")),
                blind="blocks.tsv",
            ),
            ("which blocks of the image differ cannot be told: blocks.tsv is not as it was sealed",),
            "bytes of the image",
        ),
        (
            Disagreement(files=1, names=(OddFile(name="tagmanifest-sha256.txt", how="missing"),), unjudged=3),
            ("unknown 3 files: what lists them is not as it was sealed.",),
            "all other files agree",
        ),
        (
            Disagreement(
                files=1,
                names=(OddFile(name="data/disk.raw", how="shorter"),),
                image=ImageDamage(
                    blocks=2,
                    of_blocks=4,
                    runs=1,
                    ranges=(ByteRange(offset=1 << 20, bytes=1 << 20),),
                    sealed_bytes=2 << 20,
                    found_bytes=1 << 20,
                ),
                ended="ex-09 stopped it",
            ),
            (
                "the image has 1,048,576 bytes, and had 2,097,152 when sealed",
                "not read to its end: ex-09 stopped it. More may differ.",
            ),
            "agree.",
        ),
    ],
)
def test_only_what_is_known_is_said_to_agree(found: Disagreement, words: tuple[str, ...], never: str) -> None:
    lines = finding_lines(found, 76, UNICODE)
    told = " ".join("".join(text for line in lines for text, _ in (*line, (" ", ""))).split())
    assert all(said in told for said in words) and never not in told, told


def test_a_verdict_on_the_whole_case_does_not_hide_what_was_found() -> None:
    own = check(state="bad", ended="2026-11-23T10:00:00Z", disagree=DAMAGE)
    whole = check(state="bad", ended="2026-11-23T11:00:00Z", reason="data/disk.raw: block 1")
    assert newest(own, whole) is own
    good = check(state="ok", ended="2026-11-23T11:00:00Z")
    assert newest(own, good) is good


async def test_a_check_that_runs_and_knows_already_says_so(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        d.model.check(check(reason="bag-info.txt does not have the SHA-256 of its manifest"))
        await opened(d)
        await d.sees("checking 37 %", "It does not agree: bag-info.txt")


async def test_a_check_that_runs_is_repainted_only_where_it_moved(desk: OpenDesk) -> None:
    async with desk() as d:
        d.model.check(check())
        await opened(d)
        await d.sees("checking 37 %")
        d.model.check(check(bytes_done=3 * GIB + 4096))
        await d.settled()
        assert "checking 37 %" in d.text
        d.model.check(check(bytes_done=4 * GIB))
        await d.sees("checking 50 %")


async def test_v_begins_a_check_and_x_stops_it(desk: OpenDesk) -> None:
    commands = ScriptedCommands(
        evidence_verify=lambda params: {"item": params["item"], "state": "running"},
        evidence_stop=lambda params: {"item": params["item"], "state": "stopped"},
    )
    async with desk(commands=commands) as d:
        await opened(d)
        await d.press("x")
        assert commands.called("evidence.stop") == []  # none runs
        await d.press("v")
        assert commands.called("evidence.verify") == [{"item": "E-0005"}]
        await d.sees("is read again")
        d.model.check(check())
        await d.sees("checking 37 %")
        await d.press("v")
        assert len(commands.called("evidence.verify")) == 1
        await d.press("x")
        assert commands.called("evidence.stop") == [{"item": "E-0005"}]


async def test_a_refusal_is_shown(desk: OpenDesk) -> None:
    async with desk(commands=ScriptedCommands(evidence_verify=Usage("E-0005 is not a sealed item"))) as d:
        await opened(d)
        await d.press("v")
        await d.sees("E-0005 is not a sealed item")


async def test_enter_opens_the_item_with_its_own_custody_lines(desk: OpenDesk) -> None:
    async with desk() as d:
        body = {"v": 1, "seq": 215, "ts": stamp(NOW), "op": "evidence.seal", "phase": "result", "acq": "A-0005"}
        for line, item in ((215, "E-0005"), (216, "E-0099")):
            more = {"item": item, "summary": f"{item} is sealed", "actor": {"id": "agent"}}
            d.model.event(line, body | more, msgspec.json.encode(body | more).decode())
        await opened(d)
        await d.press("enter")
        await d.until(lambda: d.screen_name == "ItemScreen", "the item")
        await d.sees("E-0005 is sealed", "1 line")
        assert "E-0099" not in d.text and "3fa9" * 16 in hexdigits(detail(d))
        await d.press("tab", "enter")
        await d.sees("line 215", "evidence.seal")
        assert d.screen_name != "ItemScreen" and "E-0005 is sealed" in d.text
        await d.press("escape", "escape")
        assert d.screen_name == "EvidenceScreen"


async def test_y_sends_the_digest_and_shows_it_alone(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        await opened(d)
        await d.press("y")
        await d.until(lambda: d.screen_name == "CopiedScreen", "the copy")
        assert any(line.rstrip() == "3fa9" * 16 for line in d.lines)  # nothing stands beside it
        assert "SHA-256 of the image of E-0005" in d.text
        assert "Whether it arrived cannot be told" in d.text
        assert d.app.clipboard == "3fa9" * 16
        assert saved_in().read_text() == "3fa9" * 16 + "\n"
        assert saved_in().stat().st_mode & 0o777 == 0o600
        await d.press("escape")
        assert d.screen_name == "EvidenceScreen"


async def test_ranges_that_were_not_read_are_listed(desk: OpenDesk) -> None:
    gaps = tuple(Gap(offset=place * 4096, bytes=512) for place in range(300))
    async with desk() as d:
        d.model.item(
            EvidenceItem(
                id="E-0005",
                acquisition="A-0005",
                kind="disk",
                path="/evidence/it's here/E-0005",
                bytes=8 * GIB,
                sha256=None,
                sealed=stamp(NOW),
                coverage=Coverage(expected_bytes=8 * GIB, read_bytes=8 * GIB - 300 * 512, unreadable=gaps),
            )
        )
        await opened(d)
        await d.sees("300 gaps")
        told = detail(d)
        assert "not read: bytes 4,096 to 4,607 (512 bytes)" in told and "and 100 more" in told
        assert "cd '/evidence/it'\"'\"'s here/E-0005' && sha256sum" in told
        await d.press("y")
        await d.sees("No digest of E-0005 is recorded")
        assert d.screen_name == "EvidenceScreen"


def test_a_digest_is_broken_into_groups_of_eight() -> None:
    digest = "0123456789abcdef" * 4
    for width, lines in ((80, 1), (60, 2), (30, 4), (12, 8)):
        shown = ["".join(text for text, _ in line) for line in hex_lines(digest, width)]
        assert len(shown) == lines and all(len(line) <= width for line in shown)
        assert "".join(shown).replace(" ", "") == digest
        assert all(len(group) == 8 for line in shown for group in line.split())


def test_a_check_of_another_day_carries_its_date() -> None:
    old = check(state="ok", ended="2026-11-20T09:00:00Z")
    assert check_word(old, NOW, UNICODE, when=True)[0] == "✔ agrees 2026-11-20"
    assert check_word(old, NOW, UNICODE, when=False)[0] == "✔ agrees"


@SIZES
async def test_hostile_items_break_nothing(desk: OpenDesk, size: tuple[int, int]) -> None:
    async with desk(size=size, fill=seed_hostile, commands=hostile_commands()) as d:
        await opened(d)
        for keys in ((), ("j",), ("tab", "G"), ("shift+tab", "enter"), ("G",), ("y",)):
            await d.press(*keys)
            for shown in (d.text, d.app.clipboard):
                assert not any(raw in shown for raw in RAW)
            assert all(line.isprintable() for line in d.lines)
            assert all(cell_len(line) == size[0] for line in d.lines)
        assert d.screen_name == "CopiedScreen" and d.app.is_running


async def test_hostile_items_stay_plain_where_the_terminal_is(desk: OpenDesk) -> None:
    async with desk(fill=seed_hostile, commands=hostile_commands(), look=ASCII) as d:
        await opened(d)
        for keys in ((), ("j",), ("enter",), ("G",), ("y",)):
            await d.press(*keys)
            assert d.text.isascii()
