"""The custody log held against the cloud's own record, and the search for secrets in everything left behind."""

from __future__ import annotations

import base64
import gc
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import boto3
import pytest

from providers.emulators.aws.identities import Identities
from tests.e2e.cloud import Cloud
from tests.e2e.packs import PAYMENTS, REGION
from tests.e2e.runner import Case, Jumpbag
from tests.e2e.waiting import until


@dataclass
class Story:
    """A case that saw a good run, a crash, leases refused early and a denial; and what /proc showed meanwhile."""

    case: Case
    cloud: Cloud
    seen: dict[str, bytes] = field(default_factory=dict)
    sessions: list[dict[str, Any]] = field(default_factory=list)

    def look(self, when: str) -> None:
        """Arguments and environment of the agent and of all that it started, as /proc shows them."""
        agent = self.case.agent()
        assert agent is not None
        family = [agent, *agent.children()]
        for process in family:
            self.seen[f"{when}: argv of {process.pid}"] = process.arguments()
            self.seen[f"{when}: environ of {process.pid}"] = process.environment()
        assert len(family) > 1 or when == "idle"


@pytest.fixture(scope="module")
def story(jumpbag: Jumpbag, running: Cloud) -> Iterator[Story]:
    case = jumpbag.create("IR-7", running, workers=2)
    told = Story(case, running)
    try:
        volumes = case.volumes()
        case.run("acquire", "disk", volumes["small"], "--wait", "--reason", "the web shell").ok()
        told.look("idle")
        running.faults(latency_ms=[600, 700])
        acq = case.acquire(volumes["many"])
        # After the plan: planning alone may take longer than such a lease on a busy machine.
        running.faults(latency_ms=[600, 700], expire_leases_after_s=2)
        until(
            "blocks arrive",
            lambda: (
                (row := case.row(acq)) and row.step.startswith("Read its blocks") and (row.bytes_done or 0) > 0
            ),
        )
        told.look("reading")
        until("a lease refused early was replaced", lambda: bool(case.events("lease.renew", phase="result")))
        case.kill_agent()
        running.well()
        case.acquisitions()
        case.reached(acq, "done")
        running.faults(deny=["ec2:CreateSnapshot"])
        case.run("acquire", "disk", volumes["small"], "--wait").refused_with("failed", 1)
        running.well()
        case.run("cancel", "A-0003").ok()
        for verb in ("leases", "custody", "evidence", "accounts", "agent status"):
            case.run(verb).ok()
        for verb in ("leases", "custody", "plan"):
            jumpbag(verb, str(case.path), *(["disk", volumes["small"]] if verb == "plan" else []))
        case.verified()
        case.stop()
        told.sessions = running.calls("sts:AssumeRole", "allow")
        yield told
    finally:
        running.well()
        case.put_down()


def _tags(cloud: Cloud, case: str) -> dict[str, dict[str, str]]:
    """Tags of all snapshots, by id, read with the vendor's own SDK."""
    session = boto3.Session(**_keys(cloud))
    ends: dict[str, Any] = {"verify": cloud.aws["ca_bundle"], "endpoint_url": cloud.endpoint}
    answer = session.client("sts", region_name=REGION, **ends).assume_role(
        RoleArn=f"arn:aws:iam::{PAYMENTS}:role/{cloud.aws['role']}",
        RoleSessionName="the-test",
        ExternalId=cloud.aws["external_id"],
        SourceIdentity="ex-07",
        Tags=[{"Key": "ir-case", "Value": case}],
    )["Credentials"]
    client = boto3.client(
        "ec2",
        region_name=REGION,
        aws_access_key_id=answer["AccessKeyId"],
        aws_secret_access_key=answer["SecretAccessKey"],
        aws_session_token=answer["SessionToken"],
        **ends,
    )
    snapshots = client.describe_snapshots(OwnerIds=["self"])["Snapshots"]
    return {one["SnapshotId"]: {tag["Key"]: tag["Value"] for tag in one.get("Tags", [])} for one in snapshots}


def _keys(cloud: Cloud) -> dict[str, str]:
    lines = cloud.credentials.read_text("utf-8").splitlines()
    table = dict(line.split(" = ", 1) for line in lines if " = " in line)
    return {name: table[name] for name in ("aws_access_key_id", "aws_secret_access_key")}


