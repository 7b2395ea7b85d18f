"""What is told of the write window when it opens or closes, in every terminal that looks at the case."""

from __future__ import annotations

from datetime import datetime

from app.model.view import AgentFacts
from app.text import visible
from screens.present.durations import left


def news(before: AgentFacts, after: AgentFacts, examiner: str, now: datetime) -> str:
    """The sentence for a change of the window, "" where there was none. Nothing is news to who has just come."""
    if not before.pid or not after.beat:
        return ""
    was, is_now = _open(before, now), _open(after, now)
    who = visible(after.armed_by, cap=40) if after.armed_by not in ("", examiner) else ""
    if is_now and after.armed_until != before.armed_until:
        return f"ARMED{f' by {who}' if who else ''}: plans can be approved until the window ends."
    if before.armed_until and not after.armed_until:
        if after.pid != before.pid:
            return "READ-ONLY: the agent has started again, and its write window is closed."
        return "READ-ONLY: the write window is closed. What was approved goes on." if was or not is_now else ""
    return ""


def _open(agent: AgentFacts, now: datetime) -> bool:
    rest = left(agent.armed_until, now)
    return rest is not None and rest > 0
