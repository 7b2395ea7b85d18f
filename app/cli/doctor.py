"""``jumpbag doctor``: is this machine fit for the work, and where may the role be assumed?"""

from __future__ import annotations

from app import config
from app.case.folder import CaseFolder
from app.cli.fitness import Check, everything
from app.cli.output import emit
from app.cli.session import Session, run
from app.client.feed import Feed
from app.faults import Fault, Usage
from app.text import visible

_LONGEST = 600


def doctor(session: Session) -> int:
    case = session.case() if session.options.case else None
    evidence = case.evidence if case else session.cases
    settings, unusable = (case.settings, None) if case else _settings(session)
    wanted = settings.signing.protection == "keyring"
    checks = everything(session.locations, case.path if case else session.cases, evidence, keyring_wanted=wanted)
    checks += [unusable] if unusable else [_endpoints(settings), _protection(settings)]
    if case is not None:
        checks += _cloud(session, case)
    rows = [{"check": name, "ok": ok, "detail": detail, "fix": fix or None} for name, ok, detail, fix in checks]
    if session.json:
        emit(rows)
    else:
        wide = max(len(name) for name, *_ in checks)
        for name, ok, detail, fix in checks:
            print(f"{'ok' if ok else '!!'}  {visible(name).ljust(wide)}  {visible(detail, cap=_LONGEST)}")
            if fix:
                print(f"    {' ' * wide}  to do: {visible(fix, cap=_LONGEST)}")
    return 0 if all(row["ok"] for row in rows) else 1


def _settings(session: Session) -> tuple[config.Config, Check | None]:
    """What the user's configuration says for new cases; and a check that failed, where it cannot be used."""
    file = session.locations.config_file
    if not file.exists():
        return config.Config(), None
    try:
        return config.load(file), None
    except Usage as fault:
        return config.Config(), ("configuration", False, fault.message, fault.next)


def _endpoints(settings: config.Config) -> Check:
    overridden = settings.overridden()
    if not overridden:
        return "endpoints", True, "the clouds' own", ""
    return "endpoints", True, f"overridden: {', '.join(overridden)} (embedded or private)", ""


def _protection(settings: config.Config) -> Check:
    kind = settings.signing.protection
    ok = kind != "file"
    return (
        "signing key",
        ok,
        f"protected by: {kind}",
        "" if ok else "whoever reads the key file can sign; prefer passphrase",
    )


def _cloud(session: Session, case: CaseFolder) -> list[Check]:
    """Who we are there, in which accounts the role may be assumed, and what has been prepared in them."""

    async def work() -> int:
        try:
            async with session.agent() as (_, client):
                prepared = await client.call("readiness", session.spoken())
        except Fault as fault:
            found.append(("permissions", False, fault.message, fault.next))
            return 1
        feed = Feed(case.read_model)
        feed.poll()
        for account in feed.snapshot.accounts:
            ok = account.reachable is True
            detail = f"{account.id} {account.name}: " + (
                "the role can be assumed" if ok else "the role cannot be assumed"
            )
            found.append(("permissions", ok, detail, "" if ok else account.reason or ""))
        found.extend((one["check"], one["ok"], one["detail"], one["fix"]) for one in prepared)
        return 0

    found: list[Check] = []
    run(work)
    return found