def _intents(case: Case) -> dict[str, tuple[str, dict[str, Any]]]:
    """(SHA-256 of the line, body) of every intent, by corr."""
    found = {}
    for line in case.lines():
        body = json.loads(line)["b"]
        if body["phase"] == "intent":
            found[body["corr"]] = (hashlib.sha256(line).hexdigest(), body)
    return found


# -- the cloud's record --------------------------------------------------------------------------------------


def test_every_snapshot_carries_the_head_of_the_log(story: Story) -> None:
    case, cloud = story.case, story.cloud
    made = cloud.of_case(case.id, "ec2:CreateSnapshot", "allow")
    assert len(made) == 2
    tags = _tags(cloud, case.id)
    intents = {head: body for head, body in _intents(case).values() if body["op"] == "snapshot.create"}
    outcomes = {body["corr"]: body for body in case.events("snapshot.create") if body["phase"] != "intent"}
    heads = []
    for call in made:
        snapshot = next(arn.rpartition("/")[2] for arn in call["resources"] if ":snapshot/" in arn)
        head = tags[snapshot]["jumpbag:head"]
        heads.append(head)
        intent = intents[head]
        assert intent["ts"] < call["time"], "the call left before its intent was in the log"
        outcome = outcomes[intent["corr"]]
        assert outcome["phase"] == "result" and outcome["resource"] == snapshot
        assert outcome["request_id"] == call["request_id"]
        assert tags[snapshot]["ir-case"] == case.id
    assert len(set(heads)) == len(heads)


def test_every_session_is_a_lease_in_the_log(story: Story) -> None:
    case = story.case
    acts = [body for body in case.events() if body["op"] in ("lease.issue", "lease.renew")]
    intents = {body["corr"]: body for body in acts if body["phase"] == "intent"}
    issued = {body["request_id"]: body for body in acts if body["phase"] == "result"}
    closed = [body["corr"] for body in acts if body["phase"] == "abandoned"]
    unanswered = [intents[corr] for corr in closed]  # under way when the agent was killed
    for call in story.sessions:
        body = issued.pop(call["request_id"], None)
        if body is None:
            assert unanswered, f"a session that no lease in the log accounts for: {call}"
            body = unanswered.pop(0)
        assert intents[body["corr"]]["ts"] < call["time"], "the call left before its intent was in the log"
        assert call["resources"] == [intents[body["corr"]]["resource"]]
    assert issued == {}, "a lease in the log that the cloud knows nothing of"
    assert any(body["op"] == "lease.renew" for body in acts)


def test_nothing_else_was_changed(story: Story) -> None:
    case, cloud = story.case, story.cloud
    changed = [call for call in cloud.of_case(case.id, decision="allow") if call["mutating"]]
    assert {call["action"] for call in changed} == {"ec2:CreateSnapshot"}
    denied = cloud.of_case(case.id, "ec2:CreateSnapshot", "deny")
    refused = [body for body in case.events("case.note") if body["params"].get("note") == "rehearsal refused"]
    assert denied and [call["request_id"] for call in denied] == [body["request_id"] for body in refused]


def test_every_block_was_read_within_a_run(story: Story) -> None:
    """Each lease that blocks were read under has one evidence.read run, opened before; no run claims more."""
    case, cloud = story.case, story.cloud
    runs = {body["lease"]: body for body in case.events("evidence.read") if body["phase"] == "intent"}
    reads = cloud.of_case(case.id, "ebs:GetSnapshotBlock", "allow")
    sessions = {call["session"] for call in reads}
    assert len(sessions) >= 2
    assert sessions <= {f"jumpbag-{case.id}-{lease}" for lease in runs}
    for body in case.events("evidence.read", phase="result"):
        if body["params"]["blocks"]:
            assert f"jumpbag-{case.id}-{body['lease']}" in sessions, body
    for call in reads:
        assert runs[call["session"].rpartition(f"{case.id}-")[2]]["ts"] < call["time"]


# -- secrets -------------------------------------------------------------------------------------------------


