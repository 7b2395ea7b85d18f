"""What `jumpbag doctor` asks of the machine and the terminal: each check is a reading, never a change."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from app.agent.process import kill_user_processes, survives_logout
from app.agent.storage import volume_of
from app.custody import keyring_store
from app.custody.host import clock_state
from app.faults import Usage
from app.locations import Locations
from app.terminal import given_environment, speaks_utf8

Check = tuple[str, bool, str, str]
"""Its name, whether all is well, what was found, what to do ("" for nothing)."""

_SMALLEST = (80, 24)
_SLOW_ESCAPE_MS = 50
_PATIENCE_S = 3.0


def clock() -> Check:
    """The very reading that each custody event carries."""
    state = clock_state()
    if not state["sync"]:
        fix = "run chrony or systemd-timesyncd; every event says which it was"
        return "clock", False, "the kernel says: not synchronised", fix
    return "clock", True, f"synchronised, error at most {state['max_err_us'] / 1000:.0f} ms", ""


def terminal(environ: Mapping[str, str], size: tuple[int, int] | None) -> list[Check]:
    """Size, colours and characters. ``size`` in columns and lines, None without a terminal."""
    if size is None:
        return [("terminal", True, "no terminal here: only verbs run", "")]
    fits = size[0] >= _SMALLEST[0] and size[1] >= _SMALLEST[1]
    grow = (
        ""
        if fits
        else f"make it {_SMALLEST[0]}x{_SMALLEST[1]} at least; below 60x15 one line is all that is shown"
    )
    utf8 = speaks_utf8(environ)
    return [
        ("terminal", fits, f"{size[0]}x{size[1]}", grow),
        _colours(environ),
        (
            "characters",
            utf8,
            "the locale says UTF-8" if utf8 else "the locale does not say UTF-8: glyphs and names in ASCII",
            "" if utf8 else "set LANG=C.UTF-8 (ssh: SendEnv LANG), if the terminal shows UTF-8",
        ),
    ]


def _colours(environ: Mapping[str, str]) -> Check:
    name = environ.get("TERM", "")
    if "NO_COLOR" in environ:
        return "colours", True, "none: NO_COLOR is set", ""
    if name in ("", "dumb", "vt100", "vt220"):
        fix = "set TERM to what the terminal is, for example xterm-256color"
        return "colours", name != "dumb", f"none: TERM is {name or 'not set'}", fix
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "colours", True, f"true colour ({name})", ""
    hint = "" if environ.get("TMUX") else "for true colour let ssh send COLORTERM, or give --theme dark"
    return "colours", True, f"256 at most ({name}); the theme for that is chosen", hint


def here() -> tuple[int, int] | None:
    """Columns and lines of the controlling terminal, None without one; output may be piped all the same."""
    try:
        descriptor = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return size.columns, size.lines


Ask = Callable[[str], str]
"""The value of a tmux option, "" where it cannot be asked."""


def multiplexer(environ: Mapping[str, str], ask: Ask | None = None) -> list[Check]:
    """tmux and its settings that matter, or screen, or neither."""
    if environ.get("TMUX"):
        return [("tmux", True, "inside tmux: the screens outlive a lost line", ""), *_tmux(ask or _tmux_option)]
    if environ.get("STY"):
        note = "inside screen: the screens outlive a lost line; it keeps what is sent to the clipboard"
        return [("tmux", True, note, "")]
    return [("tmux", True, "not inside tmux: the agent survives a lost line anyway", "")]


def _tmux(ask: Ask) -> list[Check]:
    checks: list[Check] = []
    delay = ask("escape-time")
    if delay.isdecimal():
        slow = int(delay) > _SLOW_ESCAPE_MS
        fix = "tmux set -s escape-time 10 (and in ~/.tmux.conf)" if slow else ""
        checks.append(("tmux escape-time", not slow, f"tmux waits {delay} ms after Esc", fix))
    clipboard = ask("set-clipboard")
    if clipboard:
        passes = clipboard == "on"
        found = "passes on what is copied" if passes else "keeps what is copied to itself"
        fix = "" if passes else "tmux set -s set-clipboard on, if digests are to reach your own clipboard"
        checks.append(("tmux set-clipboard", True, f"{clipboard}: tmux {found}", fix))
    focus = ask("focus-events")
    if focus:
        fix = (
            "" if focus == "on" else "tmux set -s focus-events on, to paint less while another window is looked at"
        )
        checks.append(("tmux focus-events", True, focus, fix))
    return checks or [("tmux options", True, "tmux does not answer", "")]


def _tmux_option(name: str) -> str:
    program = shutil.which("tmux")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, "show-options", "-sv", name],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def logout() -> Check:
    """Whether an agent outlives the login: linger, and logind's KillUserProcesses."""
    if survives_logout():
        return "logout", True, "the agent survives logout (linger, or nothing here ends it)", ""
    killed = " and KillUserProcesses is set" if kill_user_processes() else ""
    found = f"linger is off{killed}: the agent ends with your last session"
    return "logout", False, found, "loginctl enable-linger, or keep one session open"


