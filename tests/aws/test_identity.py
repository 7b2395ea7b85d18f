"""Leases and accounts, against scripted answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.faults import CredentialExpired, Denied, Fault, Throttled, Unavailable, Untrusted, Usage
from app.ports import LeaseRequest, Scope
from providers.aws.identity import session_name
from providers.aws.plugin import open_provider
from tests.aws.conftest import ACCOUNT, Desk, HandClock
from tests.aws.scripted import Answer, Scripted, assumed, caller, drop, sts_error

POLICY = '{"Version":"2012-10-17","Statement":[]}'
USER = caller("arn:aws:iam::111111111111:user/responder", "111111111111")
ROLE = caller("arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_IR_0123/ex-7@example.org", "111111111111")


def ask(seconds: int = 3600, *, policy: str = POLICY) -> LeaseRequest:
    role = f"arn:aws:iam::{ACCOUNT}:role/jumpbag"
    return LeaseRequest(lease="L-0012", account=ACCOUNT, role=role, policy=policy, seconds=seconds)


async def test_what_is_sent_and_what_is_held(desk: Desk, script: Scripted) -> None:
    script.answers = [assumed(ACCOUNT, secret="k" * 40, token="t" * 300)]
    grant = await desk.provider.identity.issue(ask())
    form = script.seen[0].form
    assert form["Action"] == "AssumeRole"
    assert form["RoleArn"] == desk.provider.identity.role(ACCOUNT) == f"arn:aws:iam::{ACCOUNT}:role/jumpbag"
    assert form["RoleSessionName"] == "jumpbag-c-1-L-0012"
    assert form["SourceIdentity"] == "ex-7"
    assert form["ExternalId"] == "case-1"
    assert (form["Tags.member.1.Key"], form["Tags.member.1.Value"]) == ("ir-case", "c-1")
    assert form["TransitiveTagKeys.member.1"] == "ir-case"
    assert (form["Policy"], form["DurationSeconds"]) == (POLICY, "3600")
    assert grant.expires.isoformat() == "2027-01-01T00:00:00+00:00"
    assert grant.issued == desk.clock.now()
    assert grant.request_id == "req-AssumeRole"
    assert dict(grant.secret) == {
        "access_key": "ASIASCRIPTED00000001",
        "secret_key": "k" * 40,
        "session_token": "t" * 300,
    }
    assert script.actions() == ["AssumeRole"]


@pytest.mark.parametrize(
    ("who", "asked", "sent", "note"),
    [
        (USER, 14400, "14400", ""),
        (ROLE, 14400, "3600", "role"),
        (USER, 90000, "43200", "43,200"),
        (USER, 60, "900", "900"),
    ],
)
async def test_the_lifetime_is_clamped_and_says_why(
    desk: Desk, script: Scripted, who: Answer, asked: int, sent: str, note: str
) -> None:
    script.answers = [who, assumed(ACCOUNT)] if asked > 3600 else [assumed(ACCOUNT)]
    grant = await desk.provider.identity.issue(ask(asked))
    assert script.seen[-1].form["DurationSeconds"] == sent
    assert note in grant.note
    assert bool(grant.note) == bool(note)


@pytest.mark.parametrize(
    ("who", "asked", "given", "note"),
    [
        (USER, 14400, 14400, ""),
        (ROLE, 14400, 3600, "clamped to 3,600 s"),
        (USER, 90000, 43200, "clamped to 43,200 s"),
        (USER, 60, 900, "raised to 900 s"),
        (ROLE, 3600, 3600, "3,600 s is the most"),
        (USER, 3600, 3600, ""),
    ],
)
async def test_the_lifetime_is_known_before_the_lease(
    desk: Desk, script: Scripted, who: Answer, asked: int, given: int, note: str
) -> None:
    script.always = who
    seconds, said = await desk.provider.identity.lifetime(asked)
    assert seconds == given
    assert said.startswith(note)
    assert bool(said) == bool(note)
    assert set(script.actions()) <= {"GetCallerIdentity"}


@pytest.mark.parametrize(("packed", "noted"), [(None, False), (80, False), (81, True)])
async def test_a_session_nearly_full_says_so(
    desk: Desk, script: Scripted, packed: int | None, noted: bool
) -> None:
    script.answers = [assumed(ACCOUNT, packed=packed)]
    grant = await desk.provider.identity.issue(ask())
    assert ("81 %" in grant.note) is noted
    assert desk.used == []  # the base identity's calls are not of a lease


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (drop, Unavailable),
        (sts_error("Throttling", status=400), Throttled),
        (sts_error("InternalFailure", status=500), Unavailable),
        (sts_error("ExpiredToken"), CredentialExpired),
    ],
)
async def test_assume_role_is_attempted_once(
    desk: Desk, script: Scripted, answer: Answer, kind: type[Fault]
) -> None:
    script.always = answer
    with pytest.raises(kind):
        await desk.provider.identity.issue(ask())
    assert script.actions() == ["AssumeRole"]


async def test_a_refusal_says_what_to_check(desk: Desk, script: Scripted) -> None:
    script.answers = [sts_error("AccessDenied", "not authorized to perform: sts:AssumeRole"), USER]
    with pytest.raises(Denied) as caught:
        await desk.provider.identity.issue(ask())
    fault = caught.value
    assert (fault.provider_code, fault.request_id) == ("AccessDenied", "req-err")
    for word in ("user/responder", f"arn:aws:iam::{ACCOUNT}:role/jumpbag", "sts:TagSession", "external_id"):
        assert word in fault.next
    role = f"arn:aws:iam::{ACCOUNT}:role/jumpbag"
    assert fault.message.startswith(f"sts:AssumeRole denied by AWS in account {ACCOUNT}, eu-west-1, for {role}: ")


async def test_a_credential_of_another_account_is_not_taken(desk: Desk, script: Scripted) -> None:
    script.answers = [assumed("333333333333")]
    with pytest.raises(Untrusted):
        await desk.provider.identity.issue(ask())


async def test_no_lease_without_a_session_policy(desk: Desk, script: Scripted) -> None:
    with pytest.raises(Usage):
        await desk.provider.identity.issue(ask(policy=""))
    assert script.seen == []


@pytest.mark.parametrize("examiner", ["x", "eve mallory", "aws:root", "e" * 65])
async def test_an_examiner_that_is_no_source_identity_is_refused(table: dict[str, Any], examiner: str) -> None:
    async def pace(_account: str, _service: str) -> None:
        return None

    provider = open_provider(table, Scope(case="c-1", examiner=examiner, clock=HandClock(), pace=pace))
    with pytest.raises(Usage, match="SourceIdentity"):
        await provider.identity.issue(ask())
    await provider.close()


@pytest.mark.parametrize(
    ("case", "lease", "name"),
    [
        ("IR-42", "L-0001", "jumpbag-IR-42-L-0001"),
        ("x" * 64, "L-0001", "jumpbag-" + "x" * 49 + "-L-0001"),
        ("Fall Übung", "L-1", "jumpbag-Fall--bung-L-1"),
    ],
)
def test_session_names_fit_and_keep_the_lease(case: str, lease: str, name: str) -> None:
    assert session_name(case, lease) == name
    assert len(name) <= 64


async def test_listed_accounts_need_no_organisation(table: dict[str, Any], script: Scripted) -> None:
    async def pace(_account: str, _service: str) -> None:
        return None

    listed = [{"id": "111111111111", "name": "forensics"}, {"id": ACCOUNT}]
    provider = open_provider(
        table | {"accounts": listed}, Scope(case="c-1", examiner="ex-7", clock=HandClock(), pace=pace)
    )
    found = [account async for account in provider.identity.accounts()]
    await provider.close()
    assert [(one.id, one.name, one.forensics) for one in found] == [
        ("111111111111", "forensics", True),
        (ACCOUNT, ACCOUNT, False),
    ]
    assert script.seen == []


def _json(body: dict[str, Any], *, status: int = 200) -> Any:
    from aiohttp import web

    return web.Response(status=status, text=json.dumps(body), content_type="application/x-amz-json-1.1")


async def test_accounts_come_with_their_path_page_by_page(desk: Desk, script: Scripted) -> None:
    script.answers = [
        _json({"Roots": [{"Id": "r-abcd", "Name": "Root"}]}),
        _json({"Accounts": [{"Id": "111111111111", "Name": "mgmt", "Status": "ACTIVE"}], "NextToken": "more"}),
        _json({"Accounts": [{"Id": "444444444444", "Name": "old", "Status": "SUSPENDED"}]}),
        _json({"OrganizationalUnits": [{"Id": "ou-abcd-12345678", "Name": "Work/loads"}]}),
        _json({"Accounts": [{"Id": ACCOUNT, "Name": "\x1b[2Jpay", "Status": "ACTIVE"}]}),
        _json({"OrganizationalUnits": []}),
    ]
    found = [account async for account in desk.provider.identity.accounts()]
    assert [(one.id, one.path, one.reachable) for one in found] == [
        ("111111111111", "", None),
        ("444444444444", "", False),
        (ACCOUNT, "Work∕loads", None),
    ]
    assert found[2].name == "\x1b[2Jpay"
    assert "suspended" in (found[1].reason or "")


@pytest.mark.parametrize("wrong", ["22222222222", "../222222222222", "222222222222\n", 222222222222])
async def test_an_account_id_that_is_none_is_not_believed(desk: Desk, script: Scripted, wrong: Any) -> None:
    script.answers = [_json({"Roots": [{"Id": "r-abcd"}]}), _json({"Accounts": [{"Id": wrong, "Name": "x"}]})]
    with pytest.raises(Untrusted):
        async for _ in desk.provider.identity.accounts():
            pass


async def test_without_an_organisation_it_says_how_to_list_accounts(desk: Desk, script: Scripted) -> None:
    script.always = _json({"__type": "AWSOrganizationsNotInUseException", "Message": "no"}, status=400)
    with pytest.raises(Fault) as caught:
        async for _ in desk.provider.identity.accounts():
            pass
    assert "aws.accounts" in caught.value.next
