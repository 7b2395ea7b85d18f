"""TOML that would cost too much is refused before it is parsed; everything else is parsed as ever."""

from __future__ import annotations

import tomllib
import tracemalloc
from pathlib import Path

import pytest

from app.toml_guard import KEY, NotToml, loads
from app.ui_options import resolve
from screens.command.catalogue import DEFAULT
from screens.command.keymap import load as load_keymap

LONG = ".".join("a" * 2000)


@pytest.mark.parametrize(
    "text",
    [
        f"{LONG} = 1",
        f"x = 1\n[{LONG}]",
        f"[[{LONG}]]",
        f"x = {{ {LONG} = 1 }}",
        f"x = [{{ {LONG} = 1 }}]",
        " . ".join("abcdefghij") + " = 1",
        '"a".\'b\'."c.d".e.f.g.h.i.j.k = 1',
        f'x = """a""" # \'\'\'\n{LONG} = 1',
        f'x = """a\\"""""\n{LONG} = 1',
        f"x = '''a'''''\n{LONG} = 1",
        f"x = '\\'\n{LONG} = 1",
        f'x = "\\\\"\n{LONG} = 1',
    ],
)
def test_keys_of_many_parts_are_refused_wherever_they_stand(text: str) -> None:
    tracemalloc.start()
    with pytest.raises(NotToml, match="a key with more than 8 dots") as caught:
        loads(text)
    assert caught.value.next == "write tables instead"
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_the_line_is_named() -> None:
    with pytest.raises(NotToml, match=r"\(at line 3\)"):
        loads(f"a = 1\n\n{LONG} = 1")


@pytest.mark.parametrize("text", [f"{'k' * (KEY + 1)} = 1", f'x = {{ "{"k" * KEY}" = 1 }}'])
def test_long_keys_are_refused(text: str) -> None:
    with pytest.raises(NotToml, match=r"a key of 20. characters .*line 1"):
        loads(text)


@pytest.mark.parametrize(
    "text",
    [
        f'x = "{LONG}"',
        f"x = '{LONG}'",
        f'x = """{LONG}\n"quoted" {LONG} = 1\n\\""" [{LONG}]"""""',
        f"x = '''{LONG}\n''{LONG}'''''",
        f"# {LONG} = 1\nx = 1 # {LONG}",
        "x = [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5]",
        "x = 1979-05-27T07:32:00.999999Z",
        "a.b.c.d.e.f.g.h.i = 1",
        f'"{LONG[:150]}" = 1',
        f"x = [\n  \"{LONG}\", # {LONG}\n  '{LONG}',\n]",
        'x = "\\"" # "\ny = \'"\'\n',
    ],
)
def test_everything_else_is_parsed_as_ever(text: str) -> None:
    assert loads(text) == tomllib.loads(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = " + "[" * 20_000, "nested too deeply"),
        ("x = " + "9" * 5000, "thousands of digits"),
        ('x = """' + '\\"' * 30_000, "Unterminated"),
        ("'" * 60_000, "Expected '='"),
        ('"' * 59_999, "Expected '='"),
    ],
    ids=["lists", "digits", "open", "quotes", "double"],
)
def test_what_is_no_toml_is_said_at_once(text: str, message: str) -> None:
    with pytest.raises(NotToml, match=message):
        loads(text)


def test_keymap_and_options_are_guarded_alike(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text(f"keys.{LONG} = 'x'", "utf-8")
    keymap = load_keymap(file, DEFAULT)
    assert keymap.registry == DEFAULT and "more than 8 dots" in keymap.problems[0]
    with pytest.raises(Exception, match="more than 8 dots"):
        resolve(file, {}, {})
