"""Credential leases as they are shown; the secret itself is never in here (see app.ports.Grant)."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.model.inventory import Cloud

LeaseState = Literal["live", "expired", "revoked", "refused", "dropped", "lost"]


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """``scope`` is what it is for ("browse", "A-0007 collect"); times are RFC 3339 UTC.

    ``dropped``: no longer held, since it was replaced or its acquisition has ended. ``lost``: the agent that
    held it is gone, and the secret with it. The cloud honours either until ``expires``.
    """

    id: str
    cloud: Cloud
    account: str
    principal: str
    scope: str
    issued: str
    expires: str
    state: LeaseState
    note: str = ""
