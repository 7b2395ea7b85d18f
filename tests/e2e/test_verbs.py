"""Every verb as the contract has it: keys, exit codes, errors of one line, and no control byte for a terminal."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.case.folder import VERBS
from app.config import AgentSettings
from providers.emulators.range import DEFAULT_SCENARIO, RangeThread
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.packs import PAYMENTS
from tests.e2e.processes import Process, gone, naming
from tests.e2e.runner import Answer, Case, Jumpbag, one_line
from tests.e2e.waiting import until
from tests.tools import need

PLAN = {"kind", "target", "route", "why", "steps", "leases", "estimate", "warnings"}
STEP = {"id", "title", "effect", "call", "account", "resource", "undo"}
COST = {
    "unit": "USD/1000000",
    "reading": 6145,  # 2,048 blocks x $0.003 / 1,000, and one request at $0.0006 / 1,000
    "crossing": 0,
    "passing": 0,
    "once": 6145,
    "monthly": 50_000,
    "prices": "list prices of us-east-1 (2025)",
    "uncounted": ["traffic out of eu-west-1"],
}
"""Of a disk of 1 GiB that is not encrypted."""
LEASE_OF_PLAN = {"account", "role", "steps", "policy", "policy_bytes", "renewals"}
KEYS = {
    "accounts": {"cloud", "id", "name", "path", "forensics", "reachable", "reason"},
    "resources": {
        *("cloud", "account", "region", "kind", "id", "name", "tags", "eligible", "reason", "size_bytes"),
        "attached_to",
    },
    "acquisitions": {
        *("id", "kind", "target", "route", "state", "step", "bytes_done", "bytes_total", "rate", "eta_s"),
        *("error", "item"),
    },
    "leases": {"id", "cloud", "account", "principal", "scope", "issued", "expires", "remaining_s", "state"},
    "evidence": {"id", "acquisition", "kind", "path", "bytes", "sha256", "sealed"},
    "agent status": {"pid", "state", "survives_logout", "leases", "running"},
    "case show": {"id", "path", "title", "ticket", "opened", "log", "evidence_dir"},
    "verify": {
        *("ok", "key", "trust", "events", "lines", "chain", "signatures", "checkpointed_to", "anchored_to"),
        *("live", "open_intents", "items", "first_bad_line", "reason"),
    },
}


@pytest.fixture(scope="module")
def done(jumpbag: Jumpbag, running: Cloud) -> Iterator[Case]:
    """A case with one acquisition done, in a path that nobody expects."""
    jumpbag.cases = jumpbag.home / "cases of Zoë \u2014 2026"
    jumpbag.env["JUMPBAG_CASES"] = str(jumpbag.cases)
    case = jumpbag.create("IR-9", running)
    try:
        case.run("acquire", "disk", case.volumes()["small"], "--wait").ok()
        yield case
    finally:
        case.put_down()


def keys(value: Any, wanted: set[str]) -> None:
    """All of the contract's keys are there, in each row."""
    rows = value if isinstance(value, list) else [value]
    assert rows
    for row in rows:
        assert wanted <= set(row), wanted - set(row)


@pytest.mark.parametrize("verb", sorted(KEYS))
def test_keys(done: Case, verb: str) -> None:
    keys(done.run(verb).ok().json, KEYS[verb])


def test_keys_of_a_plan(done: Case, cloud: Cloud) -> None:
    before = len([call for call in cloud.calls() if call["mutating"] and call["action"] != "sts:AssumeRole"])
    volume = done.volumes()["small"]
    for target in (volume, f"aws:{PAYMENTS}:{volume}"):
        plan = done.run("plan", "disk", target).ok().json
        assert set(plan) == PLAN and plan["target"] == volume and plan["route"] == "direct"
        assert all(set(step) == STEP for step in plan["steps"])
        assert all(set(lease) == LEASE_OF_PLAN for lease in plan["leases"])
        assert all(len(lease["policy"]) == lease["policy_bytes"] <= 2048 for lease in plan["leases"])
        assert all(json.loads(lease["policy"])["Statement"] for lease in plan["leases"])
        assert set(plan["estimate"]) == {"bytes", "seconds", "cost"}
        assert plan["estimate"]["cost"] == COST
        assert all(isinstance(warning, str) for warning in plan["warnings"])
    after = len([call for call in cloud.calls() if call["mutating"] and call["action"] != "sts:AssumeRole"])
    assert before == after, "a plan changed something"