def _canaries(cloud: Cloud) -> dict[str, bytes]:
    """Everything that must be nowhere: the base secret key, and every session the cloud ever issued."""
    found = {"the base secret key": _keys(cloud)["aws_secret_access_key"].encode()}
    stores = [one for one in gc.get_objects() if isinstance(one, Identities)]
    for store in stores:
        for principal in _principals(store):
            if principal.token:
                found[f"the secret key of {principal.session}"] = principal.secret.encode()
                found[f"the session token of {principal.session}"] = principal.token.encode()
    assert len(found) > 10, "the cloud issued hardly any session: nothing would be proven"
    return found


def _principals(store: Identities) -> list[Any]:
    return [
        value
        for held in vars(store).values()
        if isinstance(held, dict)
        for value in held.values()
        if hasattr(value, "token") and hasattr(value, "secret")
    ]


def _disguises(secret: bytes) -> set[bytes]:
    """Raw, hex, URL-encoded, and base64 at each of the three offsets at which it may stand in a longer text."""
    text = secret.decode()
    forms = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    forms |= {quote(text, safe="").encode(), quote_plus(text).encode(), json.dumps(text)[1:-1].encode()}
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(bytes(shift) + secret).rstrip(b"=")
            forms.add(whole[4 if shift else 0 : -2])
    return {form for form in forms if len(form) >= 16}


def _texts(story: Story) -> Iterator[tuple[str, bytes]]:
    home = story.case.jumpbag.home
    for path in home.rglob("*"):
        if path.is_file() and path.name != "disk.raw":
            yield str(path.relative_to(home)), path.read_bytes()
    for name in ("engine.sqlite", "case.sqlite"):
        with sqlite3.connect(f"file:{story.case.path / name}?mode=ro", uri=True) as database:
            yield f"the rows of {name}", "\n".join(database.iterdump()).encode("utf-8", "surrogateescape")
    yield from story.seen.items()
    for answer in story.case.jumpbag.heard:
        yield (
            " ".join(("jumpbag", *answer.arguments)),
            (answer.out + answer.err).encode("utf-8", "surrogateescape"),
        )


def test_no_secret_is_left_anywhere(story: Story) -> None:
    wanted = {form: name for name, secret in _canaries(story.cloud).items() for form in _disguises(secret)}
    looked = 0
    for where, content in _texts(story):
        looked += 1
        for form, name in wanted.items():
            assert form not in content, f"{name} stands in {where}"
    assert looked > 40


def test_the_search_would_find_one(story: Story) -> None:
    """The proof of the test above: a secret planted in any of the disguises is found."""
    secret = next(iter(_canaries(story.cloud).values()))
    forms = _disguises(secret)
    for planted in (secret, base64.b64encode(b"x" + secret + b"y"), secret.hex().encode(), quote(secret).encode()):
        assert any(form in b"before " + planted + b" after" for form in forms), planted


def test_the_engine_keeps_no_pickle(story: Story) -> None:
    with sqlite3.connect(f"file:{story.case.path / 'engine.sqlite'}?mode=ro", uri=True) as database:
        codecs = {row[0] for row in database.execute("SELECT DISTINCT serialization FROM workflow_status")}
    assert codecs == {"portable_json"}, codecs


def test_files_are_for_their_owner_alone(story: Story) -> None:
    for path in (story.case.path, *story.case.path.rglob("*")):
        assert not path.lstat().st_mode & 0o077, f"{path} is open to others: {oct(path.lstat().st_mode)}"
    state = story.case.jumpbag.home / ".local"
    for path in state.rglob("*"):
        if path.is_file():
            assert not path.lstat().st_mode & 0o077, path


@pytest.mark.slow
def test_the_read_model_is_rebuilt_from_the_log(story: Story) -> None:
    """case.sqlite is disposable: gone or garbage, the next verb has the same rows again."""
    case = story.case
    before = case.acquisitions()
    case.stop()
    for garbage in (None, b"not a database at all\n" * 100):
        for name in ("case.sqlite", "case.sqlite-wal", "case.sqlite-shm"):
            Path(case.path / name).unlink(missing_ok=True)
        if garbage:
            (case.path / "case.sqlite").write_bytes(garbage)
            (case.path / "case.sqlite").chmod(0o600)
        after = case.acquisitions()
        assert {acq: (row["state"], row["item"]) for acq, row in after.items()} == {
            acq: (row["state"], row["item"]) for acq, row in before.items()
        }
        case.stop()
