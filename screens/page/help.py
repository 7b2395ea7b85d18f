"""The help page, generated from the registry of keys."""

from __future__ import annotations

from collections.abc import Sequence

from screens.command.registry import SECTIONS, Registry, shown
from screens.present.cells import Line, wrap
from screens.present.look import Look


def help_lines(registry: Registry, width: int, look: Look) -> list[Line]:
    """Every command with its keys and its word, in one or two columns of sections; then what the glyphs mean."""
    blocks = [_section(registry, name, title, look, (width - 3) // 2 if width >= 110 else width)
              for name, title in SECTIONS.items()]  # fmt: skip
    blocks.append(_legend(look, (width - 3) // 2 if width >= 110 else width))
    if width < 110:
        return [line for block in blocks for line in (*block, ())][:-1]
    half = (width - 3) // 2
    total = sum(len(block) + 1 for block in blocks)
    left: list[Line] = []
    right: list[Line] = []
    for block in blocks:
        (left if len(left) + len(block) // 2 < total / 2 and not right else right).extend([*block, ()])
    rows: list[Line] = []
    for place in range(max(len(left), len(right))):
        one = left[place] if place < len(left) else ()
        other = right[place] if place < len(right) else ()
        pad = half - sum(len(text) for text, _ in one)
        rows.append((*one, (" " * (pad + 3), ""), *other))
    return rows


def keymap_lines(registry: Registry, problems: Sequence[str], width: int, look: Look) -> list[Line]:
    """What the user's keymap changes, and each entry of it that was left out."""
    out = problem_lines(problems, width, look)
    for ident, keys in registry.changed.items():
        command = registry.get(ident)
        told = command.help if command is not None else "before a case is open"
        out.append(((f"{look.plain(shown(keys)):<12} ", "key"), (f"{ident}  ", ""), (look.plain(told), "dim")))
    for word, line in sorted(registry.aliases.items()):
        out.append(((f":{look.clean(word, 40):<11} ", "key"), (f":{look.clean(line, 200)}", "")))
    return out or [(("No keymap.toml changes anything: all keys are as shipped.", "dim"),)]


def problem_lines(problems: Sequence[str], width: int, look: Look) -> list[Line]:
    """Each entry of the user's keymap that was left out, and what to do; nothing where there is none."""
    out: list[Line] = []
    for text in problems:
        pieces = wrap(look.clean(text, 1000), max(20, width - 2))
        out += [((f"{look.warn if row == 0 else ' '} {piece}", "need"),) for row, piece in enumerate(pieces)]
    if problems:
        todo = f"{look.arrow} mend keymap.toml, then run jumpbag again; the shipped keys stay meanwhile"
        out += [*(((piece, ""),) for piece in wrap(todo, max(20, width))), ()]
    return out


def _section(registry: Registry, name: str, title: str, look: Look, width: int) -> list[Line]:
    out: list[Line] = [((title, "strong"),)]
    for command in registry.of(name):
        keys = shown(registry.keys(command))
        if look.ascii:
            keys = look.plain(keys.translate({0x2191: "Up", 0x2193: "Down", 0x2190: "<-", 0x2192: "->"}))
        text = f"{command.help}. :{' '.join((command.names[0], command.takes))}" if command.names else command.help
        pieces = wrap(look.plain(text.rstrip()), max(20, width - 14))
        out.append(((f"  {keys:<11} ", "key"), (pieces[0], "")))
        out.extend(((" " * 14, ""), (piece, "")) for piece in pieces[1:])
    return out


def _legend(look: Look, width: int) -> list[Line]:
    rows = [
        (look.live, "live", "live, running"),
        (look.wait, "wait", "queued, scanning, under way"),
        (look.pause, "wait", "paused: goes on when you say so"),
        (look.idle, "dim", "not asked yet, not started, stopped or expired"),
        (look.done, "done", "done, sealed"),
        (look.failed, "bad", "failed, refused, gone"),
        (look.warn, "need", "needs a person, or is a warning"),
        (look.lock, "lock", "locked: not tagged, or not reachable"),
        (look.home, "accent", "the forensics account"),
        ("READ-ONLY", "strong", "no plan can be approved now; what was approved before goes on"),
        (f"{look.warn} ARMED", "need", "plans may be approved, until its countdown ends"),
        (f"{look.warn} weak key", "need", "the custody signing key lies in a plain file, without a passphrase"),
        (f"{look.warn} endpoint", "need", "a cloud's address is overridden: not the real cloud, or a proxy"),
        ("KMS", "done", "encrypted under the account's default key, which cannot be shared"),
        ("CMK", "done", "encrypted under a customer key; its policy decides who may use it"),
        ("detached", "live", "the agent lives on after you leave and log out"),
        ("session only", "wait", "the agent ends when this login ends"),
    ]
    out: list[Line] = [(("What the marks mean", "strong"),)]
    for mark, tone, meaning in rows:
        pieces = wrap(meaning, max(20, width - 15))
        out.append(((f"  {mark:<12} ", tone), (pieces[0], "")))
        out.extend(((" " * 15, ""), (piece, "")) for piece in pieces[1:])
    return out
