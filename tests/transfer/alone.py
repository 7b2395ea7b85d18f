"""A transfer in a process of its own, to be killed: ``python -m tests.transfer.alone HOME PORT BUNDLE COUNT``.

The server runs in the test; this side only needs to know its port and which blocks it has.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.transfer.kit import BLOCK, Desk, Log, Rig, Source
from tests.transfer.server import BlockServer


def main() -> None:
    home, port, bundle, count = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    far = BlockServer(Path(), dict.fromkeys(range(count), b""), count * BLOCK, BLOCK)
    far.port = port
    rig = Rig(far, bundle, home, Desk(far), Source(far, bundle), Log(far))
    result = asyncio.run(rig.transfer().run())
    print(result.blocks_fetched, result.rechecked)


if __name__ == "__main__":
    main()
