"""What stands for the agent: ``python -m tests.bench.agent SQLITE SOCKET``.

It writes the read model through the product's own writer, in a process of its own, and answers on a unix socket
as the agent does; the answers are scripted. It takes its orders as JSON lines on stdin and says on stdout what it
has done: one line each, with the time of the monotonic clock, which all processes share.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from app.case.readmodel import ReadModel
from app.clock import SystemClock, stamp, stamp_us
from app.faults import Fault
from app.model import Resource
from app.model.view import AgentFacts, CaseFacts, CustodyFacts, Scan
from tests.bench import world
from tests.screens.fakes import ScriptedCommands
from tests.screens.seed import event

_EVERY_S = 0.25
_LINES = 3000


class Agent:
    """The writer of one case."""

    def __init__(self, sqlite: Path) -> None:
        self._model = ReadModel(sqlite)
        self._clock = SystemClock()
        self._busy = False
        self._lines = _LINES

    def start(self) -> None:
        """The case before any inventory: facts, accounts, leases, three thousand custody lines."""
        model, now = self._model, self._clock.now()
        with model.batch():
            model.fact(
                "case",
                CaseFacts(
                    id="IR-42",
                    title="web-intrusion",
                    ticket="SEC-981",
                    path="/cases/IR-42",
                    examiner="examiner",
                    role=f"arn:aws:iam::{world.account_id(0)}:role/forensics-collect",
                    protection="file",
                ),
            )
            model.accounts(world.accounts())
            for one in world.accounts():
                model.scan(
                    Scan(
                        cloud="aws", account=one.id, region="eu-west-1", state="done", found=1, error=None,
                        at=stamp(now),
                    )
                )  # fmt: skip
            for line in range(1, _LINES + 1):
                body = event(line, now)
                model.event(line, body, json.dumps(body))
            self._beat()

    def order(self, what: str, count: int) -> float:
        """Do it; the moment of its commit."""
        made = world.resources(count)
        if what == "inventory":
            with self._model.batch():
                self._model.resources("s-1", made)
        elif what == "scans":
            self._scans(made)
        elif what == "work":
            self._begin_work()
        at = time.monotonic()  # before anything else is done: the commit is what the screens can see
        self._beat()  # writing an inventory in one piece took longer than a heart may stand still
        return at

    def _scans(self, made: list[Resource]) -> None:
        """An inventory five hundred resources at a time, as an agent finds it."""
        for first in range(0, len(made), 500):
            self._model.resources("s-1", made[first : first + 500])
            time.sleep(0.01)

    def _begin_work(self) -> None:
        now = self._clock.now()
        self._work, self._began, self._turn = world.Work(now), time.monotonic(), 0
        with self._model.batch():
            for lease in world.leases(now):
                self._model.lease(lease)
            for row in self._work.rows(0.0):
                self._model.acquisition(row)
            for number in range(world.RUNNING):
                self._model.steps(self._work.steps(number, 0.0))
        self._busy = True

    def turn(self) -> None:
        """A quarter of a second: every row, a step every second, a custody line every other second, the beat."""
        self._turn += 1
        seconds = time.monotonic() - self._began
        with self._model.batch():
            for row in self._work.rows(seconds):
                self._model.acquisition(row)
            if self._turn % 4 == 0:
                self._model.steps(self._work.steps(self._turn // 4 % world.RUNNING, seconds))
            if self._turn % 8 == 0:
                self._lines += 1
                body = event(self._lines, self._clock.now())
                self._model.event(self._lines, body, json.dumps(body))
                self._beat()

    def _beat(self) -> None:
        self._model.fact("agent", AgentFacts(pid=4242, state="detached", beat=stamp_us(self._clock.now())))
        self._model.fact("custody", CustodyFacts(events=self._lines, lines=self._lines, checkpointed_to=2900))

    async def live(self) -> None:
        """Move on for ever; without work only the heart beats."""
        beats = 0
        while True:
            await asyncio.sleep(_EVERY_S)
            beats += 1
            if self._busy:
                self.turn()
            elif beats % 8 == 0:
                self._beat()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    commands = ScriptedCommands()
    with contextlib.suppress(ConnectionError):  # the screens are killed as soon as they have been measured
        while line := await reader.readline():
            request = json.loads(line)
            answer: dict[str, Any]
            try:
                answer = {"result": await commands.call(request["method"], request["params"])}
            except Fault as fault:
                answer = {"error": {"code": -32000, "message": fault.message, "data": fault.data()}}
            writer.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **answer}).encode() + b"\n")
            await writer.drain()
    writer.close()


async def _run(sqlite: Path, socket: Path) -> None:
    agent = Agent(sqlite)
    agent.start()
    server = await asyncio.start_unix_server(_serve, str(socket))
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    print(json.dumps({"ready": time.monotonic()}), flush=True)
    living = asyncio.create_task(agent.live())
    while line := await orders.readline():
        order = json.loads(line)
        at = agent.order(order["what"], order.get("count", 0))
        print(json.dumps({"done": order["what"], "at": at}), flush=True)
    living.cancel()
    server.close()


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1]), Path(sys.argv[2])))
