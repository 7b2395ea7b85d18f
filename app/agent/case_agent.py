"""One case's agent, put together: record, leases, providers, acquisitions, and the bounds it lives under."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Coroutine
from importlib import metadata
from typing import Any, Literal

from app.acquisition.board import Board
from app.acquisition.desk import Desk
from app.acquisition.ending import Ending
from app.acquisition.execution import Execution
from app.acquisition.gates import Gates
from app.acquisition.record import AGENT, Record
from app.acquisition.service import Acquisitions
from app.acquisition.steps import StepRunner
from app.agent import recover
from app.agent.arming import WriteWindow
from app.agent.browse import Browse
from app.agent.checks import Checks
from app.agent.guides import Guides
from app.agent.opening import fresh_model, open_providers
from app.agent.planning import Planning
from app.agent.process import survives_logout
from app.agent.verifying import Verifying
from app.case.folder import CaseFolder
from app.case.readmodel import ReadModel
from app.clock import Clock, stamp
from app.credentials.broker import Broker
from app.custody import Ledger, Signer
from app.custody import load as load_key
from app.custody.host import clock_state
from app.faults import Fault, Refused, SigningLocked
from app.guided.load import Library, sources
from app.guided.load import load as load_playbooks
from app.locations import Locations
from app.model.view import AgentFacts, CaseFacts
from app.pacing import Pacer
from app.ports import Provider, Scope

log = logging.getLogger("jumpbag.agent")

VERSION = metadata.version("jumpbag")
_BEAT_S = 2.0
_TRY_AGAIN_S = 20.0


class CaseAgent:
    """Locked until the signing key is there; then everything at once."""

    def __init__(self, case: CaseFolder, locations: Locations, clock: Clock) -> None:
        self.case = case
        self.clock = clock
        self._locations = locations
        self._born = clock.monotonic()
        self._touched = clock.monotonic()
        self._forgot = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._problem: str | None = None
        self._unwritten: str | None = None
        self._ready = asyncio.Event()
        self._blocked: Fault | None = None
        self._try_again = asyncio.Event()
        self._news = asyncio.Event()
        self._watching = False
        self._skew: int | None = None
        self.done = asyncio.Event()
        self.stopped_by = AGENT
        """Who asked it to stop."""
        self.survives = survives_logout()
        self.window = WriteWindow(clock, self._fact, self.beat)
        self.verifying = Verifying(case.path, clock)
        self.record: Record | None = None
        self.broker: Broker
        self.browse: Browse
        self.acquisitions: Acquisitions
        self.checks: Checks
        self.guides: Guides
        self.planning: Planning
        self._model: ReadModel

    # -- opening ------------------------------------------------------------------------------------

    async def unlock(self, passphrase: str | None) -> None:
        """Load the signing key and open the case; SigningLocked if the key does not open."""
        if self.record is not None:
            return
        if not self._watching:  # a locked agent has bounds too
            self._watching = True
            self._spawn(self._every_second())
        signer = load_key(self._locations.keys, self.case.key, self.case.settings.signing.protection, passphrase)
        self._open(signer)
        self._spawn(self._come_up())

    def _open(self, signer: Signer) -> None:
        listener: list[Callable[[int, dict[str, Any] | None, str], None]] = []
        ledger = Ledger.open(
            self.case.path,
            signer=signer,
            clock=self.clock,
            on_append=lambda line, body, text: listener[0](line, body, text) if listener else None,
        )
        self._model = fresh_model(self.case.read_model)  # under the log's lock: one agent makes it
        record = Record(ledger, self.case, self._model, self.clock)
        self.guides = Guides(record, self._model, self._library)
        record.watch(self.window.heard)
        record.load()
        if record.settings_sha256 != self.case.toml_sha256:
            ledger.close()
            self._model.close()
            raise Refused(
                f"{self.case.toml} is not the one that the custody log knows",
                next="restore it from a copy; `jumpbag verify` says the same",
            )
        listener.append(record.appended)
        for lease in record.earlier_leases():
            self._model.lease(lease)
        self._facts()
        crashed, last = ledger.crashed, record.last_ts
        record.fact("agent.start", f"The agent starts (jumpbag {VERSION}, process {os.getpid()}).")
        recover.announce(record, self.clock, crashed, last)
        self.record = record
        self.window.take_over()
        self.beat()

    def _library(self) -> Library:
        """The playbooks there are now."""
        return load_playbooks(sources(self.case, self._locations).directories)

    async def _come_up(self) -> None:
        """Providers, recovery, engine: beside the socket, which answers already."""
        from app.acquisition.engine import Engine  # imports take half a second: not before the first answer

        assert self.record is not None
        record, case = self.record, self.case
        holder: list[Broker] = []
        scope = Scope(
            case.id,
            case.settings.examiner.id,
            self.clock,
            Pacer(self.clock),
            lambda lease, action: holder[0].count(lease, action),
            self._heard,
        )
        providers = await self._opened(scope)
        self.broker = Broker({name: p.identity for name, p in providers.items()}, record, self._model, self.clock)
        holder.append(self.broker)
        self.browse = Browse(providers, self.broker, record, self._model, self.clock)
        board = self._board = Board(self._model, self.clock)
        gates = Gates(record, board, self.clock)
        work = self._locations.work(case.log)
        desk = Desk(case, record, board, self.broker, providers, work, self.clock, VERSION, gates)
        runner = StepRunner(desk)
        self._providers = providers
        await recover.close_intents(record, runner, self.clock)
        execution = Execution(record, board, runner, gates, self.clock)
        ending = Ending(record, board, runner, execution)
        engine = Engine(case.engine, case.log, execution.steps, execution.execute, ending.finish)
        self.acquisitions = Acquisitions(record, board, gates, ending, engine, self.clock)
        self.checks = Checks(record, self._model, self.clock)
        self.verifying.keep(record, self.checks)
        self.planning = Planning(case, self.browse, providers, self.acquisitions, self.window, self.clock)
        self.acquisitions.restore()
        self._engine = engine
        await engine.launch()
        await self.acquisitions.go_on()
        self._spawn(self.acquisitions.watch())
        self._spawn(board.run())
        self._ready.set()
        self._news.set()

    async def _opened(self, scope: Scope) -> dict[str, Provider]:
        """The providers. What stops them (a file that is away) may be mended meanwhile, so each command that
        needs them tries again, and so does the agent by itself."""
        while True:
            self._try_again.clear()
            try:
                providers = await asyncio.to_thread(open_providers, self.case, scope)
            except Fault as fault:
                self._blocked, self._problem = fault, fault.message
                self._news.set()
            else:
                self._blocked = self._problem = None
                return providers
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._try_again.wait(), _TRY_AGAIN_S)

    async def ready(self) -> Record:
        """The record, once everything is up; SigningLocked while the key is locked, and the providers' own
        fault while they cannot be opened."""
        if self.record is None:
            raise SigningLocked(
                f"the signing key of {self.case.id} is locked",
                next="open the case in the UI, or give --passphrase-fd",
            )
        if self._blocked is not None:
            self._blocked = self._problem = None
            self._try_again.set()
        while not self._ready.is_set():
            if self._blocked is not None:
                raise self._blocked
            if self._problem:
                raise Fault(self._problem, next="see the agent's log (`jumpbag info` says where)")
            self._news.clear()
            await self._news.wait()
        return self.record

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        log.error("a task of the agent ended", exc_info=error)
        self._problem = (
            error.message if isinstance(error, Fault) else f"an error inside the agent ({type(error).__name__})"
        )
        self._news.set()

    # -- what it says of itself ------------------------------------------------------------------------

    def _facts(self) -> None:
        case = self.case
        role = case.settings.aws.role if case.settings.aws else ""
        self._model.fact(
            "case",
            CaseFacts(
                id=case.id,
                title=case.title,
                ticket=case.ticket,
                path=str(case.path),
                examiner=case.settings.examiner.id,
                role=role,
                evidence_dir=str(case.evidence),
                protection=case.settings.signing.protection,
                endpoints=case.settings.overridden(),
            ),
        )

    def beat(self, stopped: bool = False) -> None:
        """The heartbeat in the read model: a screen that misses it says so."""
        state: Literal["stopped", "detached", "session"]
        state = "stopped" if stopped else "detached" if self.survives else "session"
        kernel = clock_state()
        self._model.fact(
            "agent",
            AgentFacts(
                pid=os.getpid(),
                state=state,
                beat=stamp(self.clock.now()),
                armed_until=self.window.until,
                armed_by=self.window.by,
                clock_synced=None if kernel["max_err_us"] is None else kernel["sync"],
                skew_s=self._skew,
                problem=self._unwritten or self._problem,
            ),
        )

    def _heard(self, ahead_s: int) -> None:
        """A cloud's clock is so far ahead of this one."""
        if ahead_s != self._skew:
            self._skew = ahead_s
            self.beat()

    def _fact(self, op: str, summary: str, *, actor: str = AGENT, **members: Any) -> object:
        assert self.record is not None
        return self.record.fact(op, summary, actor=actor, **members)

    def status(self) -> dict[str, Any]:
        """What ``agent status`` prints."""
        up = self._ready.is_set()
        return {
            "pid": os.getpid(),
            "state": "locked" if self.record is None else "detached" if self.survives else "session",
            "survives_logout": self.survives,
            "leases": self.broker.live() if up else 0,
            "running": self.acquisitions.busy() if up else self._unfinished(),
        }

    def touch(self) -> None:
        """Somebody asked for something."""
        self._touched = self.clock.monotonic()
        self._forgot = False

    async def _every_second(self) -> None:
        """The agent's own pulse. Its bounds hold whatever else goes wrong."""
        beaten = 0.0
        while True:
            await self.clock.sleep(1.0)
            now = self.clock.monotonic()
            self._bounds(now)
            unwritten = None
            for work in (self.window.tick, self._tick):
                try:
                    work()
                except Fault as fault:  # the record cannot be written now: said, and tried again
                    unwritten = fault.message
                except Exception:
                    log.exception("in the agent's pulse")
            self._unwritten = unwritten
            if self.record is not None and now - beaten >= _BEAT_S:
                self.beat()
                beaten = now

    def _tick(self) -> None:
        if self._ready.is_set():
            self.broker.tick()
            self._catch_up()

    def _bounds(self, now: float) -> None:
        bounds, up = self.case.settings.agent, self._ready.is_set()
        if self._works(up):
            self._touched = now
        if now - self._born > bounds.max_lifetime or now - self._touched > bounds.idle_exit:
            self.done.set()
        elif up and now - self._touched > bounds.idle_forget and not self._forgot:
            self._forgot = True
            self.broker.forget()

    def _works(self, up: bool) -> bool:
        """Whether something goes on, watched or not: an agent that works is not idle."""
        if not up:
            return bool(self.verifying.busy or self._unfinished())
        return bool(self.verifying.busy or self.checks.busy or self.acquisitions.busy())

    def _catch_up(self) -> None:
        """The read model fell behind when the disk was full: write it anew once there is room."""
        if not self._model.behind or self.record is None:
            return
        self._model.behind = False
        self.record.repaint()
        self._board.repaint()
        self.broker.repaint()
        self.checks.repaint()
        self.guides.repaint()
        self._facts()

    def _unfinished(self) -> int:
        """How many acquisitions go on once everything is up."""
        return sum(history.running for history in self.record.histories.values()) if self.record else 0

    # -- the end ---------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Stop in order: gates, transfers, record."""
        self.verifying.stop()
        if self.record is None:
            return
        up = self._ready.is_set()
        if up:
            self.acquisitions.stop()
            await self.checks.close()
            await self.verifying.close()
            await self._settle()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        going = [history.id for history in self.record.histories.values() if history.running]
        said = f" Unfinished: {', '.join(going)}." if going else ""
        self.window.shut()
        self.record.fact("agent.stop", f"The agent stops.{said}", actor=self.stopped_by)
        self.beat(stopped=True)
        if up:
            self.broker.forget()
            await self._engine.shutdown()
            for provider in self._providers.values():
                await provider.close()
        self.record.close()
        self._model.close()

    async def _settle(self) -> None:
        """Wait until no run of blocks is open any more, ten seconds at most."""
        assert self.record is not None
        for _ in range(100):
            if not self.record.open_intents():
                return
            await asyncio.sleep(0.1)
