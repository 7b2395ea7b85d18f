"""The accounts pane: clouds, organisational units and accounts as one tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len

from app.client.filtering import Filter
from app.model import Account, AccountKey
from app.model.view import Scan
from screens.present.amounts import count
from screens.present.cells import Line, Span, cells, fit, spread
from screens.present.durations import hour_minute
from screens.present.ids import CLOUDS
from screens.present.look import Look
from screens.present.reasons import brief, why

_CAP = 2000
_LEAST = 8  # cells of a reason
UNLISTED = "*"
"""The region of a scan that failed because the regions themselves could not be listed."""


@dataclass(frozen=True, slots=True)
class Node:
    """One row of the tree: a cloud, a unit (``path``) or an account."""

    key: str
    depth: int
    label: str
    account: Account | None = None
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the inventory of one account is: regions scanned, running and failed; why the first one that
    failed did, and when the last of them did. ``good`` is the oldest time at which one of those that failed was
    last scanned in full, "" where none of them ever was. Where the list of regions could not be read, no region
    counts as scanned."""

    done: int = 0
    running: int = 0
    failed: int = 0
    error: str = ""
    failed_at: str = ""
    good: str = ""


def progress_of(scans: Sequence[Scan]) -> dict[AccountKey, Progress]:
    """Scans summed up per account."""
    of: dict[AccountKey, list[Scan]] = {}
    for scan in scans:
        of.setdefault((scan.cloud, scan.account), []).append(scan)
    return {key: _progress(found) for key, found in of.items()}


def _progress(scans: Sequence[Scan]) -> Progress:
    """The scans of one account, summed up."""
    failed = [one for one in scans if one.state == "failed"]
    unlisted = any(one.region == UNLISTED for one in failed)
    return Progress(
        done=0 if unlisted else sum(one.state == "done" for one in scans),
        running=sum(one.state == "running" for one in scans),
        failed=len(failed),
        error=next((one.error for one in failed if one.error), ""),
        failed_at=max((one.at for one in failed), default=""),
        good=min((one.good for one in (scans if unlisted else failed) if one.good), default=""),
    )


def outdated(scans: Sequence[Scan], scope: AccountKey | None, now: datetime) -> tuple[str, str]:
    """For the title of what an older scan has seen: ``last scan failed 17:18`` and ``as of 16:02``, "" for what is
    not so or not known; of the account ``scope``, or of the first of all accounts whose last scan failed and of
    what is oldest in any of them."""
    found = progress_of(scans)
    asked = list(found.values()) if scope is None else [found.get(scope, Progress())]
    failed = next((words for one in asked if (words := scan_failed(one, now))), "")
    oldest = min((one.good for one in asked if one.good), default="")
    whole = all(one.failed and not one.done for one in asked)
    return failed, as_of(oldest, whole, now)


def as_of(good: str, whole: bool, now: datetime) -> str:
    """``as of 16:02`` for what was last seen then; ``in part as of 16:02`` where that is not the whole of it."""
    at = hour_minute(good, now)
    return f"{'' if whole else 'in part '}as of {at}" if at else ""


def scan_failed(scan: Progress, now: datetime) -> str:
    """``last scan failed 17:18`` for the title of what an older scan has seen; "" where none failed."""
    if not scan.failed:
        return ""
    what = "last scan partly failed" if scan.done else "last scan failed"
    return f"{what} {hour_minute(scan.failed_at, now)}".rstrip()


FIELDS = ("name", "id", "cloud", "path", "state")
"""What ``field=value`` in the pane's filter may name."""


def matches(account: Account, scan: Progress, wanted: Filter) -> bool:
    """Whether the filter lets an account through. ``state=`` means what the pane says of it, or ``reachable``."""
    may = {True: "reachable", False: f"locked, out of reach: {account.reason or ''}", None: "not asked"}
    states = [
        may[account.reachable],
        "home forensics" if account.forensics else "",
        "scanning" if scan.running else "",
        "partly failed" if scan.failed and scan.done else "scan failed" if scan.failed else "",
    ]
    return wanted.fits(
        {
            "name": account.name,
            "id": account.id,
            "cloud": f"{account.cloud} {CLOUDS.get(account.cloud, '')}",
            "path": account.path,
            "state": " ".join(filter(None, states)),
        }
    )