def test_a_case_keeps_the_prices_that_it_was_made_with(jumpbag: Jumpbag, cloud: Cloud, done: Case) -> None:
    aws = tomllib.loads(cloud.config.read_text("utf-8"))["aws"]
    config = cloud.configured("priced", aws={**aws, "prices": {"store_gib_month": 0.0235, "read_1000_blocks": 0}})
    made = jumpbag("case", "create", "IR-10", "--title", "t", "--ticket", "T", "--config", str(config), "--json")
    case = Case(jumpbag, Path(made.ok().json["path"]))
    try:
        volume = done.volumes()["small"]
        cost = case.run("plan", "disk", volume).ok().json["estimate"]["cost"]
        assert (cost["reading"], cost["monthly"]) == (1, 23_500)  # what is left of a cent is rounded up
        assert cost["prices"] == "prices of this case's configuration"
        told = jumpbag("plan", str(case.path), "disk", volume).ok().out
        assert "at most $0.01 to read; $0.03 a month for what is kept; prices of this case's conf" in told
    finally:
        case.put_down()


def test_keys_of_nested_objects(done: Case) -> None:
    volume = done.run("resources", "--kind", "volume").ok().json[0]
    assert set(volume["attached_to"]) == {"id", "name", "device"} and isinstance(volume["tags"], dict)
    report = done.run("verify").ok().json
    assert all({"id", "ok", "reason"} <= set(item) for item in report["items"])
    bodies = done.run("custody").ok().json
    assert [body["seq"] for body in bodies] == list(range(1, len(bodies) + 1))


def test_filters(done: Case) -> None:
    def ids(*filters: str) -> set[str]:
        return {row["id"] for row in done.run("resources", *filters).ok().json}

    every, volumes, eligible = ids(), ids("--kind", "volume"), ids("--kind", "volume", "--eligible")
    assert eligible < volumes < every
    assert ids("--tag", "Name=small") == {done.volumes()["small"]}
    assert ids("--region", "mars-north-1") == set() == ids("--cloud", "azure")
    assert ids("--account", PAYMENTS, "--kind", "volume") == volumes
    assert done.run("resources", "--tag", "Name").refused(2)["next"]


def test_case_list_and_doctor_and_info(done: Case, jumpbag: Jumpbag) -> None:
    keys(jumpbag("case", "list", "--json").ok().json, KEYS["case show"])
    for answer in (done.run("doctor"), jumpbag("doctor", "--json")):
        assert answer.code in (0, 1)
        assert all(set(row) == {"check", "ok", "detail", "fix"} for row in answer.json)
    told = {row["name"]: row for row in jumpbag("info", "--json").ok().json}
    assert told["cases"]["value"] == str(jumpbag.cases) and told["cases"]["set_by"] == "JUMPBAG_CASES"


def told_by_info(jumpbag: Jumpbag) -> dict[str, dict[str, Any]]:
    rows = jumpbag("info", "--json").ok().json
    assert all(set(row) == {"name", "value", "set_by"} for row in rows)
    return {row["name"]: row for row in rows}


