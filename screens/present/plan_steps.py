"""The steps of a plan: each with its number, in the order in which they run, grouped by what they are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from rich.cells import cell_len

from app.model import ItemSpec, Plan, Step
from screens.present.amounts import size
from screens.present.cells import Line, Span, columns, share, wrap
from screens.present.look import Look
from screens.present.shelf import AccountKey

RANK = {"observe": 0, "collect": 1, "share": 2, "modify": 3, "destroy": 4}
"""Effects from the lightest to the gravest."""
_MARKS = {
    # effect: (name of the glyph in Look, tone)
    "observe": ("idle", "dim"),
    "collect": ("live", ""),
    "share": ("arrow", "wait"),
    "modify": ("warn", "need"),
    "destroy": ("failed", "bad"),
}
_EFFECT = 9
_CALL = 27
_NOTHING = "nothing to undo"
_WIDE = 104


def account_name(plan: Plan, account: str, names: Mapping[AccountKey, str], look: Look) -> str:
    """The name of an account of the plan, its id where it has none."""
    own = plan.target.account_name if account == plan.target.account else ""
    return look.clean(own or names.get((plan.target.cloud, account)) or account)


def effect_span(effect: str, look: Look) -> Span:
    """Glyph and word of an effect, e.g. ``→ share``."""
    glyph, tone = _MARKS.get(effect, ("none", ""))
    return f"{getattr(look, glyph)} {look.clean(effect, 24)}", tone


def numbers(places: Sequence[int], look: Look) -> str:
    """Step numbers with runs drawn together: ``5, 14–16``."""
    parts: list[str] = []
    for _, run in groupby(enumerate(places), lambda pair: pair[1] - pair[0]):
        found = [place for _, place in run]
        ends = f"{found[0]}{look.none}{found[-1]}" if len(found) > 2 else ", ".join(map(str, found))
        parts.append(ends)
    return ", ".join(parts)


def step_lines(plan: Plan, names: Mapping[AccountKey, str], width: int, look: Look) -> list[Line]:
    """A header and each step. No text is cut: a long one goes on in its column, and on a narrow screen call and
    undo stand under the title. The steps of an instance stand under headings: itself, what describes it, its
    disks stage by stage, then each disk on its own."""
    wide, digits = width >= _WIDE, max(2, len(str(len(plan.steps))))
    runs = 16 if wide else 13
    if wide:
        call = _CALL
        title, undo = share(width - 1, [digits, call, _EFFECT, runs], [5, 3])
        sizes = [digits, title, call, _EFFECT, runs, undo]
        titles = ["#".rjust(digits), "step", "call", "effect", "runs as", "undo"]
    else:
        sizes = [digits, *share(width - 1, [digits, _EFFECT, runs], [1]), _EFFECT, runs]
        titles = ["#".rjust(digits), "step", "effect", "runs as"]
    out = _row([(title, "head") for title in titles], sizes, look)
    taken_back = {step.undoes: number for number, step in enumerate(plan.steps, 1) if step.undoes}
    number = 0
    for heading, steps in _sections(plan, look):
        if heading:
            out += [((f" {look.dash} ", "dim"), (piece, "strong")) for piece in wrap(heading, width - 4)]
        for step in steps:
            number += 1
            where = account_name(plan, step.account, names, look) if _in_a_cloud(step) else "jump host"
            named = look.clean(_named(plan, step, look) if plan.kind == "instance" else step.title)
            called, back = look.clean(step.call), look.clean(step.undo)
            if step.effect == "observe" and back.startswith(_NOTHING):
                back = ""  # the effect says as much
            if not back and step.id in taken_back:
                back = f"taken back in step {taken_back[step.id]}"
            first: list[Span] = [(f"{number:>{digits}}", "dim"), (named, "")]
            last: list[Span] = [effect_span(step.effect, look), (where, "")]
            if wide:
                out += _row([*first, (called, "dim"), *last, (back or look.none, "dim")], sizes, look)
                continue
            out += _row([*first, *last], sizes, look)
            under = f"{called} {look.dot} undo: {back}" if back else called
            for text in (under,) if cell_len(under) <= width - 4 else (called, f"undo: {back}" if back else ""):
                out += [((f"    {piece}", "dim"),) for piece in wrap(text, width - 4) if piece]
    return out


def _in_a_cloud(step: Step) -> bool:
    return bool(step.account) and not step.call.startswith("local:")


def _sections(plan: Plan, look: Look) -> list[tuple[str, list[Step]]]:
    """Runs of steps with their heading; one run without any where there is but one disk."""
    if plan.kind != "instance":
        return [("", list(plan.steps))]
    items = {item.key: item for item in plan.items}
    out: list[tuple[str, list[Step]]] = []
    for key, found in groupby(plan.steps, lambda step: step.item):
        heading = "its disks, stage by stage" if out else "the instance, all disks at one point in time"
        out.append((_of_item(items[key], look) if key in items else heading, list(found)))
    return out


def _of_item(item: ItemSpec, look: Look) -> str:
    if item.kind == "config":
        return f"what describes it {look.dot} {look.clean(item.source)}"
    large = f" {look.dot} {size(item.shape.size_bytes)}" if item.shape else ""
    return f"disk {look.clean(item.name or item.source)} {look.dot} {look.clean(item.source)}{large}"


def _volume(step: Step) -> str:
    """The disk that a step is about, "" where it is about none or all of them."""
    found = step.params.get("volume_id")
    return found if isinstance(found, str) else ""


def _named(plan: Plan, step: Step, look: Look) -> str:
    """A step's title with its disk as people name it (``/dev/xvdf``; the heading of the disk has its id), added
    where the title names none."""
    volume = _volume(step)
    if not volume:
        return step.title
    name = next((item.name for item in plan.items if item.source == volume), "")
    device = name.removeprefix(f"{plan.target.name}:") or volume
    if volume in step.title:
        return step.title.replace(volume, device)
    return step.title if step.item or device in step.title else f"{step.title} {look.dot} {device}"


def _row(parts: Sequence[Span], sizes: Sequence[int], look: Look) -> list[Line]:
    """Columns side by side, each wrapped into its width."""
    pieces = [
        [text] if cell_len(text) <= room else wrap(text, room)
        for (text, _), room in zip(parts, sizes, strict=True)
    ]
    out: list[Line] = []
    for row in range(max(len(one) for one in pieces)):
        line = [
            (((one[row] if row < len(one) else "", tone),), room)
            for one, (_, tone), room in zip(pieces, parts, sizes, strict=True)
        ]
        out.append(((" ", ""), *columns(line, look)))
    return out


def table(rows: Sequence[Sequence[Span]], width: int, look: Look, gap: str = "  ") -> list[Line]:
    """Columns as wide as what stands in them; nothing where they do not fit."""
    sizes = [max(cell_len(row[place][0]) for row in rows) for place in range(len(rows[0]))] if rows else []
    if sum(sizes) + len(gap) * (len(sizes) - 1) > width:
        return []
    return [columns([((span,), room) for span, room in zip(row, sizes, strict=True)], look, gap) for row in rows]
