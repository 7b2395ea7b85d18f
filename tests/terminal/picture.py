"""The picture in the README: ``python -m tests.terminal.picture FILE``.

It is the product at work, not a drawing: the shipped scenario, a real agent, a disk that is sealed, and a whole
instance that is being read in the forensics account.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from app.case.create import create
from app.client.feed import Feed
from app.client.inventory import Inventory
from app.client.launch import connect
from app.client.rpc import AgentClient
from app.locations import Locations
from providers.emulators.range import DEFAULT_SCENARIO, RangeThread
from screens.present.look import UNICODE
from screens.root import Workbench

_SIZE = (132, 36)


async def picture(folder: Path) -> str:
    """The workbench as SVG, mid-acquisition."""
    locations = Locations()
    with RangeThread(DEFAULT_SCENARIO, folder / "clouds") as clouds:
        made = create(
            "IR-42",
            title="A web shell on web-01",
            ticket="SEC-981",
            config_file=clouds.config_path,
            evidence_dir=None,
            cases=folder / "cases",
            locations=locations,
        )
        client = await connect(made.case, locations)
        try:
            await client.call("inventory.refresh", {"scope": "resources", "wait": True})
            feed = Feed(made.case.read_model)
            known = {one.name: one.id for one in Inventory(feed).every()}
            first = await _acquire(client, "disk", known["web-01:/dev/xvda"], "direct")
            await _until(feed, first, lambda row: row.state == "done")
            second = await _acquire(client, "instance", known["app-01"], "copy")
            await _until(feed, second, lambda row: row.step.startswith("Take the share"))
            await asyncio.to_thread(clouds.faults, latency_ms=[900, 1600])
            await _until(
                feed, second, lambda row: row.step.startswith("Read ") and (row.bytes_done or 0) > 1 << 20
            )
            bench = Workbench(
                made.case.path,
                made.case.read_model,
                lambda: connect(made.case, locations),
                "ex-07",
                look=UNICODE,
                theme="jumpbag-dark",
            )
            async with bench.run_test(size=_SIZE) as pilot:
                async with asyncio.timeout(20):
                    while bench.link.state != "attached" or not bench.snapshot.inventory.total:
                        await pilot.pause(0.05)
                await pilot.press("2", *["down"] * 4)
                await pilot.pause(1.5)
                return bench.export_screenshot(title="jumpbag IR-42")
        finally:
            await client.call("stop")
            await client.ended()


async def _acquire(client: AgentClient, kind: str, target: str, route: str) -> str:
    asked = {"kind": kind, "target": target, "route": route, "reason": "SEC-981", "arm": True}
    told = await client.call("acquire", asked)
    return str(told["acquisition"])


async def _until(feed: Feed, acquisition: str, reached: Any) -> None:
    async with asyncio.timeout(120):
        while True:
            feed.poll()
            if any(row.id == acquisition and reached(row) for row in feed.snapshot.acquisitions):
                return
            await asyncio.sleep(0.1)


def main() -> None:
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"HOME": folder, "XDG_RUNTIME_DIR": ""}
        drawn = asyncio.run(picture(Path(folder)))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(drawn + "\n", "utf-8")


if __name__ == "__main__":
    main()
