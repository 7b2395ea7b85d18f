"""The entry point ``jumpbag.providers``: aws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.model import Cloud
from app.ports import Actuator, BlockSource, Collector, Identity, Inventory, Planner, Provider, Scope
from providers.aws.actuator import AwsActuator
from providers.aws.blocks import AwsBlocks
from providers.aws.clients import Clients
from providers.aws.collector import AwsCollector
from providers.aws.identity import AwsIdentity
from providers.aws.inventory import AwsInventory
from providers.aws.planner import AwsPlanner
from providers.aws.settings import Settings


class AwsProvider:
    """AWS, opened for one case inside the agent's event loop. Nothing is asked of AWS by opening."""

    cloud: Cloud = "aws"

    def __init__(self, settings: Settings, scope: Scope) -> None:
        self._clients = Clients(settings, scope)
        inventory = AwsInventory(settings, self._clients)
        self.identity: Identity = AwsIdentity(settings, scope, self._clients)
        self.inventory: Inventory = inventory
        self.planner: Planner = AwsPlanner(settings, self._clients)
        self.actuator: Actuator = AwsActuator(settings, scope, self._clients)
        self.collector: Collector = AwsCollector(self._clients)
        self.blocks: BlockSource = AwsBlocks(settings, scope, self._clients)

    async def close(self) -> None:
        """Forget the base identity's keys and close all connections."""
        await self._clients.close()


def open_provider(settings: Mapping[str, Any], scope: Scope) -> Provider:
    """The provider for the case's ``[aws]`` table; Usage if that table cannot be used."""
    return AwsProvider(Settings.of(settings), scope)