def test_info_has_every_setting_and_what_set_it(jumpbag: Jumpbag) -> None:
    file = jumpbag.home / ".config" / "jumpbag" / "config.toml"
    assert told_by_info(jumpbag)["agent.idle_exit"] == {
        "name": "agent.idle_exit",
        "value": AgentSettings().idle_exit,
        "set_by": "default",
    }
    file.parent.mkdir(parents=True)
    try:
        file.write_text(
            "[agent]\nidle_exit = 77\n"
            '[aws]\nforensics_account = "111111111111"\nrole = "r"\nregions = ["eu-west-1"]\n'
            '[aws.endpoints]\nsts = "https://127.0.0.1:1"\n'
        )
        told = told_by_info(jumpbag)
        assert told["config"]["value"] == str(file)
        for name, value, by in (
            ("agent.idle_exit", 77, str(file)),
            ("agent.workers", 0, "default"),
            ("signing.protection", "passphrase", "default"),
            ("aws.tag", "Forensics=Enabled", "default"),
            ("aws.regions", ["eu-west-1"], str(file)),
            ("aws.endpoints.sts", "https://127.0.0.1:1", str(file)),
            ("aws.endpoints.ec2", None, "default"),
        ):
            assert told[name] == {"name": name, "value": value, "set_by": by}
        assert f"77   ({file})" in jumpbag("info").ok().out
        file.write_text("[agent]\nidle_exit = 'soon'\n")
        told = told_by_info(jumpbag)
        assert "agent.idle_exit" in told["config"]["value"] and "whole number" in told["config"]["value"]
        assert "agent.idle_exit" not in told
        harmless(jumpbag("info"))
    finally:
        shutil.rmtree(file.parent)


def test_a_kind_or_cloud_that_is_none_is_refused(done: Case) -> None:
    assert "'snapshot'" in done.run("resources", "--kind", "volumes").refused(2)["message"]
    assert "'gcp'" in done.run("resources", "--cloud", "mars").refused(2)["message"]


def test_an_item_is_named_once_it_is_sealed(new_case: NewCase, cloud: Cloud) -> None:
    case = new_case(cloud, workers=1)
    cloud.faults(latency_ms=[250, 300])
    acq = case.acquire(case.volumes()["many"])
    until("an item's id is set aside", lambda: (row := case.row(acq)) is not None and row.item)
    case.run("pause", acq).ok()
    assert case.acquisitions()[acq]["item"] is None and case.run("evidence").ok().json == []
    cloud.well()
    case.run("resume", acq).ok()
    case.reached(acq, "done")
    assert case.acquisitions()[acq]["item"] == case.run("evidence").ok().json[0]["id"]


def test_a_line_is_named_once(done: Case, jumpbag: Jumpbag, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(done.path, changed, ignore=shutil.ignore_patterns("*.sqlite*"))
    log = changed / "custody" / "events.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([lines[0], lines[1].replace(b'"ts":"2', b'"ts":"1'), *lines[2:]]))
    answer = jumpbag("verify", str(changed), "--log-only")
    assert answer.code == 1
    assert answer.err.startswith("jumpbag: line 2: ") and answer.err.count("line 2:") == 1


def test_a_lease_is_dropped_on_request(done: Case) -> None:
    done.run("accounts").ok()
    live = [row for row in done.run("leases").ok().json if row["state"] == "live"]
    assert live and all(0 < row["remaining_s"] <= 3600 for row in live)
    lease = live[-1]["id"]
    assert done.run("lease revoke", lease).ok().json["lease"] == lease
    assert {row["id"]: row["state"] for row in done.run("leases").ok().json}[lease] == "revoked"
    assert done.run("lease revoke", lease).refused(2)["next"]
    done.settled()
    done.verified()
    done.run("accounts").ok()


@pytest.mark.parametrize("verb", ["acquisitions", "custody"])
def test_following_ends_with_130(done: Case, verb: str) -> None:
    process = done.jumpbag.start(verb, str(done.path), "--follow", "--json")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["id" if verb == "acquisitions" else "op"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130 and err == ""


# -- errors --------------------------------------------------------------------------------------------------

GARBAGE = [
    "\x1b]52;c;AAAA\x07",
    "../../etc/passwd",
    "",
    "a" * 5000,
    "vol-\u202e\u0000x".replace("\0", ""),
    "-7",
    "'; --",
]


def harmless(answer: Answer) -> None:
    """Nothing that steers a terminal, no traceback, one line of error."""
    for text in (answer.out, answer.err):
        assert "Traceback" not in text, answer
        assert not [char for char in text if (ord(char) < 32 and char != "\n") or 127 <= ord(char) < 160], answer
        assert "\u202e" not in text and "\u200b" not in text, answer
    if answer.code != 0 and "usage:" not in answer.err:
        one_line(answer.err)


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(text, id=str(number), marks=pytest.mark.slow if number else ())
        for number, text in enumerate(GARBAGE)
    ],
)
def test_garbage_for_arguments(done: Case, jumpbag: Jumpbag, garbage: str) -> None:
    path = str(done.path)
    for arguments in (
        ("case", "show", garbage),
        ("case", "create", garbage, "--title", garbage, "--ticket", garbage, "--config", garbage),
        ("plan", path, "disk", garbage),
        ("plan", path, garbage, "vol-0123456789abcdef0"),
        ("plan", path, "disk", f"aws:{garbage}:vol-0123456789abcdef0"),
        ("acquire", path, "disk", garbage),
        ("pause", path, garbage),
        ("resume", path, garbage),
        ("lease", "revoke", path, garbage),
        ("verify", garbage),
        ("verify", path, "--key", garbage),
        ("acquisitions", path, "--passphrase-fd", garbage),
        ("range", "serve", "--scenario", garbage),
        (garbage,),
        (garbage, garbage),
    ):
        if garbage == "" and arguments[0] in ("verify", "range"):
            continue  # the present directory
        for more in ((), ("--json",)):
            answer = jumpbag(*arguments, *more)
            harmless(answer)
            if more and arguments[0] != "verify":
                assert set(answer.json["error"]) == {"code", "message", "next"}, answer
            assert answer.code in (1, 2, 3, 4), (arguments, answer)


