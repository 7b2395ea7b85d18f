"""The resources pane: one row each, columns by width; and the page of one resource."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from app.model import Resource
from screens.present.amounts import short_size, size
from screens.present.cells import Line, Span, columns, fit, share, wrap
from screens.present.ids import CLOUDS
from screens.present.look import Look
from screens.present.shelf import Shelf

_NAMES = {"volume": "disk"}


@dataclass(frozen=True, slots=True)
class Widths:
    """Widths of the columns in cells; 0 leaves a column out."""

    name: int
    kind: int
    size: int
    id: int
    account: int
    region: int
    app: int
    tags: int
    state: int


def widths(total: int, *, one_account: bool) -> Widths:
    """Columns for a list that is ``total`` cells wide. A narrow list keeps name, kind, id and state."""
    kind, ident, state = 9, 21, 16
    account = 14 if total >= 86 and not one_account else 0
    big = total >= 124
    region, wide_size, app = (12, 9, 12) if big else (0, 0, 0)
    if big:
        kind, ident, state, account = 8, 23, 18, 0 if one_account else 16
    tagged = total >= 92
    fixed = [part for part in (1, kind, ident, state, account, region, wide_size, app) if part]
    if total < 56:
        return Widths(name=share(total, [1, 8, 12], [1])[0], kind=8, size=0, id=0, account=0, region=0, app=0,
                      tags=0, state=12)  # fmt: skip
    name, *rest = share(total, fixed, [3, 4] if tagged else [1])
    tags = rest[0] if rest else 0
    if name < 16 and tags:
        name, tags = 16, max(0, tags - (16 - name))
    return Widths(name=name, kind=kind, size=wide_size, id=ident, account=account, region=region, app=app,
                  tags=tags if tags >= 8 else 0, state=state)  # fmt: skip


COLUMNS = ("name", "kind", "size", "id", "account", "region", "state")
"""The columns that the list can be sorted by, from left to right."""


def header(w: Widths, look: Look, sort: str = "", descending: bool = False) -> Line:
    """The column titles, with an arrow at the one that the list is sorted by."""
    named = [("", 1), ("name", w.name), ("kind", w.kind), ("size", w.size), ("id", w.id), ("account", w.account),
             ("region", w.region), ("app", w.app), ("tags", w.tags), ("state", w.state)]  # fmt: skip
    arrow = f" {look.down if descending else look.up}"
    return columns(
        [(((f"{title}{arrow}", "accent") if title and title == sort else (title, "head"),), width)
         for title, width in named],
        look,
    )  # fmt: skip


def resource_line(
    resource: Resource,
    shelf: Shelf,
    w: Widths,
    look: Look,
    *,
    nested: bool = False,
    marked: bool = False,
    context: bool = False,
) -> Line:
    """One row. ``nested``: it is a disk under its instance. ``marked``: it is one of those picked for a batch.
    ``context``: the filter does not ask for it, but for its instance or one of its disks."""
    live = resource.kind == "instance" and resource.attributes.get("state") == "running"
    mark: Span = (look.mark, "accent") if marked else (look.live, "live") if live else (" ", "")
    state = short_state(resource, look, marked=marked)
    if context and not marked:
        mark, state = (look.dot, "dim"), (state[0], "dim")
    kind = _NAMES.get(resource.kind, resource.kind)
    if resource.kind == "volume" and not w.size:
        kind = f"{kind} {short_size(resource.size_bytes)}"
    tone = "accent" if marked else "" if resource.eligible and not context else "dim"
    tags = _tags(resource.tags, look)
    return columns(
        [
            ((mark,), 1),
            (_name(resource, nested, tone, look), w.name),
            (((kind, tone),), w.kind),
            (((size(resource.size_bytes, "") if resource.size_bytes else "", tone),), w.size),
            (((look.clean(resource.id), tone),), w.id),
            (((look.clean(shelf.account_name(resource)), tone),), w.account),
            (((look.clean(resource.region), tone),), w.region),
            (((look.clean(resource.tags.get("app", "")), tone),), w.app),
            (((tags, "dim"),), w.tags),
            ((state,), w.state),
        ],
        look,
    )


def short_state(resource: Resource, look: Look, *, marked: bool = False) -> Span:
    """``● eligible`` (or ``✓ marked``) with its key where that decides the route, or ``# not tagged``."""
    if not resource.eligible:
        return f"{look.lock} {'not tagged' if resource.untagged else 'locked'}", "lock"
    key = {"default": " KMS", "customer": " CMK"}.get(resource.attributes.get("kms", ""), "")
    return (f"{look.mark} marked{key}", "accent") if marked else (f"{look.live} eligible{key}", "done")


