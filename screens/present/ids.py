"""Ids, shortened where a column is narrow: the kind and the first digits stay."""

from __future__ import annotations

from screens.present.look import Look

CLOUDS = {"aws": "AWS", "azure": "Azure", "gcp": "Google"}


def short_id(text: str, width: int, look: Look) -> str:
    """An id in at most ``width`` cells: ``vol-0f3c…``."""
    shown = look.clean(text)
    if len(shown) <= width:
        return shown
    return shown[: max(1, width - 1)] + look.more


def digest(text: str | None, look: Look, digits: int = 8) -> str:
    """The first digits of a hash: ``3fa9c1d2…``."""
    if not text:
        return look.none
    shown = look.clean(text)
    return shown if len(shown) <= digits else shown[:digits] + look.more


def target(cloud: str, account: str, native: str) -> str:
    """What a command names a thing by: ``aws:222222222222:vol-…``."""
    return f"{cloud}:{account}:{native}"