def test_names_of_verbs_are_no_case_ids(jumpbag: Jumpbag) -> None:
    for name in sorted(VERBS):
        answer = jumpbag("case", "create", name, "--title", "t", "--ticket", "t", "--json")
        assert answer.code == 2, name
        harmless(answer)


def test_a_second_case_of_that_name(done: Case, jumpbag: Jumpbag, running: Cloud) -> None:
    again = ("case", "create", done.id, "--title", "t", "--ticket", "t", "--config", str(running.config))
    assert jumpbag(*again, "--json").refused(2)["next"]


def test_broken_configurations(jumpbag: Jumpbag, tmp_path: Path) -> None:
    for name, text in {
        "not-toml": "[aws\n",
        "unknown": "[aws]\nrole = 'x'\nforensics_account = '111111111111'\nrolle = 'x'\n",
        "secret": "[aws]\nsecret_access_key = 'x'\n",
        "http": "[aws]\nrole='x'\nforensics_account='111111111111'\n[aws.endpoints]\nsts='http://example.com'\n",
        "binary": "\udcff\udcfe",
        "type": "[agent]\nworkers = 'many'\n",
        "escape": '[examiner]\nid = "\\u001b[2J"\n',
    }.items():
        config = tmp_path / f"{name}.toml"
        config.write_bytes(text.encode("utf-8", "surrogateescape"))
        answer = jumpbag(
            "case", "create", f"X-{name}", "--title", "t", "--ticket", "t", "--config", str(config), "--json"
        )
        assert answer.refused(2)["message"].count(str(config)) == 1, answer
        harmless(answer)
        assert not (jumpbag.cases / f"X-{name}").exists()
    answer = jumpbag("case", "create", "X-1", "--title", "t", "--ticket", "t", "--config", str(tmp_path), "--json")
    answer.refused(2)


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("case.toml", b"[case\n"),
        pytest.param("case.toml", b"", marks=pytest.mark.slow),
        pytest.param("case.toml", b"case = 7\n", marks=pytest.mark.slow),
        pytest.param("case.toml", b"\xff\xfe\x00", marks=pytest.mark.slow),
        pytest.param("custody/events.jsonl", b"", marks=pytest.mark.slow),
        (
            "custody/events.jsonl",
            b'{"b":{"op":7},"s":[]}\n[]\n\xff\n{"b":{"op":"evidence.seal","phase":"result"}}\n',
        ),
        ("case.sqlite", b"not a database"),
        pytest.param("engine.sqlite", b"not a database", marks=pytest.mark.slow),
    ],
)
def test_a_broken_case(done: Case, jumpbag: Jumpbag, tmp_path: Path, what: str, content: bytes) -> None:
    """Whatever is wrong with it, each verb says so in one line, and ``verify`` does not call it sound."""
    done.stop()
    broken = tmp_path / "a broken case"
    shutil.copytree(done.path, broken, ignore=shutil.ignore_patterns("evidence", "*.sqlite*"))
    if what.endswith("sqlite"):
        (broken / "evidence").mkdir()
    (broken / what).write_bytes(content)
    case = Case(jumpbag, broken)
    try:
        for verb in ("case show", "custody", "evidence", "leases", "acquisitions", "agent status", "doctor"):
            for answer in (case.run(verb), jumpbag(*verb.split(), str(broken))):
                harmless(answer)
                assert answer.code in (0, 1, 2), (verb, answer)
        answer = case.run("verify")
        harmless(answer)
        assert answer.code == 1
    finally:
        shutil.copy(done.path / "case.toml", broken / "case.toml")
        case.put_down()


