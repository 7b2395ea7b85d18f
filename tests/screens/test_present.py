"""Numbers, times and states as text."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from app.clock import stamp
from app.model import Acquisition
from app.model.view import StepRow
from screens.command.catalogue import DEFAULT
from screens.present import amounts, durations
from screens.present.acquisition_page import parts, step_lines
from screens.present.acquisitions import done_percent, rows
from screens.present.cells import Line, cells, columns, fit, fit_line, wrap
from screens.present.leases import live, live_line, not_ended
from screens.present.look import ASCII, UNICODE, Look, choose_look, given_environment
from screens.present.reasons import why
from screens.present.states import state, waiting
from tests.screens.seed import GIB, NOW, PAYMENTS, XVDA, acquisitions, leases, step_rows


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "–"),
        (0, "0 B"),
        (999, "999 B"),
        (1024, "1.0 KiB"),
        (8 * GIB, "8.0 GiB"),
        (1010 * 1024**2, "1.0 GiB"),
        (512 * GIB, "512 GiB"),
        (5 * 1024**5, "5.0 PiB"),
    ],
)
def test_bytes_are_binary_units_with_three_figures(count: int | None, text: str) -> None:
    assert amounts.size(count) == text


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (412 * 1024**2, "410 MiB/s"),
        (9_550_000, "9.1 MiB/s"),
        (61 * 1024**2, "61 MiB/s"),
        (0, "0 B/s"),
        (None, "–"),
        (997 * 1024**2, "1,000 MiB/s"),
    ],
)
def test_rates_have_two_significant_figures(rate: int | None, text: str) -> None:
    assert amounts.rate(rate) == text


def test_a_hundred_percent_means_all() -> None:
    assert amounts.percent(GIB - 1, GIB) == 99
    assert amounts.percent(GIB, GIB) == 100
    assert amounts.percent(5, 0) is None


@given(st.integers(0, 100), st.integers(1, 60), st.sampled_from([ASCII, UNICODE]))
def test_a_bar_has_whole_cells_and_its_width(part: int, width: int, look: Look) -> None:
    full, empty = amounts.bar(part, width, look)
    assert len(full) + len(empty) == width
    assert (len(full) == width) == (part == 100)


@pytest.mark.parametrize(
    ("seconds", "text", "urgency"),
    [
        (7500, "2 h 05", "calm"),
        (3540, "59 min", "calm"),
        (601, "10 min", "calm"),
        (600, "10:00", "soon"),
        (121, "2:01", "soon"),
        (120, "2:00", "now"),
        (1, "0:01", "now"),
        (0, "ended", "over"),
        (-5, "ended", "over"),
        (None, "unknown", "calm"),
    ],
)
def test_countdowns_get_finer_towards_the_end(seconds: int | None, text: str, urgency: str) -> None:
    assert durations.countdown(seconds) == text
    assert durations.urgency(seconds) == urgency


def test_what_is_left_comes_from_the_absolute_deadline() -> None:
    deadline = stamp(NOW + timedelta(minutes=5))
    assert durations.left(deadline, NOW) == 300
    assert durations.left(deadline, NOW + timedelta(seconds=301)) == -1
    assert durations.left("not a time", NOW) is None


@given(st.integers(0, 10**6))
def test_an_estimate_never_claims_seconds(seconds: int) -> None:
    assert ":" not in durations.eta(seconds)


@given(st.text(max_size=400))
def test_cleaned_text_holds_nothing_a_terminal_acts_on(text: str) -> None:
    for look in (UNICODE, ASCII):
        shown = look.clean(text)
        assert shown.isprintable()
        assert look is UNICODE or shown.isascii()


@given(st.text(max_size=80), st.integers(1, 60), st.booleans())
def test_a_fitted_text_has_exactly_its_width(text: str, width: int, right: bool) -> None:
    shown = UNICODE.clean(text)
    assert cell_len(fit(shown, width, UNICODE, right=right)) == width
    assert cells(fit_line(((shown, "dim"), ("tail", "")), width, UNICODE)) == width
    assert cells(columns([(((shown, ""),), width), ((("x", ""),), 0), ((("y", ""),), 3)], UNICODE)) == width + 4


@given(st.text(alphabet="ab c界", max_size=200), st.integers(2, 40))
def test_wrapping_loses_no_character_and_no_line_is_wider(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_every_state_has_a_word_and_its_glyph_has_an_ascii_form() -> None:
    for name in (
        "planned",
        "approved",
        "queued",
        "running",
        "waiting_for_credentials",
        "paused",
        "interrupted",
        "hashing",
        "sealing",
        "done",
        "failed",
        "cancelled",
        "live",
        "expired",
        "revoked",
        "refused",
    ):
        for look in (UNICODE, ASCII):
            text, tone = state(name, look)
            glyph, _, word = text.partition(" ")
            assert len(glyph) == 1 and word and tone
        assert state(name, ASCII)[0].isascii()


def test_a_failed_one_needs_nobody_once_a_newer_one_has_its_target() -> None:
    failed = msgspec.structs.replace(acquisitions(NOW)[3], state="failed")
    again = msgspec.structs.replace(failed, id="A-0010", state="running")
    assert waiting([failed]) == [failed]
    assert waiting([failed, again]) == []
    asks = msgspec.structs.replace(failed, state="waiting_for_credentials")
    assert waiting([asks, again]) == [asks]


@pytest.mark.parametrize(
    ("environ", "look"),
    [
        ({"LANG": "en_GB.UTF-8"}, UNICODE),
        ({"LANG": "C.utf8"}, UNICODE),
        ({"LANG": "C"}, ASCII),
        ({"LANG": "POSIX"}, ASCII),
        ({"LANG": "de_DE.ISO-8859-1"}, ASCII),
        ({}, ASCII),
        ({"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, ASCII),
        ({"LC_ALL": "", "LC_CTYPE": "C.UTF-8", "LANG": "C"}, UNICODE),
        ({"LC_CTYPE": "POSIX", "LANG": "en_GB.UTF-8"}, ASCII),
        ({"JUMPBAG_ASCII": "1", "LC_ALL": "en_GB.UTF-8"}, ASCII),
        ({"JUMPBAG_ASCII": "0", "LC_ALL": "en_GB.UTF-8"}, UNICODE),
    ],
)
def test_glyphs_follow_the_locale_of_the_environment(environ: dict[str, str], look: Look) -> None:
    assert choose_look(environ) is look


def test_a_coerced_c_locale_is_still_the_c_locale() -> None:
    """Python sets LC_CTYPE in its own environment (PEP 538); the look goes by what the user had."""
    told = (
        "import os; from screens.present.look import choose_look, given_environment as given; "
        "print(os.environ.get('LC_CTYPE'), choose_look(given()).ascii)"
    )
    for lang, plain in (("C", "True"), ("C.UTF-8", "False")):
        run = subprocess.run(
            [sys.executable, "-c", told], env={"LANG": lang}, capture_output=True, text=True, check=True
        )
        assert run.stdout.split()[-1] == plain


def test_the_environment_of_the_process_does_where_its_start_is_not_recorded(tmp_path: Path) -> None:
    assert given_environment(tmp_path / "none") is os.environ
    (tmp_path / "environ").write_bytes(b"LANG=C\0EMPTY=\0")
    assert given_environment(tmp_path / "environ") == {"LANG": "C", "EMPTY": ""}


def text(lines: Iterable[Line]) -> str:
    return "\n".join("".join(piece for piece, _ in line).rstrip() for line in lines)


def of(ident: str, **more: Any) -> Acquisition:
    one = next(one for one in acquisitions(NOW) if one.id == ident)
    return msgspec.structs.replace(one, **more)


def shown(one: Acquisition, *, width: int = 100, steps: Sequence[StepRow] = ()) -> str:
    return text(rows(one, {}, NOW, width, UNICODE, DEFAULT.key, steps))


def test_percent_is_of_bytes_only_while_bytes_are_what_is_counted() -> None:
    waits = of("A-0008", bytes_total=8 * GIB)
    assert done_percent(waits) == 41 and "41 %" in shown(waits)
    assert done_percent(of("A-0007", percent=3)) == 63 - 1
    assert done_percent(of("A-0007", step="unshare the snapshot", percent=None)) is None
    assert done_percent(of("A-0007", step="download the blocks: checking", bytes_done=GIB)) == 12
    assert done_percent(of("A-0007", state="hashing", step="Hash the whole image", bytes_done=2 * GIB)) == 25


def test_an_error_that_does_not_fit_says_why_before_where() -> None:
    error = (
        f"ec2:CreateSnapshot on {XVDA} in account {PAYMENTS}: denied: the role's policy does not allow it "
        "(request 5f2c91aa-77b0-4c1e-9d3e-000000000001)"
    )
    failed = of("A-0007", state="failed", error=error, next="ask the owner of payments-prod for the permission")
    row = shown(failed, width=100)
    assert "denied: the role's policy" in row and "CreateSnapshot" not in row and "ask the owner" in row
    assert why(error, 60, UNICODE) == "denied: the role's policy does not allow it"
    assert why(error, 20, UNICODE) == "denied: the role's …"
    assert why(error, 400, UNICODE) == error
    assert why("the key is locked: nothing starts", 20, UNICODE).startswith("the key is locked")


def test_what_hinders_a_running_one_is_said_in_its_row() -> None:
    hint = "no answer from the cloud since 11:02, trying again"
    assert (f"{hint}", "wait") in rows(of("A-0007", error=hint), {}, NOW, 100, UNICODE, DEFAULT.key)[1]
    (row,) = [one for _, one in step_rows(NOW) if one.state == "running"]
    noted = msgspec.structs.replace(row, note=hint)
    assert (f"{hint}", "wait") in rows(of("A-0007"), {}, NOW, 100, UNICODE, DEFAULT.key, [noted])[1]
    assert hint not in shown(of("A-0007"), steps=[msgspec.structs.replace(noted, state="done")])


def test_a_sealed_one_tells_when_its_last_step_ended() -> None:
    sealed = of("A-0005", updated=stamp(NOW))
    assert "14:03" not in shown(sealed)
    steps = [one for _, one in step_rows(NOW)]
    ended = max(one.ended for one in steps if one.ended)
    assert f"· {ended[11:16]}" in shown(sealed, steps=steps)


@pytest.mark.parametrize(
    ("state", "word"), [("paused", "‖ paused"), ("waiting_for_credentials", "▲ no access"), ("failed", "✖ failed")]
)
def test_the_running_step_of_one_that_holds_still_neither_runs_nor_counts(state: str, word: str) -> None:
    steps = [one for _, one in step_rows(NOW)]
    (running_line,) = [
        line for line in text(step_lines(steps, NOW, 130, UNICODE)).split("\n") if "● running" in line
    ]
    assert running_line.split()[-1] == "2:35"
    held = text(step_lines(steps, NOW, 130, UNICODE, state))
    (line,) = [line for line in held.split("\n") if "download the blocks" in line]
    assert word in line and "2:35" not in line and "● running" not in held


@pytest.mark.parametrize("width", [76, 130])
def test_the_page_of_a_failed_one_keeps_every_word_of_why(width: int) -> None:
    error = "ec2:CreateSnapshot: denied: " + " ".join(f"word{number}" for number in range(60))
    todo = " ".join(f"todo{number}" for number in range(60))
    one = of("A-0007", state="failed", error=error, next=todo)
    steps = [
        msgspec.structs.replace(row, state="failed", note=error) if row.state == "running" else row
        for _, row in step_rows(NOW)
    ]
    head = [line for part in parts(one, {}, NOW, width, UNICODE) for line in part.lines]
    for lines in (head, step_lines(steps, NOW, width, UNICODE, "failed")):
        assert all(cells(line) <= width for line in lines)
        assert all(word in text(lines).split() for word in error.split()[2:])
    assert all(word in text(head).split() for word in todo.split())


def test_leases_of_unfinished_acquisitions_come_first_and_only_live_ones() -> None:
    found = leases(NOW)
    soon = msgspec.structs.replace(found[4], id="L-0009", expires=stamp(NOW + timedelta(minutes=1)))
    done = msgspec.structs.replace(found[2], id="L-0010", scope="A-0005 collect")
    going = not_ended(acquisitions(NOW))
    order = [one.id for one in live([*found, soon, done], going)]
    assert order == ["L-0003", "L-0004", "L-0009", "L-0010", "L-0005"]
    line = text([live_line([*found, soon, done], {}, NOW, 100, UNICODE, going)])
    assert line.index("L-0003") < line.index("L-0004") and line.endswith("more") and "L-0002" not in line
