"""One verb's way to a case and its agent."""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.case.folder import CaseFolder, find
from app.client.feed import Feed
from app.client.launch import connect
from app.client.rpc import AgentClient
from app.faults import Usage
from app.locations import Locations
from app.ui_options import Resolved, given, resolve


class Session:
    """What a verb was called with: options, locations, and the case if it names one."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.locations = Locations()
        self.json: bool = options.json
        self.examiner: str | None = getattr(options, "examiner", None)
        self._passphrase: str | None = None

    @property
    def cases(self) -> Path:
        chosen = self.options.cases_dir
        return Path(chosen).expanduser().resolve() if chosen else self.locations.cases

    def case(self) -> CaseFolder:
        """The case that is named; Usage if there is none, or if ``--examiner`` is nobody of it."""
        case = find(self.options.case, self.locations, self.cases)
        if self.examiner is not None:
            case.settings.examiner.check(self.examiner)
        return case

    def spoken(self, **params: Any) -> dict[str, Any]:
        """Parameters of a command that custody names somebody for: whom ``--examiner`` says, if it does."""
        return params if self.examiner is None else {**params, "examiner": self.examiner}

    def passphrase(self) -> str | None:
        """From ``--passphrase-fd``, read once."""
        descriptor = self.options.passphrase_fd
        if self._passphrase is None and descriptor is not None:
            try:
                with os.fdopen(descriptor, "r", encoding="utf-8", closefd=False) as stream:
                    self._passphrase = stream.readline().rstrip("\n")
            except (OSError, ValueError, OverflowError):
                raise Usage(
                    f"no passphrase can be read from file descriptor {descriptor}",
                    next="give --passphrase-fd 3 3<file",
                ) from None
        return self._passphrase

    def know(self, passphrase: str | None) -> None:
        """The passphrase was typed already: nobody is asked for it again."""
        if passphrase is not None:
            self._passphrase = passphrase

    def screens(self) -> Resolved:
        """How the screens are shown here, and what set it; Usage if the user's file is wrong."""
        return resolve(self.locations.ui_file, os.environ, given(self.options))

    @asynccontextmanager
    async def agent(self, *, start: bool = True) -> AsyncIterator[tuple[CaseFolder, AgentClient]]:
        """The case and a connection to its agent."""
        case = self.case()
        client = await connect(case, self.locations, start=start, passphrase=self.passphrase())
        try:
            yield case, client
        finally:
            await client.close()

    def feed(self) -> Feed:
        """The read model as it is now."""
        feed = Feed(self.case().read_model)
        feed.poll()
        return feed


def run(work: Callable[[], Awaitable[int]]) -> int:
    """Run a verb's coroutine."""
    return asyncio.run(_wrapped(work))


async def _wrapped(work: Callable[[], Awaitable[int]]) -> int:
    return await work()
