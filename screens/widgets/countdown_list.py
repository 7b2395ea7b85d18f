"""Every live lease with its countdown, on one line under the context bar."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from app.model import Lease
from screens.present import leases
from screens.present.shelf import AccountKey
from screens.widgets.line_view import LinesView


class CountdownList(LinesView):
    """Hidden while there is no live lease."""

    def update_leases(
        self, found: Sequence[Lease], names: Mapping[AccountKey, str], now: datetime, going: Collection[str] = ()
    ) -> None:
        """Show these leases as of ``now``, those of the acquisitions ``going`` first."""
        some = any(one.state == "live" for one in found)
        self.set_class(not some, "-none")
        if some:
            self.show([leases.live_line(found, names, now, self.screen.size.width, self.look, going)])
