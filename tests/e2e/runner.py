"""``jumpbag`` as a script runs it: a process, its output, its exit code; and a case seen from outside."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.client.feed import Feed
from app.model import ENDED, Acquisition
from tests.e2e.cloud import Cloud
from tests.e2e.processes import Process, gone, naming
from tests.e2e.waiting import until

PROGRAM = Path(sys.executable).with_name("jumpbag")


@dataclass(frozen=True)
class Answer:
    """What one run said."""

    arguments: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def ok(self) -> Answer:
        assert self.code == 0, f"jumpbag {' '.join(self.arguments)}: exit {self.code}\n{self.out}\n{self.err}"
        return self

    def refused(self, code: int) -> dict[str, Any]:
        """The error of a ``--json`` run that had to end with ``code``."""
        assert self.code == code, f"jumpbag {' '.join(self.arguments)}: exit {self.code}\n{self.out}\n{self.err}"
        error: dict[str, Any] = self.json["error"]
        assert set(error) == {"code", "message", "next"}, error
        one_line(self.err)
        return error

    def refused_with(self, state: str, code: int) -> dict[str, Any]:
        """The error of ``acquire --wait`` whose acquisition ended in ``state``."""
        assert self.code == code, f"jumpbag {' '.join(self.arguments)}: exit {self.code}\n{self.out}\n{self.err}"
        told = self.json
        assert set(told) == {"error", "acquisition", "state", "item", "items", "sha256", "bytes", "path"}, told
        assert told["state"] == state
        one_line(self.err)
        error: dict[str, Any] = told["error"]
        return error


def one_line(text: str) -> None:
    """An error is one line, and never a traceback."""
    assert "Traceback" not in text, text
    assert len(text.strip().splitlines()) <= 1, text


class Jumpbag:
    """Runs verbs in a home of their own. Everything said is kept in ``heard``, for the search for secrets."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cases = home / "cases"
        self.heard: list[Answer] = []
        self.env = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "XDG_RUNTIME_DIR": "",
            "JUMPBAG_CASES": str(self.cases),
        }

    def __call__(
        self, *arguments: str, within: float = 90.0, stdin: str | None = None, pass_fds: tuple[int, ...] = ()
    ) -> Answer:
        done = subprocess.run(
            [str(PROGRAM), *arguments],
            env=self.env,
            cwd=self.home,
            input="" if stdin is None else stdin,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=within,
            pass_fds=pass_fds,
        )
        answer = Answer(arguments, done.returncode, done.stdout, done.stderr)
        self.heard.append(answer)
        return answer

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Run it beside the test."""
        return subprocess.Popen(
            [str(PROGRAM), *arguments],
            env=self.env,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def create(self, case_id: str, cloud: Cloud, **agent: int) -> Case:
        """A case on that cloud; ``agent`` are settings of its [agent] table."""
        config = cloud.configured(case_id, agent=dict(agent)) if agent else cloud.config
        made = self(
            *("case", "create", case_id, "--title", "t", "--ticket", "T-1", "--config", str(config), "--json")
        )
        return Case(self, Path(made.ok().json["path"]))


class Case:
    """A case directory and its agent."""

    def __init__(self, jumpbag: Jumpbag, path: Path) -> None:
        self.jumpbag = jumpbag
        self.path = path
        self.id = path.name
        self._feed = Feed(path / "case.sqlite")

    # -- verbs --------------------------------------------------------------------------------------

    def run(self, verb: str, *rest: str, **keys: Any) -> Answer:
        """``jumpbag VERB CASE … --json``."""
        return self.jumpbag(*verb.split(), str(self.path), *rest, "--json", **keys)

    def volumes(self) -> dict[str, str]:
        """Volume ids by Name tag."""
        found = self.run("resources", "--kind", "volume").ok().json
        return {row["name"]: row["id"] for row in found}

    def acquire(self, volume: str, *rest: str) -> str:
        """Approve and start; the acquisition's id."""
        return str(self.run("acquire", "disk", volume, *rest).ok().json["acquisition"])

    def acquisitions(self) -> dict[str, dict[str, Any]]:
        """The verb's rows; starts the agent if none runs."""
        return {row["id"]: row for row in self.run("acquisitions").ok().json}

    def verified(self) -> dict[str, Any]:
        """``verify`` has nothing to say against the case."""
        answer = self.run("verify")
        report: dict[str, Any] = answer.json
        assert answer.code == 0 and report["ok"], report
        return report

    # -- what is seen from outside ------------------------------------------------------------------

    def row(self, acq: str) -> Acquisition | None:
        self._feed.poll()
        return next((row for row in self._feed.snapshot.acquisitions if row.id == acq), None)

    def reached(self, acq: str, *states: str, within: float = 60.0) -> Acquisition:
        """Waits until the acquisition is in one of those states; fails at once when it ended in another."""

        def look() -> Acquisition | None:
            row = self.row(acq)
            if row is None:
                return None
            if row.state in states:
                return row
            assert row.state not in ENDED, f"{acq} is {row.state}: {row.error}"
            return None

        return until(f"{acq} is {' or '.join(states)}", look, within=within)

    def events(self, op: str = "", **members: Any) -> list[dict[str, Any]]:
        """Bodies in the log, of that op and with those members."""
        found = []
        for line in self.lines():
            body = json.loads(line)["b"]
            if (not op or body["op"] == op) and all(body.get(key) == value for key, value in members.items()):
                found.append(body)
        return found

    def lines(self) -> list[bytes]:
        """Whole lines of the log, each with its LF."""
        raw = (self.path / "custody" / "events.jsonl").read_bytes()
        return [line for line in raw.splitlines(keepends=True) if line.endswith(b"\n")]

    def settled(self) -> None:
        """Every intent in the log has exactly one outcome, and no outcome stands alone."""
        begun = Counter(body["corr"] for body in self.events(phase="intent"))
        ended = Counter(body["corr"] for body in self.events() if body["phase"] not in ("intent", "fact"))
        assert all(count == 1 for count in begun.values()), begun
        assert begun == ended, [body for body in self.events(phase="intent") if ended[body["corr"]] != 1]

    def bag(self, item: str = "E-0001") -> Path:
        return self.path / "evidence" / item

    def image_sha256(self, item: str = "E-0001") -> str:
        with (self.bag(item) / "data" / "disk.raw").open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    # -- the agent ------------------------------------------------------------------------------------

    def agent(self) -> Process | None:
        """The running agent, None if there is none."""
        pid = self.run("agent status").ok().json["pid"]
        return None if pid is None else Process.of(pid)

    def kill_agent(self) -> None:
        """kill -9; neither it nor anything that it started lives two seconds later."""
        agent = self.agent()
        assert agent is not None
        family = [agent, *agent.children()]
        agent.kill()
        gone(family)

    def stop(self) -> None:
        """Stop the agent if one runs; fails when something of it stays."""
        self._feed.close()
        agent = self.agent()
        if agent is None:
            return
        family = [agent, *agent.children()]
        self.run("agent stop").ok()
        gone(family, within=10.0)

    def put_down(self) -> None:
        """The end of a test: nothing of this case runs any more, whatever state it is in."""
        try:
            self.stop()
        finally:
            left = naming(str(self.path))
            family = [process for one in left for process in (one, *one.children())]
            for process in family:
                process.kill()
            gone(family, within=5.0)
