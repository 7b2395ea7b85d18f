"""The durable engine: DBOS as step-checkpoint store and start queue, and nothing more of it.

Measured reasons for each choice are in the design: JSON only (a crafted pickle row once ran code),
launched inside the agent's loop, one partitioned queue, our own application version, our own pause
and cancel, and a watchdog for workflows that a full disk killed. DBOS is a process singleton.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn

import dbos._serialization as _dbos_serialization
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID

Outcome = dict[str, Any]
Execute = Callable[[str, int, str], Awaitable[Outcome]]
Finish = Callable[[str, int, Outcome], Awaitable[Outcome]]
Steps = Callable[[str], list[str]]

PLAN_VERSION = "plan-2"
"""Raised only when the interpreter below would read an older plan differently."""
QUEUE = "acquisitions"
_UNFINISHED = ["PENDING", "ENQUEUED", "DELAYED"]


def _no_pickle(*_: Any) -> NoReturn:
    raise TypeError("the engine's rows are JSON; a pickled row is refused")


# DBOS picks the codec row by row, so a row written by somebody else could name pickle.
_dbos_serialization.DefaultSerializer.serialize = _no_pickle  # type: ignore[method-assign,assignment]
_dbos_serialization.DefaultSerializer.deserialize = _no_pickle  # type: ignore[method-assign,assignment]


class _Hooks:
    """What the interpreter calls; set before launch, since recovered workflows start at once."""

    steps: Steps
    execute: Execute
    finish: Finish
    running: set[str]


_hooks = _Hooks()


async def _execute(acq: str, attempt: int, step: str) -> Outcome:
    return await _hooks.execute(acq, attempt, step)


async def _finish(acq: str, attempt: int, outcome: Outcome) -> Outcome:
    return await _hooks.finish(acq, attempt, outcome)


@DBOS.workflow(name="run_plan", max_recovery_attempts=None)
async def _run_plan(acq: str, attempt: int) -> Outcome:
    """The interpreter of a plan. Frozen: new versions add step kinds, never statements here."""
    name = f"{acq}.{attempt}"
    _hooks.running.add(name)
    try:
        outcome: Outcome = {"outcome": "ok"}
        for step in _hooks.steps(acq):
            outcome = await DBOS.run_step_async({"name": f"step {step}"}, _execute, acq, attempt, step)
            if outcome["outcome"] != "ok":
                break
        return await DBOS.run_step_async({"name": "finish"}, _finish, acq, attempt, outcome)
    finally:
        _hooks.running.discard(name)


class Engine:
    """One per process. ``steps``, ``execute`` and ``finish`` must not raise: failures are returned."""

    def __init__(self, database: Path, log: str, steps: Steps, execute: Execute, finish: Finish) -> None:
        self._database = database
        self._log = log
        _hooks.steps, _hooks.execute, _hooks.finish = steps, execute, finish
        _hooks.running = set()
        self._missing: dict[str, int] = {}
        self._revived: dict[str, int] = {}

    async def launch(self) -> None:
        """Start, and go on with what an earlier agent left unfinished. Call inside the running loop."""
        connection = sqlite3.connect(self._database)
        connection.execute("PRAGMA journal_mode=WAL")  # stays with the file; DBOS itself sets none
        connection.close()
        self._database.chmod(0o600)
        for name in ("dbos", "sqlalchemy"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        config: DBOSConfig = {
            "name": "jumpbag",
            "system_database_url": f"sqlite:///{self._database}",
            "application_version": PLAN_VERSION,
            "executor_id": "agent",
            "serializer": DBOSPortableJSONSerializer(),
            "log_level": "CRITICAL",
            "enable_otlp": False,
            "notification_listener_polling_interval_sec": 5.0,
        }
        DBOS(config=config)
        DBOS.launch()
        await DBOS.register_queue_async(
            QUEUE, partition_concurrency=32, polling_interval_sec=0.2, on_conflict="always_update"
        )

    async def start(self, acq: str, attempt: int, partition: str) -> None:
        """Queue an attempt of an acquisition. Doing so twice is doing so once."""
        with SetWorkflowID(self._workflow(acq, attempt)), SetEnqueueOptions(queue_partition_key=partition):
            await DBOS.enqueue_workflow_async(QUEUE, _run_plan, acq, attempt)

    def _workflow(self, acq: str, attempt: int) -> str:
        return f"{self._log}/{acq}.{attempt}"

    async def watch(self, expected: list[tuple[str, int, str]]) -> list[str]:
        """Revive attempts (acquisition, attempt, partition) that should run and do not; call every few seconds.

        Returns acquisitions given up after five revivals: a crash loop that a person must look at.
        """
        lost: list[str] = []
        for acq, attempt, partition in expected:
            name = f"{acq}.{attempt}"
            if name in _hooks.running:
                self._missing.pop(name, None)
                continue
            self._missing[name] = self._missing.get(name, 0) + 1
            if self._missing[name] < 3:
                continue
            self._missing.pop(name)
            found = await DBOS.list_workflows_async(workflow_ids=[self._workflow(acq, attempt)])
            status = found[0].status if found else None
            if status == "ENQUEUED":
                continue
            if self._revived.setdefault(name, 0) >= 5:
                lost.append(acq)
                continue
            self._revived[name] += 1
            if status is None:
                await self.start(acq, attempt, partition)
            elif status in _UNFINISHED:
                await DBOS.resume_workflow_async(self._workflow(acq, attempt), queue_name=QUEUE)
            else:
                lost.append(acq)
        return lost

    async def shutdown(self) -> None:
        """Stop after the caller has closed its gates; unfinished workflows go on at the next launch.

        DBOS then waits for its notification listener, which sleeps for seconds and holds nothing: the caller,
        whose process ends next, does not.
        """
        ending = asyncio.create_task(asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0))
        await asyncio.wait({ending}, timeout=0.5)
