"""Starts one embedded AWS."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from providers.emulators.aws.front import Front
from providers.emulators.aws.identities import Principal
from providers.emulators.aws.roles import COLLECT_ROLE, external_id
from providers.emulators.aws.seed import build
from providers.emulators.aws.world import World
from providers.emulators.scenario.disks import DiskStore
from providers.emulators.scenario.model import Aws, Scenario


class EmbeddedAws:
    """A running cloud: its port, the examiner's key and what a configuration needs to know."""

    def __init__(self, front: Front, port: int, user: Principal) -> None:
        self.front = front
        self.world = front.world
        self.port = port
        self.user = user
        self.role = COLLECT_ROLE
        self.external_id = external_id(self.world.scenario.name)

    @property
    def endpoint(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def regions(self) -> list[str]:
        """The regions in which the scenario has resources, in the order of their first mention."""
        return list(dict.fromkeys(instance.region for instance in self.world.aws.instances))

    async def close(self) -> None:
        await self.front.close()


async def start(scenario: Scenario, aws: Aws, context: ssl.SSLContext, folder: Path) -> EmbeddedAws:
    """Builds the scenario's state and listens. ``folder`` is for files of this run."""
    world = World(scenario, aws, DiskStore(scenario.seed))
    user = await asyncio.get_running_loop().run_in_executor(world.ec2, build, world)
    front = Front(world, folder)
    port = await front.start(context)
    return EmbeddedAws(front, port, user)
