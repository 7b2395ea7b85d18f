"""What the record proves of one line, in words: what holds, what does not, and what was not looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.cells import cell_len

from screens.present.cells import Line, wrap
from screens.present.look import Look

if TYPE_CHECKING:
    from app.client.proof import EventProof, SignatureProof

_Fact = Callable[[str, str, str], None]  # label, text, tone
_LABEL = 12  # a SHA-256 beside it fits into the page of an 80-column terminal
_MARKS = {"done": "done", "bad": "failed", "need": "warn", "wait": "wait", "dim": "none"}


def proof_lines(proof: EventProof | None, width: int, look: Look, verify: str) -> list[Line]:
    """The proof of a line; None while it is being looked up. ``verify`` is how one has all of it verified."""
    out: list[Line] = []

    def fact(label: str, text: str, tone: str) -> None:
        mark = getattr(look, _MARKS[tone])
        for row, piece in enumerate(wrap(f"{mark} {text}", max(20, width - _LABEL))):
            lead = label if row == 0 else ""
            out.append(((f"{lead:<{_LABEL}}", "head"), (piece, tone if tone in ("bad", "need", "dim") else "")))

    if proof is None:
        fact("proof", "being looked up in custody/events.jsonl", "wait")
        return out
    if proof.problem:
        fact("proof", f"not to be had: {look.clean(proof.problem, 400)}", "bad")
        return out
    if proof.holds:
        from_where = f" {look.dot} read by these screens from custody/events.jsonl"
        room = cell_len(from_where) + 40 <= width
        out.append(
            ((f"{look.done} this line holds, as far as was looked", "done"), (from_where if room else "", "dim"))
        )
    else:
        out.append(((f"{look.failed} this line does not hold", "bad"),))
    if proof.fragment:
        _fragment(proof, fact, look)
    else:
        for one in proof.signatures:
            fact("signature", *_signature(one, look))
        if proof.signatures and not proof.signatures[0].log_key and proof.signatures[0].state == "valid":
            fact("", "the first signature must be the log key's, and is not", "bad")
        if proof.malformed:
            fact("form", f"it is not what an event may be: {look.clean(proof.malformed, 300)}", "bad")
        elif not proof.ruled:
            fact("form", f"what all the lines before it ask of it is not looked at here, but by {verify}", "dim")
        before = "the record's origin" if proof.line == 1 else f"line {proof.line - 1:,}"
        if proof.linked:
            fact("chain", f"its prev is the hash of {before}", "done")
        else:
            fact("chain", f"its prev is not the hash of {before}: a line was changed, taken out or put in", "bad")
    if proof.followed is False:
        fact("", f"the prev of line {proof.line + 1:,} is not the hash of this line", "bad")
    elif proof.followed:
        fact("", f"the prev of line {proof.line + 1:,} is the hash of this line", "done")
    _checkpoint(proof, fact, look, verify)
    if proof.differs is None:
        fact("screens", "the screens' copy has no such line yet", "need")
    elif proof.differs:
        fact("screens", f"the screens' copy differs from the record ({', '.join(proof.differs)})", "bad")
    else:
        fact("screens", "what is shown here is what the record says", "done")
    for row, piece in enumerate(wrap(proof.sha256, max(20, width - _LABEL))):
        out.append(((f"{'SHA-256' if row == 0 else '':<{_LABEL}}", "head"), (piece, "strong")))
    tag = "; as the tag jumpbag:head it stands on what this intent made" if proof.tag else ""
    note = f"of the line with its line feed: what the next event holds as prev{tag}"
    out.extend(((" " * _LABEL, ""), (piece, "dim")) for piece in wrap(note, max(20, width - _LABEL)))
    return out


def _signature(one: SignatureProof, look: Look) -> tuple[str, str]:
    key = look.clean(one.keyid, 32)
    if one.state == "key not known":
        return f"by {key}: no event before this line introduces that key, so it cannot be checked", "bad"
    if one.state == "not valid":
        return f"by {key}: NOT valid, the line is not what was signed", "bad"
    if one.retired is not None:
        return f"valid, but by {key}, which line {one.retired:,} retired", "bad"
    role = "the log key" if one.log_key else "a further signer"
    return f"valid, by {key}: {role}, in force since line {one.since or 1:,}", "done"


def _fragment(proof: EventProof, fact: _Fact, look: Look) -> None:
    if proof.declared or not proof.signatures:
        fact("no event", f"the line {look.clean(proof.fragment, 300)}", "need" if proof.declared else "bad")
    for one in proof.signatures:
        fact("signature", *_signature(one, look))
    if proof.declared:
        fact("", f"declared by line {proof.declared:,}, with this length and hash: an interrupted write", "done")
    elif proof.awaited and not proof.signatures:
        fact("", "no event stands after it yet that could declare it an interrupted write", "need")
    else:
        fact("", "no event declares it an interrupted write: it was changed after it was written", "bad")


def _checkpoint(proof: EventProof, fact: _Fact, look: Look, verify: str) -> None:
    point = proof.checkpoint
    if point is None:
        fact("checkpoint", "none covers this line yet: the chain alone holds it", "dim")
        return
    where = f"the checkpoint over {point.size:,} lines"
    if point.event is None:
        where += " (no event names it)"
    if point.holds is None:
        fact("checkpoint", f"{where} covers it; its root is computed by {verify}, not here", "dim")
    elif point.holds:
        fact("checkpoint", f"{where} covers it: signed, and its root is that of these lines", "done")
    else:
        fact("checkpoint", f"{where} does not hold: {look.clean(point.reason, 300)}", "bad")
