"""A home with a real case in it, and the process that stands for its agent."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from app.case.create import create
from app.locations import Locations, private_directory
from tests.bench.seat import ROOT, NotMeasured, Seat

CASE = "IR-42"
TITLE = "web-intrusion"
SEEN = "payments-00"
"""The name of the first account: it is on the screen as soon as anything of the case is."""
PROGRAM = Path(sys.executable).with_name("jumpbag")
_KEEP = ("PATH", "USER", "LOGNAME", "TZ")


class Place:
    """Everything under one directory; nothing of the user's own is read or written."""

    def __init__(self, home: Path) -> None:
        self.home = home
        runtime = private_directory(home / "run")
        self.env = {name: os.environ[name] for name in _KEEP if name in os.environ} | {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(runtime),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",  # the longest colours
        }
        self._locations = Locations(self.env)
        config = home / "config.toml"
        config.write_text('[examiner]\nid = "examiner"\n[signing]\nprotection = "file"\n', "utf-8")
        self.case = create(
            CASE,
            title=TITLE,
            ticket="SEC-981",
            config_file=config,
            evidence_dir=None,
            cases=self._locations.cases,
            locations=self._locations,
        ).case
        self.socket = self._locations.socket(self.case.log)
        private_directory(self.socket.parent)

    @contextmanager
    def agent(self) -> Iterator[Writer]:
        """The stand-in on an empty read model."""
        self.forget()
        self.socket.unlink(missing_ok=True)
        with Writer(self) as writer:
            yield writer

    def forget(self) -> None:
        """Drop the read model."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.case.read_model}{suffix}").unlink(missing_ok=True)

    def keep(self, copy: Path) -> None:
        """Put a copy of the read model there; nobody may be writing it."""
        shutil.copyfile(self.case.read_model, copy)

    def restore(self, copy: Path) -> None:
        """Make that copy the read model again."""
        self.forget()
        shutil.copyfile(copy, self.case.read_model)

    def jumpbag(self, *options: str) -> Seat:
        """The command line as it is installed, on a terminal."""
        return Seat([str(PROGRAM), CASE, *options], self.env)

    def watched(self, modules: Path, profile: str = "-") -> Seat:
        """The same, telling at its end what it loaded."""
        return Seat([sys.executable, "-m", "tests.bench.child", str(modules), profile, CASE], self.env)

    def stop_agent(self) -> None:
        """End the real agent, where a screen has started one."""
        subprocess.run(
            [PROGRAM, "agent", "stop", CASE], env=self.env, cwd=ROOT, capture_output=True, timeout=60, check=False
        )


class Writer:
    """Orders for :mod:`tests.bench.agent`; use it as a context."""

    def __init__(self, place: Place) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.agent", str(place.case.read_model), str(place.socket)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=place.env,
        )

    def __enter__(self) -> Writer:
        self._said()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process.stdout.close()

    def order(self, what: str, count: int = 0) -> float:
        """Have it done; the monotonic moment at which it was committed."""
        self.begin(what, count)
        return self.done()

    def begin(self, what: str, count: int = 0) -> None:
        """Have it done meanwhile; :meth:`done` waits for it."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"what": what, "count": count}).encode() + b"\n")
        self._process.stdin.flush()

    def done(self) -> float:
        """The monotonic moment at which the order was committed."""
        return float(self._said()["at"])

    def _said(self) -> dict[str, float]:
        out = self._process.stdout
        assert out
        if not select.select([out], [], [], 60.0)[0]:
            raise NotMeasured("the stand-in for the agent said nothing for a minute")
        line = out.readline()
        if not line:
            raise NotMeasured("the stand-in for the agent has ended")
        said: dict[str, float] = json.loads(line)
        return said
