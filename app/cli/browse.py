"""``jumpbag accounts | resources | leases | lease revoke``."""

from __future__ import annotations

from typing import Any

from app.cli.output import emit, say, size, table
from app.cli.session import Session, run
from app.client.feed import Feed
from app.client.inventory import Inventory
from app.clock import SystemClock, parse_stamp, stamp
from app.faults import AgentGone, Usage
from app.model import Resource


def accounts(session: Session) -> int:
    async def work() -> int:
        async with session.agent() as (case, client):
            await client.call("inventory.refresh", session.spoken(scope="accounts", wait=True))
            feed = Feed(case.read_model)
            feed.poll()
            found = feed.snapshot.accounts
        if session.json:
            names = ("cloud", "id", "name", "path", "forensics", "reachable", "reason")
            emit([{name: getattr(account, name) for name in names} for account in found])
        else:
            words = {True: "yes", False: "no", None: "?"}
            table(
                ("cloud", "account", "name", "path", "reachable", "why not"),
                [
                    (
                        a.cloud,
                        a.id,
                        a.name + (" (forensics)" if a.forensics else ""),
                        a.path,
                        words[a.reachable],
                        a.reason,
                    )
                    for a in found
                ],
                "No account is visible with these credentials.",
            )
        return 0

    return run(work)


def resources(session: Session) -> int:
    options = session.options
    key, wanted = _tag(options.tag)

    async def work() -> int:
        async with session.agent() as (case, client):
            only = [options.account] if options.account else None
            asked = session.spoken(scope="resources", accounts=only, wait=True)
            told = await client.call("inventory.refresh", asked)
            for problem in told["problems"]:
                say(f"jumpbag: not everything could be listed: {problem}")
            feed = Feed(case.read_model)
            found = [r for r in Inventory(feed).every() if _fits(r, session, key, wanted)]
        if session.json:
            emit([_resource(r) for r in found])
        else:
            table(
                ("kind", "id", "name", "account", "region", "size", "eligible"),
                [
                    (
                        r.kind,
                        r.id,
                        r.name,
                        r.account,
                        r.region,
                        size(r.size_bytes),
                        "yes" if r.eligible else r.reason,
                    )
                    for r in found
                ],
                "Nothing matches.",
            )
        return 1 if told["problems"] and not found else 0

    return run(work)


def _tag(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    key, sep, value = text.partition("=")
    if not sep:
        raise Usage(f"--tag {text!r} is not KEY=VALUE", next="for example --tag Forensics=Enabled")
    return key, value


def _fits(resource: Resource, session: Session, key: str | None, value: str | None) -> bool:
    options = session.options
    return (
        (not options.cloud or resource.cloud == options.cloud)
        and (not options.account or resource.account == options.account)
        and (not options.region or resource.region == options.region)
        and (not options.kind or resource.kind == options.kind)
        and (key is None or resource.tags.get(key) == value)
        and (not options.eligible or resource.eligible)
    )


def _resource(r: Resource) -> dict[str, Any]:
    attached = None
    if r.attached_to is not None:
        attached = {"id": r.attached_to.id, "name": r.attached_to.name, "device": r.attached_to.device}
    return {
        "cloud": r.cloud,
        "account": r.account,
        "region": r.region,
        "kind": r.kind,
        "id": r.id,
        "name": r.name,
        "tags": r.tags,
        "eligible": r.eligible,
        "reason": r.reason,
        "size_bytes": r.size_bytes,
        "attached_to": attached,
        "attributes": r.attributes,
    }


def leases(session: Session) -> int:
    async def work() -> int:
        alive = True
        try:
            async with session.agent(start=False) as (_, client):
                await client.call("status")
        except AgentGone:
            alive = False
        now = SystemClock().now()
        rows = []
        for lease in session.feed().snapshot.leases:
            state = lease.state if alive or lease.state != "live" else "lost"
            remaining = int((parse_stamp(lease.expires) - now).total_seconds()) if state == "live" else 0
            rows.append(
                {
                    "id": lease.id,
                    "cloud": lease.cloud,
                    "account": lease.account,
                    "principal": lease.principal,
                    "scope": lease.scope,
                    "issued": lease.issued,
                    "expires": lease.expires,
                    "remaining_s": max(0, remaining),
                    "state": state,
                }
            )
        if session.json:
            emit(rows)
        else:
            table(
                ("lease", "account", "for", "expires", "left", "state"),
                [
                    (r["id"], r["account"], r["scope"], r["expires"], f"{r['remaining_s']} s", r["state"])
                    for r in rows
                ],
                f"No lease at {stamp(now)}.",
            )
        return 0

    return run(work)


def revoke(session: Session) -> int:
    async def work() -> int:
        async with session.agent(start=False) as (_, client):
            told = await client.call("lease.revoke", session.spoken(lease=session.options.lease))
        if session.json:
            emit(told)
        else:
            say(f"{told['lease']} is dropped; the cloud itself honours it until it expires.")
        return 0

    return run(work)
