"""The page of one account: whether it is within reach, how its scans ended, and who could change that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.model import Account
from app.model.view import Scan
from screens.present.accounts import UNLISTED
from screens.present.amounts import count
from screens.present.cells import Line, wrap
from screens.present.durations import hour_minute
from screens.present.ids import CLOUDS
from screens.present.look import Look

_LABEL = 12
_CAP = 2000


def account_lines(
    account: Account, scans: Sequence[Scan], seen: tuple[int, int], now: datetime, width: int, look: Look
) -> list[Line]:
    """``scans`` are those of this account; ``seen`` are (eligible, total) of its resources."""

    def fact(label: str, text: str, tone: str = "") -> list[Line]:
        pieces = wrap(text, max(20, width - _LABEL))
        return [
            ((f"{label if row == 0 else '':<{_LABEL}}", "head"), (piece, tone)) for row, piece in enumerate(pieces)
        ]

    eligible, total = seen
    name = look.clean(account.name or account.id, 200)
    out = fact("account", f"{name} ({look.clean(account.id, 40)})", "strong")
    out += fact("cloud", look.clean(CLOUDS.get(account.cloud, account.cloud)))
    if account.path:
        out += fact("unit", look.clean(account.path, 400))
    if account.forensics:
        out += fact("home", "the forensics account: copies are made into it")
    out.append(())
    if account.reachable is False:
        out += fact("reach", f"{look.lock} out of reach: nothing in it can be listed or acquired now", "lock")
        out += fact("why", look.clean(account.reason or "the cloud gave no reason", _CAP))
        out += fact("next", "Once whoever runs that account has changed it, R among the accounts (1) asks again.")
    elif account.reachable is None:
        out += fact("reach", f"{look.idle} not asked yet: R among the accounts (1) asks", "dim")
    else:
        out += fact("reach", f"{look.live} the role may be used", "live")
    if account.reachable is False and not total and not scans:
        return out
    out.append(())
    out += fact("resources", f"{count(total)} known, {count(eligible)} of them may be acquired")
    if not scans:
        return [*out, *fact("scans", "none yet: R among its resources (2) asks", "dim")]
    for place, one in enumerate(sorted(scans, key=lambda scan: (scan.state != "failed", scan.region))):
        out += fact("scans" if place == 0 else "", *_scan(one, now, look))
        if one.state == "failed":
            out += fact("", look.clean(one.error or "no reason was given", _CAP))
            out += [line for text in _listed(one) for line in fact("", text)]
    if any(one.state == "failed" for one in scans):
        out.append(())
        out += fact("so", "What has changed there since then is not listed. No evidence is touched.")
        out += fact("next", "Mend the cause, then R among its resources (2) asks the cloud again.")
    return out


def _listed(one: Scan) -> list[str]:
    """What is listed of a region whose scan failed, besides what its line says."""
    if one.region == UNLISTED:
        return ["So no region was scanned: each shows what was there when it last was."]
    if one.good and one.found:
        return [f"That scan had seen {count(one.found)} before it failed: these are newer."]
    if not one.good:
        return ["No scan of it was ever complete: what is listed of it may be a part of what is there."]
    return []


def _scan(one: Scan, now: datetime, look: Look) -> tuple[str, str]:
    where = "the list of regions" if one.region == UNLISTED else look.clean(one.region, 40)
    at, good = hour_minute(one.at, now), hour_minute(one.good, now)
    if one.state == "failed" and good:
        later = f"the scan of {at}" if at else "a later scan"
        return f"{look.failed} {where} shows what was there at {good} UTC; {later} failed:", "bad"
    if one.state == "failed":
        return f"{look.failed} {where} failed" + (f" {at} UTC" if at else ""), "bad"
    if one.state == "running":
        rest = f", the rest is as of {good} UTC" if good else ""
        return f"{look.wait} {where} is being read: {count(one.found)} so far{rest}", "wait"
    return f"{look.done} {where}: {count(one.found)} seen" + (f" {at} UTC" if at else ""), ""