def tree(accounts: Sequence[Account], folded: AbstractSet[str]) -> list[Node]:
    """The visible rows: per cloud its units by path, each with its accounts, then the accounts at the root."""
    out: list[Node] = []
    clouds: dict[str, dict[str, list[Account]]] = {}
    for account in accounts:
        clouds.setdefault(account.cloud, {}).setdefault(account.path, []).append(account)
    for cloud, units in clouds.items():
        key = f"cloud\0{cloud}"
        out.append(Node(key, 0, CLOUDS.get(cloud, cloud), folded=key in folded))
        if key in folded:
            continue
        for path in sorted(units, key=lambda path: (path == "", path)):
            depth = 1
            if path:
                key = f"unit\0{cloud}\0{path}"
                out.append(Node(key, 1, path, folded=key in folded))
                if key in folded:
                    continue
                depth = 2
            out.extend(
                Node(f"account\0{cloud}\0{one.id}", depth, one.name or one.id, account=one) for one in units[path]
            )
    return out


def node_line(
    node: Node,
    counts: Mapping[AccountKey, tuple[int, int]],
    progress: Mapping[AccountKey, Progress],
    scope: AccountKey | None,
    width: int,
    look: Look,
) -> Line:
    """One row, with ``eligible/total`` or the reason why the account cannot be reached at the right."""
    indent = "  " * node.depth
    account = node.account
    if account is None:
        mark = look.shut if node.folded else look.open
        tone = "strong" if node.depth == 0 else ""
        return spread((((f" {indent}{mark} "), "dim"), (look.clean(node.label), tone)), (), width, look)
    where = (account.cloud, account.id)
    scan = progress.get(where, Progress())
    eligible, total = counts.get(where, (0, 0))
    name = look.clean(node.label)
    right: Line
    locked = account.reachable is False
    glyph: Span = (look.lock, "lock") if locked else _glyph(account, scan, look)
    tone = "accent" if scope == where else ("lock" if locked else "")
    left: Line = ((f" {indent}", ""), glyph, (" ", ""), (name, tone))
    if account.forensics:
        left = (*left, (" (home)", "dim"))
    room = max(_LEAST, width - cells(left) - 2)
    if locked:
        # The first sentence says what is wrong; Enter tells all of it.
        cause = look.clean(account.reason or "not reachable", _CAP).partition(". ")[0]
        right = ((fit(cause, min(cell_len(cause), room), look), "lock"), (" ", ""))
    else:
        right = (*_counts(eligible, total, scan, room, look), (" ", ""))
    return spread(left, right, width, look)


def _glyph(account: Account, scan: Progress, look: Look) -> Span:
    if account.forensics:
        return look.home, "accent"
    if scan.running:
        return look.wait, "wait"
    return (look.live, "live") if account.reachable else (look.idle, "dim")


def _counts(eligible: int, total: int, scan: Progress, room: int, look: Look) -> Line:
    numbers: Line = ((count(eligible), "live" if eligible else "dim"), (f"/{count(total)}", "dim"))
    if scan.running:
        return (("scanning ", "wait"), *numbers) if total else (("scanning", "wait"),)
    if scan.failed and scan.done:
        return ((f"{look.warn} partly ", "need"), *numbers)
    if scan.failed:
        lead = f"{look.warn} scan failed"
        cause = why(brief(look.clean(scan.error, _CAP)), max(0, room - cell_len(lead) - 2), look)
        return ((f"{lead}: {cause}" if cell_len(cause) >= _LEAST else lead, "need"),)
    if not scan.done and not total:
        return ((look.none, "dim"),)
    return numbers
