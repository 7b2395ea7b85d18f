"""Is an account ready for the day that copies must leave it? Asked by the doctor, long before that day."""

from __future__ import annotations

from app.faults import CredentialExpired, CredentialNeeded, Fault
from app.ports import Grant, Readiness
from app.text import visible
from providers.aws import arns
from providers.aws.clients import Clients
from providers.aws.key_policy import Asker
from providers.aws.keys import DESTINATION_FROM_ENCRYPTED, SOURCE, Key, Keys
from providers.aws.settings import Settings

_CHECK = "evidence key"


async def evidence_key(
    settings: Settings, clients: Clients, account: str, region: str, grant: Grant
) -> list[Readiness]:
    """Whether the evidence key is there, in use, and open to the role that copies."""
    forensics = account == settings.aws.forensics_account
    if forensics:
        region = settings.destination(region)
    alias, where = settings.aws.evidence_key, f"{account}, {region}"
    keys = Keys(clients)
    try:
        key = await keys.named(alias, account, region, grant)
        if key is None:
            lost = "no copy can be kept here" if forensics else "disks whose key cannot be shared cannot be copied"
            return [_amiss(f"{where}: there is no {alias}: {lost}", _make(forensics))]
        if not key.usable:
            return [
                _amiss(f"{where}: {alias} is {visible(key.state)}", "enable the key, or give the alias to another")
            ]
        return [await _open(settings, keys, key, where, grant)]
    except (CredentialExpired, CredentialNeeded):
        raise
    except Fault as fault:
        return [_amiss(f"{where}: {alias} could not be read: {fault.message}", fault.next)]


async def _open(settings: Settings, keys: Keys, key: Key, where: str, grant: Grant) -> Readiness:
    """The key's policy, held against the role in the forensics account, which reads and writes the copies."""
    home = settings.aws.forensics_account
    asker = Asker(role=settings.role(home), account=home, via=arns.via_ec2(key.region))
    actions = DESTINATION_FROM_ENCRYPTED if key.account == home else SOURCE
    said = await keys.verdict(key, asker, actions, key.account, grant)
    name = f"{where}: {settings.aws.evidence_key}"
    if said.answer == "yes":
        return Readiness(_CHECK, True, f"{name} may be used by {asker.role}", "")
    if said.answer == "unknown":
        return _amiss(f"{name}: whether {asker.role} may use it is not known: {said.why}", "see its key policy")
    return _amiss(f"{name} may not be used by {asker.role}: {said.why}", _make(key.account == home))


def _amiss(detail: str, fix: str) -> Readiness:
    return Readiness(_CHECK, False, detail, fix)


def _make(forensics: bool) -> str:
    kind = "forensics" if forensics else "source"
    return f"create it, or set its key policy, as docs/iam/evidence-key-{kind}.json says"
