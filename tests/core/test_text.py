from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from app.text import visible


@given(st.text())
def test_nothing_that_draws_nothing_or_moves_the_cursor_comes_out(text: str) -> None:
    for char in visible(text):
        assert unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        assert char.isprintable()


@given(st.text(), st.integers(8, 300))
def test_length_is_bounded_and_what_was_cut_is_said(text: str, cap: int) -> None:
    shown = visible(text, cap=cap)
    assert len(shown) <= cap + len(f"…(+{len(text)})")
    if len(text) > cap + 1:
        assert "…(+" in shown


@given(st.text(st.characters(whitelist_categories=["Ll", "Lu", "Nd"], max_codepoint=0x24F)))
def test_plain_text_is_left_alone(text: str) -> None:
    assert visible(text, cap=10_000) == text


def test_the_attacks_by_name() -> None:
    assert visible("\x1b]52;c;cm0gLXJm\x07") == "\\x1b]52;c;cm0gLXJm\\x07"
    assert visible("invoice\u202efdp.exe") == "invoice\\u202efdp.exe"
    assert visible("a\r\nb\tc") == "a\\x0d\\x0ab\\x09c"
    assert visible("zero\u200bwidth\ufeff") == "zero\\u200bwidth\\ufeff"
    assert visible("\U000e0041") == "\\U000e0041"
    assert visible("[@click=app.quit]x[/]") == "[@click=app.quit]x[/]"  # markup is off wherever it is shown
    assert visible("e\u0301") == "e\u0301"
    assert visible("Z" + "\u0301" * 40).count("\\u0301") == 38
