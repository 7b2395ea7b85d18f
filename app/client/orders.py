"""What became of an order to start whose answer was lost: custody has each approval with its plan's digest."""

from __future__ import annotations

import sqlite3

from app.client.events import decode_body


def last_line(db: sqlite3.Connection) -> int:
    """The number of the last custody line, 0 where there is none."""
    return int(db.execute("SELECT coalesce(max(line), 0) FROM event").fetchone()[0])


def approved(db: sqlite3.Connection, actor: str, digest: str, after: int) -> str | None:
    """The acquisition as which ``actor`` approved the plan of that digest (hex SHA-256), in a custody line after
    line ``after``; "" where none of them says so, None where they are not all there now, so that it cannot be
    told."""
    db.execute("BEGIN")  # one view for both questions
    try:
        (there,) = db.execute("SELECT count(*) FROM event WHERE line > ?", (after,)).fetchone()
        if there != last_line(db) - after:
            return None
        query = "SELECT acq, body FROM event WHERE line > ? AND op = 'plan.approve' AND actor = ? ORDER BY line"
        for acq, text in db.execute(query, (after, actor)):
            params = (decode_body(text) or {}).get("params")
            if isinstance(acq, str) and isinstance(params, dict) and params.get("plan_sha256") == digest:
                return acq
        return ""
    finally:
        db.execute("COMMIT")
