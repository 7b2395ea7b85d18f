"""What is left to fetch: blocks of the listing that are not durable and that no worker holds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from app.transfer.digests import DigestMap
from app.transfer.listing import Listing

_SCAN = 512


class Supply:
    """Hands out each missing block once, ascending, but blocks that were given back first.

    ``known`` is looked at as it stands when a block is handed out.
    """

    def __init__(self, listing: Listing, known: DigestMap) -> None:
        self._listing = listing
        self._known = known
        self._cursor = 0
        self._ready: deque[tuple[int, str]] = deque()

    @property
    def listing(self) -> Listing:
        return self._listing

    def take(self, most: int) -> tuple[list[tuple[int, str]], bool]:
        """At most that many ``(index, token)``, and whether to ask again although they are fewer.

        A resumed disk may have millions of blocks to skip: one call looks at 512 runs at most, so that the
        event loop is let go between.
        """
        index = self._listing.index
        end = min(index.runs, self._cursor + _SCAN)
        while len(self._ready) < most and self._cursor < end:
            self._ready.extend(index.run(self._cursor))
            self._cursor += 1
            while self._ready and self._ready[0][0] in self._known:
                self._ready.popleft()
        blocks: list[tuple[int, str]] = []
        while self._ready and len(blocks) < most:
            block = self._ready.popleft()
            if block[0] not in self._known:
                blocks.append(block)
        return blocks, len(blocks) < most and self._cursor < index.runs

    def give_back(self, blocks: Iterable[tuple[int, str]]) -> None:
        """Blocks that a worker had and will not deliver."""
        self._ready.extendleft(blocks)

    def replace(self, listing: Listing) -> None:
        """Start over with fresh tokens; the old index is closed."""
        self._listing.index.close()
        self._listing = listing
        self._cursor = 0
        self._ready.clear()

    def close(self) -> None:
        self._listing.index.close()
