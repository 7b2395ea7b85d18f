"""What the environment tells of the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def speaks_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale of that environment says UTF-8.

    The first of LC_ALL, LC_CTYPE and LANG that is set and not empty counts (POSIX, XBD 8.2). Python's own idea of
    the encoding does not: it turns the C locale into UTF-8 (PEP 538, PEP 540), whatever the terminal can show.
    """
    named = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    return "utf8" in named.lower().replace("-", "")


def given_environment(started_with: Path = Path("/proc/self/environ")) -> Mapping[str, str]:
    """The environment that this process was started with.

    When Python coerces the C locale it sets LC_CTYPE in its own environment (PEP 538), so ``os.environ`` no longer
    tells what the user had. Where Linux's record of it cannot be read, ``os.environ`` has to do.
    """
    try:
        raw = started_with.read_bytes()
    except OSError:
        return os.environ
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
