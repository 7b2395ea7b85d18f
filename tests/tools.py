"""External programs that tests use: absent ones skip loudly, except in CI, where nothing may skip."""

from __future__ import annotations

import os
import shutil

import pytest

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def need(program: str, package: str) -> str:
    """The path of ``program``; skips the test if it is not installed, fails it under ``CI``."""
    found = shutil.which(program, path=_PATH)
    if found is None:
        reason = f"{program} is not installed (Debian package {package})"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found
