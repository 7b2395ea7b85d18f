"""States as glyph, word and tone."""

from __future__ import annotations

from collections.abc import Sequence

from app.model import ENDED, Acquisition
from screens.present.cells import Span
from screens.present.look import Look

_WORDS: dict[str, tuple[str, str, str]] = {
    # state: (name of the glyph in Look, word, tone)
    "planned": ("idle", "planned", "dim"),
    "approved": ("idle", "approved", "dim"),
    "queued": ("wait", "queued", "wait"),
    "running": ("live", "running", "live"),
    "waiting_for_credentials": ("warn", "needs access", "need"),
    "paused": ("pause", "paused", "wait"),
    "interrupted": ("warn", "interrupted", "need"),
    "hashing": ("live", "hashing", "live"),
    "sealing": ("live", "sealing", "live"),
    "done": ("done", "sealed", "done"),
    "failed": ("failed", "failed", "bad"),
    "cancelled": ("none", "cancelled", "dim"),
    "undoing": ("wait", "undoing", "wait"),
    # steps of an acquisition
    "todo": ("idle", "to do", "dim"),
    "skipped": ("none", "skipped", "dim"),
    # leases
    "live": ("live", "live", "live"),
    "expired": ("idle", "expired", "dim"),
    "revoked": ("none", "revoked", "dim"),
    "refused": ("failed", "refused", "bad"),
    "dropped": ("none", "dropped", "dim"),
    "lost": ("none", "lost", "dim"),
}
WORKING = frozenset({"queued", "running", "hashing", "sealing"})
NEEDS_A_PERSON = frozenset({"waiting_for_credentials", "interrupted", "failed"})


def state(name: str, look: Look) -> Span:
    """Glyph and word of a state, e.g. ``● running``; an unknown state shows as itself."""
    glyph, word, tone = _WORDS.get(name, ("idle", look.clean(name, 24), ""))
    return f"{getattr(look, glyph)} {word}", tone


def step_state(name: str, look: Look, acquisition: str = "running") -> Span:
    """The same for a step: a done one is done, not sealed; that of an ``acquisition`` held does not run."""
    if name == "done":
        return f"{look.done} done", "done"
    if name == "running" and acquisition == "waiting_for_credentials":
        return f"{look.warn} no access", "need"
    if name == "running" and acquisition not in WORKING:
        return state(acquisition, look)
    return state(name, look)


def acquisition_state(acquisition: Acquisition, look: Look) -> Span:
    """The same for an acquisition: one that kept a snapshot only is done, one that made an item is sealed."""
    if acquisition.state == "done" and not acquisition.item:
        return f"{look.done} done", "done"
    if undoing(acquisition) and acquisition.state in WORKING:
        return state("undoing", look)
    if owes(acquisition):
        return f"{look.warn} cancelled", "need"
    return state(acquisition.state, look)


def undoing(acquisition: Acquisition) -> bool:
    """It was cancelled, and what its plan made only for the way is being taken back: its step says so."""
    return acquisition.state not in ENDED and acquisition.step.startswith("undoing")


def owes(acquisition: Acquisition) -> bool:
    """It was cancelled, and not all that it shared or made only for the way could be taken back."""
    return acquisition.state == "cancelled" and "taken back" in (acquisition.error or "")


def waiting(acquisitions: Sequence[Acquisition]) -> list[Acquisition]:
    """Those that need a person, in order.

    A failed or interrupted one does not once a newer acquisition of the same target stands beside it; one that
    still owes something does until it is taken back.
    """
    newest: dict[tuple[str, str, str], str] = {}
    for one in acquisitions:
        newest[(one.cloud, one.account, one.target)] = one.id
    return [
        one
        for one in acquisitions
        if owes(one)
        or (
            one.state in NEEDS_A_PERSON
            and (one.state == "waiting_for_credentials" or newest[(one.cloud, one.account, one.target)] == one.id)
        )
    ]


def counted(needs: Sequence[Acquisition], *, one: str = "", more: str = "") -> str:
    """How many of those that need a person wait, have failed or could not take everything back: ``1 waits, 2
    failed``. ``one`` and ``more`` are the nouns of the first that is said: ``1 job waits``."""
    failed = sum(found.state == "failed" for found in needs)
    owing = sum(owes(found) for found in needs)
    held = len(needs) - failed - owing
    parts = [
        (held, "waits" if held == 1 else "wait"),
        (failed, "failed"),
        (owing, "not taken back"),
    ]
    said = [(number, word) for number, word in parts if number]
    out = [f"{number} {word}" for number, word in said]
    if said:
        number, word = said[0]
        noun = one if number == 1 else more
        out[0] = f"{number} {noun} {word}" if noun else out[0]
    return ", ".join(out)


def going_on(acquisitions: Sequence[Acquisition]) -> list[Acquisition]:
    """Those that have started and not ended."""
    return [one for one in acquisitions if one.state not in ENDED and one.state not in ("planned", "approved")]


def running(acquisitions: Sequence[Acquisition]) -> list[Acquisition]:
    """Those that work, or are next to: what is paused or waits for a person is not among them."""
    return [one for one in acquisitions if one.state in WORKING]


def paused(acquisitions: Sequence[Acquisition]) -> list[Acquisition]:
    """Those that a person holds."""
    return [one for one in acquisitions if one.state == "paused"]
