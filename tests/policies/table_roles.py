"""The decisions of the roles that an organisation rolls out, without any session policy to narrow them further;
of the trust policy that lets sessions in; and of service control policies above."""

from __future__ import annotations

from typing import Any

from tests.policies.bench import CASE, FORENSICS, GUARDED, OTHER_CASE, SOURCE, STRANGER
from tests.policies.table import Case

ROLE = "jumpbag-collect"
_KMS = "EC2 calls KMS in the caller's name: there is no such call to make through an SDK"


def _in(account: str, name: str, allowed: bool, operation: str, /, **what: Any) -> Case:
    return Case(f"role in {account}: {name}", "", operation, what, allowed, role=ROLE, account=account)


def _kms(account: str, name: str, allowed: bool, /, **what: Any) -> Case:
    named = f"role in {account}: {name}"
    return Case(named, "", "kms", what, allowed, role=ROLE, account=account, judge="direct", why=_KMS)


ROLES = [
    _in(SOURCE, "a tagged volume", True, "create", volume="customer"),
    _in(SOURCE, "an untagged volume", False, "create", volume="untagged"),
    _in(SOURCE, "a volume whose tag has another value", False, "create", volume="mistagged"),
    _in(SOURCE, "a snapshot without the tag of the case", False, "create", volume="plain", case=""),
    _in(SOURCE, "a snapshot with the tag of another case", False, "create", volume="plain", case=OTHER_CASE),
    _in(SOURCE, "a tagged instance", True, "create_all", instance="triple"),
    _in(SOURCE, "an untagged instance", False, "create_all", instance="untagged"),
    _in(SOURCE, "taking over another case's snapshot", False, "retag", thing="snapshot of another case"),
    _in(SOURCE, "making a volume eligible", False, "retag",
        thing="volume untagged", key="Forensics", value="Enabled"),
    _in(SOURCE, "sharing with the forensics account", True, "share", snapshot="customer"),
    _in(SOURCE, "sharing with a third account", False, "share", snapshot="customer", account=STRANGER),
    _in(SOURCE, "sharing with everybody", False, "publish", snapshot="customer"),
    _in(SOURCE, "sharing another case's snapshot", False, "share", snapshot="of another case"),
    _in(SOURCE, "taking a share back", True, "share", snapshot="customer", verb="Remove"),
    _in(SOURCE, "deleting an original of the case", False, "delete", snapshot="plain"),
    _in(SOURCE, "deleting a transport copy", True, "delete", snapshot="transport"),
    _in(SOURCE, "deleting another case's transport copy", False, "delete", snapshot="transport of another case"),
    _in(SOURCE, "locking a snapshot of the case", True, "lock", snapshot="plain"),
    _in(SOURCE, "locking another case's", False, "lock", snapshot="of another case"),
    _in(SOURCE, "unlocking", False, "unlock", snapshot="plain"),
    _in(SOURCE, "reading a snapshot of the case", True, "index", snapshot="plain"),
    _in(SOURCE, "reading another case's", False, "index", snapshot="of another case", key=f"{SOURCE} customer"),
    _in(SOURCE, "terminating", False, "terminate", instance="plain"),
    _in(SOURCE, "the console of a tagged instance", True, "console", instance="triple"),
    _in(SOURCE, "the console of an untagged instance", False, "console", instance="untagged"),
    _kms(SOURCE, "EC2 decrypts under a key of the account", True, action="Decrypt", key=f"{SOURCE} customer"),
    _kms(SOURCE, "decrypting oneself", False, action="Decrypt", key=f"{SOURCE} customer", via=""),
    _kms(SOURCE, "a grant for somebody", False,
         action="CreateGrant", key=f"{SOURCE} customer", for_service=False),
    _in(FORENSICS, "copying a shared snapshot", True, "copy", snapshot="customer"),
    _in(FORENSICS, "copying without the tag of the case", False, "copy", snapshot="customer", case=""),
    _in(FORENSICS, "reading a copy of the case", True, "index", snapshot="in the forensics account"),
    _in(FORENSICS, "reading a copy of another case", False, "index",
        snapshot="of another case in the forensics account"),
    _in(FORENSICS, "deleting a copy", False, "delete", snapshot="in the forensics account"),
    _kms(FORENSICS, "EC2 decrypts under a source account's key", True,
         action="Decrypt", key=f"{SOURCE} customer"),
    _kms(FORENSICS, "EC2 decrypts under a key that only its own account may use", False,
         action="Decrypt", key=f"{SOURCE} private"),
    _kms(FORENSICS, "decrypting oneself", False, action="Decrypt", key=f"{SOURCE} customer", via=""),
]  # fmt: skip


def _enter(name: str, allowed: bool, /, **what: Any) -> Case:
    return Case(f"trust: {name}", "", "enter", what, allowed, role="examiner", account=FORENSICS)


TRUST = [
    _enter("the examiner, with everything", True),
    _enter("without the tag of a case", False, case=""),
    _enter("with another ExternalId", False, external="somebody-else"),
    _enter("without an ExternalId", False, external=""),
    _enter("without a SourceIdentity", False, source_identity=""),
    _enter("into the forensics account", True, account=FORENSICS),
]

CONTROLS = [
    Case("scp: a snapshot where a service control policy forbids it", "", "create", {"volume": "guarded"}, False,
         role=ROLE, account=GUARDED),
    Case("scp: sharing where a service control policy forbids it", "", "share",
         {"snapshot": "of the guarded account"}, False, role=ROLE, account=GUARDED),
    Case("scp: reading there, which it does not forbid", "", "index", {"snapshot": "of the guarded account"}, True,
         role=ROLE, account=GUARDED),
    Case("scp: the same snapshot of the same kind elsewhere", "", "create", {"volume": "plain"}, True,
         role=ROLE, account=SOURCE, case=CASE),
]  # fmt: skip

TABLE: list[Case] = [*ROLES, *TRUST, *CONTROLS]
