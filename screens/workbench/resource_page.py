"""The page of one resource, from which it can be acquired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from app.model import Resource
from screens.command.catalogue import DEFAULT
from screens.page.screen import PageScreen
from screens.present import resources as present
from screens.present.cells import Line
from screens.present.ids import target

_ACQUIRED = {"volume": "disk", "instance": "instance"}
_ACQUIRE = DEFAULT.get("resources.acquire")
assert _ACQUIRE is not None
_BINDING = Binding(_ACQUIRE.keys, _ACQUIRE.action, show=False, id=_ACQUIRE.id)


class ResourceScreen(PageScreen):
    """``disks`` are those of an instance. The key that plans an acquisition plans that of this resource."""

    BINDINGS: ClassVar[list[BindingType]] = [_BINDING]

    def __init__(self, resource: Resource, disks: Sequence[Resource], title: str) -> None:
        super().__init__(title, self._lines)
        self._resource = resource
        self._disks = disks

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        registry = self.bench.registry
        acquire = registry.hints("resources.acquire") if self._resource.kind in _ACQUIRED else []
        return (*acquire, *registry.hints("page.back", "help"))

    def _lines(self, width: int) -> list[Line]:
        return present.detail(self._resource, self._disks, self.bench.shelf, width, self.look)

    def action_acquire(self) -> None:
        bench, one, look = self.bench, self._resource, self.look
        kind = _ACQUIRED.get(one.kind)
        if kind is None:
            key, _ = bench.registry.hint("resources.acquire")
            bench.say(present.locked(one, key, look), "warning")
            return
        # The plan takes the place of this page: what it starts is seen on the workbench.
        self.finish()
        bench.call_after_refresh(
            bench.plan, kind, target(one.cloud, one.account, one.id), present.title_of(one, look)
        )

    def take_acquire(self, text: str) -> None:
        """``:acquire disk ID``: as in the resources pane, whatever this page is about."""
        self.bench.workbench.resources.take_acquire(text)
