"""Room where evidence lands."""

from __future__ import annotations

import os
from pathlib import Path


def free_bytes(folder: str) -> int | None:
    """Bytes that may still be written there (statvfs), None where that cannot be told.

    A folder that is not there yet will be made in its parent: that one's room counts.
    """
    if not folder:
        return None
    for path in (Path(folder), Path(folder).parent):
        try:
            found = os.statvfs(path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return None
        return found.f_bavail * found.f_frsize
    return None