def test_a_case_that_may_not_be_read(jumpbag: Jumpbag, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    closed = tmp_path / "closed"
    (closed / "custody").mkdir(parents=True)
    closed.chmod(0)
    try:
        answer = jumpbag("verify", str(closed), "--json")
        assert answer.code == 2
        harmless(answer)
    finally:
        closed.chmod(0o700)


def test_nothing_is_there(jumpbag: Jumpbag) -> None:
    for arguments in (
        ("verify", "/nowhere"),
        ("accounts", "IR-404"),
        ("agent", "stop", "IR-404"),
        ("custody", "/"),
    ):
        assert jumpbag(*arguments, "--json").refused(2)["message"]


@pytest.mark.parametrize(
    ("verb", "choices"),
    [("agent", "status|stop"), ("case", "create|list|show"), ("lease", "revoke"), ("range", "serve")],
)
def test_without_its_second_word_a_verb_names_the_choices(jumpbag: Jumpbag, verb: str, choices: str) -> None:
    assert choices in jumpbag(verb, "--json").refused(2)["message"]


def test_options_alone_are_no_verb(jumpbag: Jumpbag) -> None:
    assert "VERB" in jumpbag("--json").refused(2)["message"]


def test_a_pack_that_cannot_be_served(jumpbag: Jumpbag, tmp_path: Path) -> None:
    bad = tmp_path / "bad pack"
    bad.mkdir()
    (bad / "scenario.toml").write_text('[scenario]\nname = "x"\nspeeed = 3\n')
    serve = ("range", "serve", "--scenario", str(bad))
    error = jumpbag(*serve, "--json").refused(2)
    assert error["code"] == "usage" and "scenario.toml" in error["message"] and error["next"]
    answer = jumpbag(*serve)
    assert answer.code == 2 and answer.out == ""
    assert answer.err == f"jumpbag: {error['message'].rstrip('.')}. Next: {error['next'].rstrip('.')}.\n"

    answer = jumpbag("demo", "--no-ui", "--scenario", str(bad), "--dir", str(tmp_path / "demo"), "--json")
    assert answer.code == 2 and answer.json == {"error": error}
    assert answer.err.splitlines()[-1].startswith(f"jumpbag: {error['message'].rstrip('.')}")


def test_clouds_with_nowhere_to_say_they_are_ready(jumpbag: Jumpbag, pack: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "ready.json"
    answer = jumpbag("range", "serve", "--scenario", str(pack), "--ready-file", str(nowhere), "--json")
    assert str(nowhere.parent) in answer.refused(1)["message"]


def test_a_demo_ends_its_own_clouds_and_a_guest_leaves_them(jumpbag: Jumpbag, pack: Path, tmp_path: Path) -> None:
    demo = ("demo", "--no-ui", "--json", "--scenario", str(pack), "--dir", str(tmp_path / "demo"))

    def told(process: subprocess.Popen[str]) -> dict[str, Any]:
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if line == "}\n":
                break
        value: dict[str, Any] = json.loads(text)
        return value

    def interrupted(process: subprocess.Popen[str]) -> str:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=15)
        assert process.returncode == 0 and "Traceback" not in err
        return err

    first = jumpbag.start(*demo)
    again = None
    try:
        host = told(first)
        guest = told(again := jumpbag.start(*demo))
        assert set(host) == {"case", "config", "endpoints", "pid"} and guest == host
        interrupted(again)
        clouds = Process.of(host["pid"])
        assert clouds.alive, "a guest ended the clouds of another"
        assert "new case" not in interrupted(first)
        gone([clouds], within=10.0)
        other = told(first := jumpbag.start(*demo))
        assert Path(other["case"]).name == "IR-43"
        err = interrupted(first)
        assert "The clouds of IR-42 have ended" in err
        until("the clouds end", lambda: not Path(f"/proc/{other['pid']}").exists(), within=10.0)
    finally:
        for process in (first, again):
            if process is not None and process.poll() is None:
                process.kill()
                process.communicate(timeout=15)
        for left in naming(str(tmp_path / "demo")):
            left.kill()


def test_without_a_terminal_there_is_no_ui(done: Case, jumpbag: Jumpbag) -> None:
    answer = jumpbag(str(done.path))
    assert answer.code == 2
    harmless(answer)


def test_help_and_version(jumpbag: Jumpbag) -> None:
    assert jumpbag("--version").ok().out.startswith("jumpbag ")
    for verb in (*sorted(VERBS - {"help"}), "case create", "range serve", "agent stop", "lease revoke"):
        assert "usage: jumpbag" in jumpbag(*verb.split(), "--help").ok().out


def test_a_reader_that_goes_away(done: Case) -> None:
    """``jumpbag custody | head -1`` is no error."""
    process = done.jumpbag.start("custody", str(done.path))
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(10) in (0, 1, 141)


# -- names that try to steer the terminal ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(jumpbag: Jumpbag, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    need("mke2fs", "e2fsprogs")
    with RangeThread(DEFAULT_SCENARIO, tmp_path_factory.mktemp("shipped")) as embedded:
        case = jumpbag.create("IR-66", Cloud(embedded.config_path))
        try:
            yield case
        finally:
            case.put_down()


def test_hostile_names_reach_no_terminal(hostile: Case, jumpbag: Jumpbag) -> None:
    path = str(hostile.path)
    rows = jumpbag("resources", path, "--json").ok().json
    steering = [
        row
        for row in rows
        if any(ord(char) < 32 or char == "\u202e" for char in json.dumps(row, ensure_ascii=False))
    ]
    assert len(steering) >= 2, "the scenario's hostile names did not arrive"
    volumes = [row["id"] for row in rows if row["kind"] == "volume" and row["eligible"]]
    hosts = {row["id"] for row in steering}
    target = next(
        row["id"] for row in rows if row["kind"] == "volume" and (row["attached_to"] or {}).get("id") in hosts
    )
    for arguments in (
        ("accounts", path),
        ("resources", path),
        ("resources", path, "--eligible"),
        ("plan", path, "disk", target if target in volumes else volumes[0]),
        ("doctor", path),
        ("leases", path),
    ):
        harmless(jumpbag(*arguments))
    hostile.run("acquire", "disk", target if target in volumes else volumes[0], "--reason", "\x1b[2J\u202e").ok()
    for verb in ("acquisitions", "custody", "evidence"):
        harmless(jumpbag(verb, path))
    until("the acquisition is on the board", lambda: hostile.row("A-0001"))
    hostile.run("cancel", "A-0001")


def test_the_account_that_refuses_says_why(hostile: Case) -> None:
    rows = {row["name"]: row for row in hostile.run("accounts").ok().json}
    assert rows["legacy"]["reachable"] is False and rows["legacy"]["reason"]
    assert rows["payments-prod"]["reachable"] is True and rows["payments-prod"]["path"] == "Workloads/Prod"
