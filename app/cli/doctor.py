"""``jumpbag doctor`` and ``jumpbag info``: is this machine fit for the work, and what is set where."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from app import config
from app.agent.process import survives_logout
from app.agent.storage import volume_of
from app.case.folder import CaseFolder
from app.cli.output import emit, fields, sentences, table
from app.cli.session import Session, run
from app.client.feed import Feed
from app.custody.host import clock_state
from app.faults import Fault, Usage

Check = tuple[str, bool, str, str]


def doctor(session: Session) -> int:
    checks: list[Check] = [_clock(), _terminal(), _tmux(), _linger(), _keyring(), _tools()]
    case = session.case() if session.options.case else None
    evidence = case.evidence if case else session.cases
    checks += _storage(evidence)
    if case is not None:
        checks += [_endpoints(case), _protection(case)]
        checks += _cloud(session, case)
    rows = [{"check": name, "ok": ok, "detail": detail, "fix": fix or None} for name, ok, detail, fix in checks]
    if session.json:
        emit(rows)
    else:
        table(
            ("", "check", "what was found", "what to do"),
            [("ok" if r["ok"] else "!!", r["check"], r["detail"], r["fix"]) for r in rows],
            "Nothing was checked.",
        )
    return 0 if all(row["ok"] for row in rows) else 1


def _clock() -> Check:
    """The very reading that each custody event carries."""
    state = clock_state()
    if not state["sync"]:
        fix = "run chrony or systemd-timesyncd; every event says which it was"
        return "clock", False, "the kernel says: not synchronised", fix
    return "clock", True, f"synchronised, error at most {state['max_err_us'] / 1000:.0f} ms", ""


def _terminal() -> Check:
    size = shutil.get_terminal_size((0, 0))
    if not sys.stdout.isatty():
        return "terminal", True, "not a terminal (output is piped)", ""
    ok = size.columns >= 80 and size.lines >= 24
    colours = "true colour" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else "256 colours or fewer"
    return (
        "terminal",
        ok,
        f"{size.columns}x{size.lines}, {colours}",
        "" if ok else "80x24 is the smallest that works",
    )


def _tmux() -> Check:
    inside = bool(os.environ.get("TMUX") or os.environ.get("STY"))
    return (
        "tmux",
        True,
        "inside tmux or screen" if inside else "not inside tmux: the agent survives a lost line anyway",
        "",
    )


def _linger() -> Check:
    ok = survives_logout()
    fix = "" if ok else "loginctl enable-linger, or keep one session open"
    return "logout", ok, "the agent survives logout" if ok else "the agent ends with your last session", fix


def _keyring() -> Check:
    try:
        import keyring

        backend = type(keyring.get_keyring()).__module__
    except Exception as error:  # keyring raises what its backends raise; the doctor only reports it
        return "keyring", True, f"none usable ({type(error).__name__}): use a passphrase", ""
    usable = any(name in backend for name in ("SecretService", "kwallet"))
    return "keyring", True, f"{backend}" + ("" if usable else ": not on the allow-list, use a passphrase"), ""


def _tools() -> Check:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    missing = [name for name in ("openssl", "sha256sum", "awk") if shutil.which(name, path=path) is None]
    return (
        "tools",
        not missing,
        "openssl, sha256sum and awk are here" if not missing else f"missing: {', '.join(missing)}",
        "" if not missing else "install them: verify.sh needs them",
    )


def _storage(path: Path) -> list[Check]:
    volume = volume_of(path)
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


def _endpoints(case: CaseFolder) -> Check:
    overridden = case.settings.overridden()
    if not overridden:
        return "endpoints", True, "the clouds' own", ""
    return "endpoints", True, f"overridden: {', '.join(overridden)} (embedded or private)", ""


def _protection(case: CaseFolder) -> Check:
    kind = case.settings.signing.protection
    ok = kind != "file"
    return (
        "signing key",
        ok,
        f"protected by: {kind}",
        "" if ok else "whoever reads the key file can sign; prefer passphrase",
    )


def _cloud(session: Session, case: CaseFolder) -> list[Check]:
    """Who we are there, in which accounts the role may be assumed, and what has been prepared in them."""

    async def work() -> int:
        try:
            async with session.agent() as (_, client):
                prepared = await client.call("readiness")
        except Fault as fault:
            found.append(("permissions", False, fault.message, fault.next))
            return 1
        feed = Feed(case.read_model)
        feed.poll()
        for account in feed.snapshot.accounts:
            ok = account.reachable is True
            detail = f"{account.id} {account.name}: " + (
                "the role can be assumed" if ok else "the role cannot be assumed"
            )
            found.append(("permissions", ok, detail, "" if ok else account.reason or ""))
        found.extend((one["check"], one["ok"], one["detail"], one["fix"]) for one in prepared)
        return 0

    found: list[Check] = []
    run(work)
    return found


def info(session: Session) -> int:
    locations = session.locations
    env = os.environ.get
    config_row, settings = _settings(locations.config_file)
    rows: list[tuple[str, Any, str]] = [
        ("version", metadata.version("jumpbag"), "package"),
        ("program", str(Path(sys.argv[0]).resolve()), "argv"),
        (
            "cases",
            str(session.cases),
            _who(session.options.cases_dir, "--cases-dir", env("JUMPBAG_CASES"), "JUMPBAG_CASES"),
        ),
        ("config", *config_row),
        ("signing keys", str(locations.keys), _xdg("XDG_DATA_HOME")),
        ("state and agent logs", str(locations.state), _xdg("XDG_STATE_HOME")),
        ("cache", str(locations.cache), _xdg("XDG_CACHE_HOME")),
        ("sockets", str(locations.runtime()), _xdg("XDG_RUNTIME_DIR")),
        *settings,
    ]
    if session.json:
        emit([{"name": name, "value": value, "set_by": by} for name, value, by in rows])
    else:
        fields([(name, f"{_word(value)}   ({by})") for name, value, by in rows])
    return 0


def _settings(file: Path) -> tuple[tuple[str, str], list[tuple[str, Any, str]]]:
    """(value and origin of the row about the file itself, the rows of what is in force).

    A file that cannot be used puts nothing in force: `case create` refuses it, so only its own row is left.
    """
    by = _xdg("XDG_CONFIG_HOME")
    try:
        table = config.read_table(file) if file.exists() else {}
        settings = config.check(table, str(file))
    except Usage as fault:
        wrong = fault.message.removeprefix(f"{file}: ")
        return (f"{file}: cannot be used: {sentences(wrong, fault.next)}", by), []
    except OSError as error:
        return (f"{file}: cannot be used: {error.strerror}. Next: check its permissions.", by), []
    return (str(file), by), list(_flat(settings, table, str(file), ""))


def _flat(value: msgspec.Struct, table: Any, file: str, path: str) -> Iterator[tuple[str, Any, str]]:
    """``aws.tag`` and the like: each with its value and the file if the key stands there, else "default"."""
    for name, child in msgspec.structs.asdict(value).items():
        stands = isinstance(table, dict) and name in table
        if isinstance(child, msgspec.Struct):
            yield from _flat(child, table[name] if stands else {}, file, f"{path}{name}.")
        else:
            yield f"{path}{name}", msgspec.to_builtins(child), file if stands else "default"


def _word(value: Any) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _xdg(name: str) -> str:
    return name if os.environ.get(name, "").startswith("/") else "default"


def _who(option: str | None, flag: str, value: str | None, name: str) -> str:
    return flag if option else name if value else "default"
