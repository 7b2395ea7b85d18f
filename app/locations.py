"""Where things live on this machine: the XDG base directories, and what overrides them."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

_SOCKET_LIMIT = 107  # sun_path is 108 bytes with its final NUL (unix(7))


class Locations:
    """Paths derived from an environment. Nothing is created by asking.

    ``JUMPBAG_CASES`` sets the cases directory; the XDG variables count only when absolute
    (XDG Base Directory Specification).
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._env = os.environ if environ is None else environ

    def _xdg(self, name: str, fallback: str) -> Path:
        value = self._env.get(name, "")
        if value.startswith("/"):
            return Path(value)
        return self.home / fallback

    @property
    def home(self) -> Path:
        return Path(self._env.get("HOME") or "~").expanduser()

    @property
    def data(self) -> Path:
        return self._xdg("XDG_DATA_HOME", ".local/share") / "jumpbag"

    @property
    def config(self) -> Path:
        return self._xdg("XDG_CONFIG_HOME", ".config") / "jumpbag"

    @property
    def state(self) -> Path:
        return self._xdg("XDG_STATE_HOME", ".local/state") / "jumpbag"

    @property
    def cache(self) -> Path:
        return self._xdg("XDG_CACHE_HOME", ".cache") / "jumpbag"

    @property
    def keys(self) -> Path:
        """Private signing keys, never inside a case."""
        return self.data / "keys"

    @property
    def config_file(self) -> Path:
        return self.config / "config.toml"

    @property
    def ui_file(self) -> Path:
        """How the screens are shown; see :mod:`app.ui_options`."""
        return self.config / "ui.toml"

    @property
    def keymap_file(self) -> Path:
        """The user's keys."""
        return self.config / "keymap.toml"

    @property
    def playbooks(self) -> Path:
        """The user's own playbooks."""
        return self.config / "playbooks"

    @property
    def cases(self) -> Path:
        """Where cases are made; it may be a symbolic link to another disk, and is told as where that leads."""
        chosen = self._env.get("JUMPBAG_CASES", "")
        return (Path(chosen).expanduser() if chosen else self.data / "cases").resolve()

    def runtime(self) -> Path:
        """``$XDG_RUNTIME_DIR/jumpbag``, or the state directory where there is none."""
        value = self._env.get("XDG_RUNTIME_DIR", "")
        if value.startswith("/") and os.access(value, os.W_OK):
            return Path(value) / "jumpbag"
        return self.state / "run"

    def socket(self, log: str) -> Path:
        """The agent's socket for the case with that log id; always short enough for a unix socket."""
        for directory in (self.runtime(), self.state / "run"):
            path = directory / f"{log}.sock"
            if len(os.fsencode(path)) <= _SOCKET_LIMIT:
                return path
        return Path(tempfile.gettempdir()) / f"jumpbag-{os.getuid()}" / f"{log[:18]}.sock"

    def work(self, log: str) -> Path:
        """Transfer indexes and journals of a case: local state, never evidence."""
        return self.state / "work" / log


def private_directory(path: Path) -> Path:
    """Create ``path`` (and parents) as 0700; PermissionError if it belongs to somebody else or is a symbolic link:
    what is private is not put where somebody else may have meant it to go."""
    if path.is_symlink():
        raise PermissionError(errno.EPERM, "a symbolic link stands where a directory must be", str(path))
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.getuid():
            raise PermissionError(f"{path} belongs to another user")
        if status.st_mode & 0o077:
            os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)
    return path
