"""``python -m tests.bench [--only WORD] [--profile FILE]``: measure, and print one table.

Exit code 0, whatever the figures are; 1 where something could not be measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import opening, using
from tests.bench.place import Place
from tests.bench.seat import SIZE, NotMeasured
from tests.bench.table import Others, Row, lines, machine

_FOOT = """\
* is the figure that the limit is for. Seen from a real terminal of {columns}x{rows} in true colour; the UI is the
command line as installed, on a real case. Scripted is the agent: tests/bench/agent.py, a process of its own,
writes the read model through the product's own writer four times a second, and answers on the agent's socket.
Only the row that says so starts the true agent. Bytes are counted where they leave the process: no network is
in the loop."""


def main() -> int:
    """The exit code."""
    asked = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the screens.")
    asked.add_argument("--only", default="", choices=["", "open", "rows", "use"], help="one part alone")
    asked.add_argument("--profile", default="-", metavar="FILE", help="cProfile's figures of the part `use`")
    options = asked.parse_args()
    others, began = Others(), time.monotonic()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="jumpbag-bench-") as folder:
        home = Path(folder)
        place = Place(home)
        parts: dict[str, list[Callable[[], Iterator[Row]]]] = {
            "open": [
                lambda: opening.first_frames(place),
            ],
            "rows": [lambda: opening.rows_appear(place)],
            "use": [
                lambda: using.one_day(place, home / "modules", options.profile),
                lambda: using.slow_line(place),
                # last: the true agent makes the case's read model anew
                lambda: opening.agent_started(place, home / "kept.sqlite"),
            ],
        }
        for name, measures in parts.items():
            if options.only in ("", name):
                for measure in measures:
                    rows += _measured(name, measure)
    print()
    print("\n".join(lines(rows)))
    print()
    print(f"{machine()}.")
    print(f"Other processes used {others.share:.0f} % of the processors meanwhile: the less, the truer the times.")
    print(_FOOT.format(columns=SIZE[0], rows=SIZE[1]))
    print(f"Measured in {time.monotonic() - began:.0f} s.")
    failed = [row for row in rows if row.failed]
    for row in failed:
        print(f"\nnot measured: {row.what}: {row.failed}", file=sys.stderr)
    return 1 if failed else 0


def _measured(name: str, measure: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """The rows of a part; where it breaks off, the last one says why."""
    try:
        for row in measure():
            print(f"{row.what} {row.verdict}", file=sys.stderr)
            yield row
    except (NotMeasured, OSError) as fault:
        yield Row(f"the part `{name}` from here on", failed=str(fault))


if __name__ == "__main__":
    sys.exit(main())
