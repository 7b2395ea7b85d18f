"""What a verification of the whole case says of each item, as a check of that item."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.clock import stamp
from app.model.view import EvidenceCheck
from screens.present.durations import moment


def checks_of(result: Mapping[str, Any], now: datetime) -> dict[str, EvidenceCheck]:
    """By item, from the answer of ``verify`` that came at ``now``. What it could not judge is left out."""
    found = result.get("items")
    out: dict[str, EvidenceCheck] = {}
    for one in found if isinstance(found, list) else []:
        if not isinstance(one, dict) or not isinstance(one.get("ok"), bool):
            continue
        ident, good = str(one.get("id") or ""), one["ok"]
        reason = None if good else str(one.get("reason") or "")
        out[ident] = EvidenceCheck(item=ident, state="ok" if good else "bad", ended=stamp(now), reason=reason)
    return out


def newest(own: EvidenceCheck | None, whole: EvidenceCheck | None) -> EvidenceCheck | None:
    """Which of the two tells of an item now: its ``own`` newest check, which may run, or the
    verification of the ``whole`` case, which says less of what does not agree."""
    if own is None or whole is None:
        return own or whole
    if own.state == whole.state == "bad" and own.disagree is not None:
        return own
    checked, verified = moment(own.ended), moment(whole.ended)
    return own if checked is None or verified is None or checked >= verified else whole
