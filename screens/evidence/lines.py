"""Sealed items as lines: one row each, and everything that is known of one."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from datetime import datetime

from app.model import AccountKey, Acquisition, Digest, EvidenceItem
from app.model.view import EvidenceCheck
from screens.evidence.findings import finding_lines
from screens.present.amounts import bar, count, percent, plural, size
from screens.present.cells import Line, Span, columns, share, wrap
from screens.present.durations import hour_minute, spent
from screens.present.fact import LABEL, fact
from screens.present.look import Look

TAG_MANIFEST = "tagmanifest-sha256.txt"
_IMAGE = "data/disk.raw"
_STAGES = {
    "source": "at the source",
    "transfer": "in transfer",
    "rest": "at rest, when it was sealed",
    "reverify": "read again since",
}
_GAPS = 200
_BAR = 20
_CAP = 4000


def waits(check: EvidenceCheck | None) -> bool:
    """Whether a check waits for its turn: nothing of it is in the record yet."""
    return check is not None and check.state == "running" and not check.started


def check_word(check: EvidenceCheck | None, now: datetime, look: Look, *, when: bool) -> Span:
    """How the newest check stands, as glyph and word; ``when``: with its time."""
    if check is None:
        return f"{look.idle} not checked", "dim"
    if check.state == "running":
        if waits(check):
            return f"{look.wait} check waits", "wait"
        part = percent(check.bytes_done, check.bytes_total)
        return f"{look.live} checking {part if part is not None else 0} %", "live"
    glyph, word, tone = {
        "ok": (look.done, "agrees", "done"),
        "bad": (look.failed, "does not agree", "bad"),
        "failed": (look.warn, "check failed", "need"),
        "stopped": (look.idle, "check stopped", "wait"),
    }[check.state]
    if check.state == "ok" and check.reason:
        glyph, word, tone = look.warn, "extra file", "need"
    time = f" {_short(check.ended, now)}" if when and tone == "done" else ""
    return f"{glyph} {word}{time}", tone


def coverage_word(item: EvidenceItem, look: Look) -> Span:
    """``complete``, how many ranges are missing, or ``files`` where there is no image."""
    coverage = item.coverage
    if coverage is None:
        return (f"{look.none}" if item.sha256 else "files"), "dim"
    if not coverage.unreadable and coverage.read_bytes == coverage.expected_bytes:
        return "complete", ""
    return f"{look.warn} {plural(len(coverage.unreadable), 'gap')}", "need"


def item_header(width: int, look: Look) -> Line:
    """Over the rows of :func:`item_line`."""
    titles = (" item", "kind", "of", f"{'size':>9}", "sealed", "check", "coverage")
    return columns([(((title, "head"),), part) for title, part in zip(titles, _widths(width), strict=True)], look)


def item_line(item: EvidenceItem, check: EvidenceCheck | None, now: datetime, width: int, look: Look) -> Line:
    """An item on one line; where there is no room, when it was sealed and its coverage are in its detail alone."""
    widths = _widths(width)
    parts: list[Line] = [
        ((f" {look.clean(item.id, 24)}", "strong"),),
        ((look.clean(item.kind, 24), ""),),
        ((look.clean(item.source or "not recorded"), "" if item.source else "dim"),),
        ((f"{size(item.bytes):>9}", ""),),
        ((_short(item.sealed, now) if widths[4] < 16 else hour_minute(item.sealed, now), "dim"),),
        (check_word(check, now, look, when=widths[5] > 16),),
        (coverage_word(item, look),),
    ]
    return columns(zip(parts, widths, strict=True), look)


def _widths(width: int) -> list[int]:
    ident, kind, sized, sealed, check, coverage = 8, 6, 9, 16, 19, 9
    if width < 100:
        sealed, check = 10, 16
    if width < 76:
        sealed, coverage = 0, 0
    (source,) = share(width, [part for part in (ident, kind, sized, sealed, check, coverage) if part], [1])
    return [ident, kind, source, sized, sealed, check, coverage]


def detail_lines(
    item: EvidenceItem,
    check: EvidenceCheck | None,
    acquisition: Acquisition | None,
    names: Mapping[AccountKey, str],
    now: datetime,
    width: int,
    look: Look,
    key: Callable[[str], str],
) -> list[Line]:
    """Everything about one item: its check, what it holds, its digests, where it lies and where it came from."""
    head = f"{look.clean(item.id, 24)} {look.dot} {look.clean(item.kind, 24)} {look.dot} {size(item.bytes)}"
    out: list[Line] = [((head, "strong"), (f"  sealed {hour_minute(item.sealed, now)} UTC", "dim"))]
    out += fact("of", look.clean(item.source or "not recorded", _CAP), width)
    out += _came_from(item, acquisition, names, width, look)
    out += check_lines(check, now, width, look, key)
    out += _coverage(item, width, look)
    out += [(), *_digests(item, check, width, look), (), *_place(item, width, look)]
    return out


def check_lines(
    check: EvidenceCheck | None, now: datetime, width: int, look: Look, key: Callable[[str], str]
) -> list[Line]:
    """The newest check in words: what it found, what that means, what to do. ``key`` gives that of a command."""
    again, stop = key("evidence.verify"), key("evidence.stop")
    word, tone = check_word(check, now, look, when=False)
    if check is None:
        never = f"{look.idle} no check of it is recorded since it was sealed"
        return fact("check", f"{never}: {again} reads every byte again", width, tone)
    if waits(check):
        return fact("check", f"{word}: one item is read at a time. {stop} takes it off the queue", width, tone)
    if check.state == "running":
        part = percent(check.bytes_done, check.bytes_total) or 0
        full, empty = bar(part, _BAR if width >= 60 else _BAR // 2, look)
        amount = f" {part} %  {size(check.bytes_done)} of {size(check.bytes_total)}"
        lead: Line = ((f"{'check':<{LABEL}}", "head"), (f"{look.live} ", "live"))
        since = f"every byte is read again, since {hour_minute(check.started, now)} UTC; {stop} stops it"
        out: list[Line] = [(*lead, (full, "live"), (empty, "trough"), (amount, "")), *fact("", since, width)]
        if check.reason:
            known = f"It does not agree: {look.clean(check.reason, _CAP).rstrip('.')}."
            out += fact("", f"{known} The rest is read to tell how much of it still does.", width, "bad")
        return out
    took = spent(check.started, check.ended, now)
    when = f"{hour_minute(check.ended, now)} UTC" + (f", in {took}" if took else "")
    out = fact("check", f"{word} {look.dot} {when}", width, tone)
    why = look.clean(check.reason or "no reason is recorded", _CAP).rstrip(".")
    if check.state == "ok":
        read = f"{size(check.bytes_done)} were" if check.bytes_done else "with the whole case, every byte was"
        read += " read again"
        out += fact("", f"{read}: all agrees with the manifests and with the seal in the record", width)
        if check.reason:
            out += fact("", f"But {why}. Keep it, and find out who put it there.", width, "need")
    elif check.state == "bad":
        out += fact("", f"{why}.", width, "bad")
        out += fact("", "This copy is not what was sealed. Keep it as it is, and compare it with another.", width)
        if check.disagree is not None:
            out += finding_lines(check.disagree, width, look)
    elif check.state == "failed":
        out += fact("", f"{why}.", width, "need")
        out += fact(
            "", f"That says nothing against the evidence. Mend the cause, then {again} reads it again.", width
        )
    else:
        out += fact("", f"{why}. It says nothing of the item; {again} begins again from the first byte.", width)
    return out


def copied(item: EvidenceItem) -> tuple[str, str]:
    """The digest to copy, and what it is: of the image, else of the tag manifest, which covers everything."""
    if item.sha256:
        return item.sha256, f"SHA-256 of the image of {item.id}"
    found = next((one for one in item.digests if one.of == TAG_MANIFEST and one.stage == "rest"), None)
    return (found.hex, f"SHA-256 of {TAG_MANIFEST} of {item.id}") if found else ("", "")


def nothing_lines(width: int) -> list[Line]:
    """Instead of an item, where none is sealed yet."""
    said = (
        "Nothing is sealed yet.",
        "An acquisition that downloads a disk or collects a configuration ends in a bag: the image or the files, "
        "their digests, and a line in the record that binds them. It appears here when it is sealed.",
        "To begin one: mark a disk or an instance among the resources (2), then a.",
    )
    return [((piece, "dim"),) for text in said for piece in (*wrap(text, width), "")]


def _came_from(
    item: EvidenceItem,
    acquisition: Acquisition | None,
    names: Mapping[AccountKey, str],
    width: int,
    look: Look,
) -> list[Line]:
    if acquisition is None:
        return fact("from", look.clean(item.acquisition or "an acquisition that is not recorded", 60), width)
    one = acquisition
    account = names.get((one.cloud, one.account)) or one.account
    parts = (one.id, f"route {look.clean(one.route, 60)}", one.target_name or one.target, account)
    return fact("from", f" {look.dot} ".join(look.clean(part, 200) for part in parts), width)


def _coverage(item: EvidenceItem, width: int, look: Look) -> list[Line]:
    word, tone = coverage_word(item, look)
    coverage = item.coverage
    if coverage is None and item.sha256:
        return fact("coverage", "how much of the source was read is not recorded", width, "need")
    if coverage is None:
        return fact("coverage", "files, no image: what could not be had is listed in data/gaps.txt", width)
    read = f"{count(coverage.read_bytes)} of {count(coverage.expected_bytes)} bytes read"
    out = fact("coverage", f"{word}: {read}", width, tone)
    for gap in coverage.unreadable[:_GAPS]:
        last = gap.offset + max(0, gap.bytes - 1)
        text = f"not read: bytes {count(gap.offset)} to {count(last)} ({count(gap.bytes)} bytes)"
        out += fact("", text, width, "need")
    if len(coverage.unreadable) > _GAPS:
        out += fact("", f"and {count(len(coverage.unreadable) - _GAPS)} more, all in the record", width, "need")
    return out


_NO_DIGEST = {
    "source": "; the cloud tells no hash of a whole volume",
    "transfer": "; each block was compared with the cloud's own hash of it as it came",
}
_NOT_READ_AGAIN = {
    "running": "none yet: the check above has not ended",
    "ok": "none recorded: the check above is not in the record",
    "bad": "none recorded: the check above did not agree, and keeps no digest",
    "failed": "none recorded: the check above failed",
    "stopped": "none recorded: the check above was stopped",
}


def _digests(item: EvidenceItem, check: EvidenceCheck | None, width: int, look: Look) -> list[Line]:
    """Those of each stage; of those read again, how they stand to the newest ``check``."""
    sealed = {(one.of, one.alg): one.hex for one in item.digests if one.stage == "rest"}
    out: list[Line] = [(("Digests", "head"),)]
    for stage, words in _STAGES.items():
        found = sorted((one for one in item.digests if one.stage == stage), key=lambda one: one.of != _IMAGE)
        if stage == "reverify" and found and check is not None and check.state != "ok":
            words += ", before the check above"
        if not found:
            why = f"none recorded{_NO_DIGEST.get(stage, '') if item.sha256 else ''}"
            if stage == "reverify" and check is not None:
                why = _NOT_READ_AGAIN[check.state]
            said = wrap(why, max(20, width - len(words) - 2))
            out.append(((f"{words}: ", ""), (said[0], "dim")))
            out.extend(((" " * (len(words) + 2), ""), (piece, "dim")) for piece in said[1:])
            continue
        out.append(((words, ""),))
        for one in found:
            out += _digest(one, sealed, width, look)
    return out


def _digest(one: Digest, sealed: Mapping[tuple[str, str], str], width: int, look: Look) -> list[Line]:
    name = f"{look.clean(one.of, 200)} {look.dot} {look.clean(one.alg, 24)} {look.dot} {count(one.bytes)} bytes"
    out: list[Line] = [((f"  {piece}", "dim"),) for piece in wrap(name, width - 2)]
    known = sealed.get((one.of, one.alg))
    if one.stage == "reverify" and known is not None:
        same = known == one.hex
        out[-1] += ((f" {look.done} as sealed", "done") if same else (f" {look.failed} not as sealed", "bad"),)
    return [*out, *hex_lines(look.clean(one.hex, 600), width)]


def hex_lines(text: str, width: int) -> list[Line]:
    """A digest in groups of eight digits, eight, four or two to a line, to be compared by eye."""
    groups = [text[at : at + 8] for at in range(0, len(text), 8)]
    per = next((number for number in (8, 4, 2) if width - 2 >= number * 9 - 1), 1)
    rows = [" ".join(groups[at : at + per]) for at in range(0, len(groups), per)]
    return [((f"  {piece}", "strong"),) for row in rows for piece in wrap(row, max(8, width - 2))]


def _place(item: EvidenceItem, width: int, look: Look) -> list[Line]:
    """Where the bag lies, its files worth knowing, and how anybody checks it without this program."""
    image = item.coverage is not None or item.sha256 is not None
    known = [
        (_IMAGE, "the image, raw; holes take no room") if image else ("data/", "the files"),
        *([("blocks.tsv", "the digest of each block that is no hole")] if image else []),
        ("bag-info.txt", "what it is evidence of, and who made it"),
        ("manifest-sha256.txt", "the digests of what is in data/"),
        (TAG_MANIFEST, "the digests of all other files; its own is in the record"),
    ]
    out: list[Line] = [(("Bag", "head"),), *_hard(look.clean(item.path, _CAP), width)]
    for name, words in known:
        for row, piece in enumerate(wrap(words, max(16, width - 26))):
            out.append(((f"  {name if row == 0 else '':<23} ", ""), (piece, "dim")))
    out += [(), (("By hand", "head"),)]
    out += _hard(f"cd {shlex.quote(look.clean(item.path, _CAP))} && sha256sum -c manifest-sha256.txt", width)
    out += _hard(f"sha256sum -c {TAG_MANIFEST} && sha256sum {TAG_MANIFEST}", width)
    last = f"The last line must be the digest of {TAG_MANIFEST} at rest, above."
    return [*out, *[((piece, "dim"),) for piece in wrap(last, width)]]


def _hard(text: str, width: int) -> list[Line]:
    """A path or a command: indented, broken where the line ends."""
    return [((f"  {piece}", ""),) for piece in wrap(text, max(8, width - 2))]


def _short(text: str | None, now: datetime) -> str:
    """``14:03`` of today, else the date."""
    return hour_minute(text, now)[:10]