def keyring(wanted: bool) -> Check:
    """Whether a keyring keeps a secret encrypted, by trying one. ``wanted``: the configuration relies on it."""
    try:
        backend = keyring_store.working()
    except Usage as fault:
        if wanted:
            return "keyring", False, fault.message, fault.next
        return "keyring", True, "none here keeps secrets encrypted; a passphrase protects the key as well", ""
    return "keyring", True, f"{type(backend).__module__} keeps secrets encrypted", ""


def tools() -> Check:
    """What verify.sh of a bag needs."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    missing = [name for name in ("openssl", "sha256sum", "awk") if shutil.which(name, path=path) is None]
    return (
        "tools",
        not missing,
        "openssl, sha256sum and awk are here" if not missing else f"missing: {', '.join(missing)}",
        "" if not missing else "install them: verify.sh needs them",
    )


def storage(evidence: Path) -> list[Check]:
    """The volume that evidence goes to: room, and encryption at rest."""
    volume = volume_of(evidence)
    free = volume.free_bytes / 2**30
    encrypted = {True: "encrypted at rest", False: "not encrypted at rest", None: "encryption at rest unknown"}
    return [
        (
            "evidence volume",
            free > 1 and not volume.network,
            f"{volume.mount} ({volume.kind}), {free:.1f} GiB free",
            "use a local disk with room" if free <= 1 or volume.network else "",
        ),
        (
            "disk encryption",
            volume.encrypted is True,
            encrypted[volume.encrypted],
            "" if volume.encrypted else "put evidence on an encrypted volume, or use the route preserve",
        ),
    ]


def network_files(places: Mapping[str, Path]) -> Check:
    """Locks, the write-ahead log of SQLite and sparse images want a local file system, not NFS or its kin."""
    remote = [f"{name} ({volume.kind})" for name, path in places.items() if (volume := volume_of(path)).network]
    if not remote:
        return "network file systems", True, f"none under {', '.join(places)}", ""
    found = f"{', '.join(remote)}: locks and SQLite do not hold there"
    return "network file systems", False, found, "keep them on a local disk (JUMPBAG_CASES, XDG_STATE_HOME)"


def private_files(places: Mapping[str, Path]) -> Check:
    """Whether others can look into, or change, what is ours alone. Directories that are not there yet pass."""
    open_ = []
    for name, path in places.items():
        for one in (path, *(sorted(path.glob("*.pem")) if path.is_dir() else ())):
            try:
                status = one.stat()
            except OSError:
                continue
            if status.st_uid != os.getuid() or status.st_mode & 0o077:
                open_.append((name, one))
    if not open_:
        return "private files", True, f"{', '.join(places)}: yours alone", ""
    name, path = open_[0]
    more = f" and {len(open_) - 1} more" if len(open_) > 1 else ""
    return "private files", False, f"{name}: others may look into {path}{more}", f"chmod go= {path}"


def everything(locations: Locations, cases: Path, evidence: Path, *, keyring_wanted: bool) -> list[Check]:
    """All of them, in the order that they are shown."""
    environ = given_environment()
    return [
        clock(),
        *terminal(environ, here()),
        *multiplexer(environ),
        logout(),
        keyring(keyring_wanted),
        tools(),
        private_files({"cases": cases, "signing keys": locations.keys, "state": locations.state}),
        network_files({"cases": cases, "state": locations.state, "evidence": evidence}),
        *storage(evidence),
    ]
