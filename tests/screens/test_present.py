"""Numbers, times and states as text."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from app.clock import stamp
from screens.present import amounts, durations
from screens.present.cells import cells, columns, fit, fit_line, wrap
from screens.present.look import ASCII, UNICODE, Look, choose_look
from screens.present.states import state, waiting
from tests.screens.seed import GIB, NOW, acquisitions


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


def test_glyphs_follow_the_encoding() -> None:
    assert choose_look("UTF-8") is UNICODE
    for encoding in ("ISO-8859-1", "ANSI_X3.4-1968", None, ""):
        assert choose_look(encoding) is ASCII