def locked(resource: Resource, key: str, look: Look) -> str:
    """In a sentence why ``key`` does not work on it, and what would; "" where it may be acquired."""
    if resource.kind not in ("instance", "volume"):
        what = "This is a" + ("n image" if resource.kind == "image" else f" {resource.kind}")
        return f"{what}: put the cursor on a disk or an instance, then press {key}."
    if resource.eligible:
        return ""
    why = look.clean(resource.reason or "it does not carry the forensics tag of this case", 300).rstrip(".")
    return f"{title_of(resource, look)} may not be acquired: {why}."


def title_of(resource: Resource, look: Look) -> str:
    """The name that a person knows it by."""
    if resource.kind == "volume" and resource.attached_to:
        held = look.clean(resource.attached_to.name or resource.attached_to.id)
        return f"{held} {look.clean(resource.attached_to.device)}"
    return look.clean(resource.name or resource.id)


def detail(resource: Resource, disks: Sequence[Resource], shelf: Shelf, width: int, look: Look) -> list[Line]:
    """The page of one resource: what it is, whether it may be acquired, and who could change that. ``disks`` are
    those of an instance."""
    out: list[Line] = []
    kms = {
        "none": "not encrypted",
        "default": "encrypted under the account's default key, which cannot be shared",
        "customer": "encrypted under a customer key",
    }
    held = resource.attached_to
    facts = [
        ("name", resource.name or look.none),
        ("kind", _NAMES.get(resource.kind, resource.kind)),
        ("id", resource.id),
        ("cloud", CLOUDS.get(resource.cloud, resource.cloud)),
        ("account", f"{shelf.account_name(resource)} ({resource.account})"),
        ("region", resource.region),
        ("size", size(resource.size_bytes, "")),
        ("attached to", f"{held.name} ({held.id}) as {held.device}" if held else ""),
        ("encryption", kms.get(resource.attributes.get("kms", ""), "")),
    ]
    told = {"kms", "encrypted"} if resource.attributes.get("kms") in kms else {"kms"}
    for key, value in sorted(resource.attributes.items()):
        if key == "delete_on_termination":  # of an instance, the devices; of a disk, whether
            whole = {"true": "deletes this disk", "false": "leaves this disk"}
            facts.append(("termination", whole.get(value, f"deletes {value}")))
        elif key not in told:
            facts.append((key.replace("_", " "), value))
    for label, value in facts:
        if value:
            out += _fact(label, value, width, look)
    out.append(())
    state, tone = short_state(resource, look)
    out.append((("forensics     ", "head"), (state, tone)))
    if resource.eligible:
        out += _prose("It carries the forensics tag of this case, so it may be acquired.", width, look)
    else:
        out += _prose(resource.reason or "It does not carry the forensics tag of this case.", width, look)
        out += _prose(
            "Whoever may tag resources in that account can change this; R in the resources pane looks again.",
            width,
            look,
        )
    out.append(())
    out.append((("tags", "head"),) if resource.tags else (("tags          ", "head"), ("none", "dim")))
    for key, value in sorted(resource.tags.items()):
        for row, piece in enumerate(wrap(f"{look.clean(key)} = {look.clean(value)}", max(20, width - 2))):
            out.append((("  " if row == 0 else "    ", ""), (piece, "")))
    if disks:
        out.append(())
        out.append((("disks", "head"),))
        for disk in disks:
            device = look.clean(disk.attached_to.device) if disk.attached_to else ""
            out.append(
                (
                    (f"  {device:<12} {size(disk.size_bytes):>9}  {look.clean(disk.id):<22} ", ""),
                    short_state(disk, look),
                )
            )
    return out


def _name(resource: Resource, nested: bool, tone: str, look: Look) -> Line:
    if nested and resource.attached_to:
        return ((f"{look.branch} ", "dim"), (look.clean(resource.attached_to.device or resource.id), tone))
    if resource.kind == "volume" and resource.attached_to:
        return ((title_of(resource, look), tone),)
    return ((look.clean(resource.name) if resource.name else look.none, tone),)


def _tags(tags: dict[str, str], look: Look) -> str:
    shown = [
        f"{look.clean(key, 60)}={look.clean(value, 60)}" for key, value in list(tags.items())[:6] if key != "Name"
    ]
    return " ".join(shown)


def _fact(label: str, value: str, width: int, look: Look) -> list[Line]:
    pieces = wrap(look.clean(value), max(20, width - 14))
    shown = look.clean(label, 40)
    out: list[Line] = []
    if cell_len(shown) > 13:  # it has a line of its own: values stand in one column
        out, shown = [((shown, "head"),)], ""
    out.append(((fit(shown, 14, look), "head"), (pieces[0], "")))
    return [*out, *(((" " * 14, ""), (piece, "")) for piece in pieces[1:])]


def _prose(text: str, width: int, look: Look) -> list[Line]:
    return [((" " * 14, ""), (piece, "")) for piece in wrap(look.clean(text, 600), max(20, width - 14))]
