"""What docs/playbooks.md says of playbooks is what the product takes."""

from __future__ import annotations

import re
from pathlib import Path

import providers.emulators
from app.guided.conditions import RULES
from app.guided.load import FILES, LARGEST, check, load
from app.guided.playbook import CAPABILITIES, KEY, Go, Playbook, Step
from app.toml_guard import DOTS
from screens.command.catalogue import COMMANDS

DOCS = Path(__file__).parents[2] / "docs" / "playbooks.md"
TEXT = DOCS.read_text("utf-8")
HELD = {command.id: command.starts for command in COMMANDS}


def section(title: str) -> str:
    """What stands under a heading, or behind a word in bold."""
    _, _, rest = TEXT.partition(title)
    assert rest, title
    return re.split(r"\n## |\n\n\*\*", rest)[0]


def words(text: str) -> set[str]:
    """What is written as code."""
    return {word.split("=")[0] for word in re.findall(r"`([^`]+)`", text)}


def first_cells(text: str) -> set[str]:
    """What is written as code in the first column of tables."""
    return words("\n".join(line.split("|")[1] for line in text.splitlines() if line.startswith("|")))


def test_the_example_is_a_playbook(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", section("\n## An example\n"), re.DOTALL)
    assert example is not None
    playbook = check(example[1].encode(), HELD)
    assert [step.id for step in playbook.steps] == ["alert", "acquire", "sealed"]
    (tmp_path / "web-triage.toml").write_text(example[1], "utf-8")
    library = load([tmp_path], HELD)
    assert library.faulty == () and library.get("web-triage").playbook == playbook
    assert f'offer = "{playbook.id}"' in TEXT


def test_every_condition_stands_there_with_its_terms() -> None:
    table = section("\n## Conditions\n")
    assert first_cells(table) == set(RULES)
    for line in table.splitlines():
        cells = re.split(r"(?<!\\)\|", line)
        for name in words(cells[1]) if line.startswith("| `") else ():
            terms = {word for word in words(cells[3]) if word in {"kind", "route", "state", "eligible", "kms"}}
            assert terms == set(RULES[name].terms), name
            told = "" if name == "by_hand" else RULES[name].told_by
            assert cells[4].strip() == told, name


def test_every_key_stands_there() -> None:
    keys = first_cells(section("\n## Keys\n"))
    assert keys == set(Playbook.__struct_fields__) | set(Step.__struct_fields__)
    assert set(Go.__struct_fields__) <= words(section("\n## Keys\n"))


def test_limits_are_those_of_the_product() -> None:
    faults = section("\n## Faults\n")
    assert f"more than {DOTS} dots" in faults and f"over {LARGEST // 1024} KiB" in faults
    assert f"first {FILES} files" in faults


def test_keys_in_texts_are_named_as_it_says() -> None:
    named = KEY.findall(section("**Keys in texts.**"))
    assert named == ["resources.acquire"] and set(named) <= set(HELD)
    assert {"text", "dont", "on"} <= words(section("**Keys in texts.**"))


def test_shipped_texts_name_no_key_literally() -> None:
    """A key that is written out lies after a change of the keymap."""
    tour = Path(providers.emulators.__file__).parent / "scenarios" / "web-intrusion" / "playbooks"
    library = load([tour], HELD)
    assert library.faulty == () and "tour" in library.editions
    literal = re.compile(r"\b(?:[Pp]ress|with) (?:[a-zA-Z]\b|Enter|Esc)|\b(?:press|with) /")
    for ident, edition in library.editions.items():
        for step in edition.playbook.steps:
            for text in (step.text, step.dont, step.why, step.record, step.on):
                assert not literal.search(text), (ident, step.id, text)
            assert len(KEY.sub("x", step.on)) <= 24, "the strip would cut it"


def test_capabilities_commands_and_shipped_playbooks_are_those_of_the_product() -> None:
    assert set(CAPABILITIES) <= words(section("**Needs.**"))
    assert words(section("**Holds**")) == {ident for ident, free in HELD.items() if free}
    assert first_cells(section("\n## Shipped\n")) == set(load([]).editions)
