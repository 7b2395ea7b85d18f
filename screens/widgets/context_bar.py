"""The context bar over every screen."""

from __future__ import annotations

from datetime import datetime

from app.model.view import CaseSnapshot
from screens.present.context import Surroundings, context_line
from screens.widgets.line_view import LinesView


class ContextBar(LinesView):
    """One line; see :mod:`screens.present.context`."""

    def update_context(self, snapshot: CaseSnapshot, around: Surroundings, now: datetime) -> None:
        """Show the case as of ``now``."""
        self.show([context_line(snapshot, around, now, self.screen.size.width, self.look)])
