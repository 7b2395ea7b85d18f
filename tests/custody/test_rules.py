"""The rules of the format, one by one, on logs forged by someone who holds the key."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from app.custody import Signer, verify
from app.custody.verify import Verification
from tests.custody import bags
from tests.custody.cases import SETTINGS, Forge


def bad(forge: Forge, line: int | None = None, why: str = "") -> Verification:
    found = verify(forge.path)
    assert found.exit_code == 1, found
    assert found.ok is False
    if line is not None:
        assert found.first_bad_line == line, found.faults
    assert why in (found.reason or ""), found.reason
    return found


def good(forge: Forge) -> Verification:
    found = verify(forge.path)
    assert found.exit_code == 0, found.faults
    return found


def test_the_smallest_log(forge: Forge) -> None:
    forge.open()
    found = good(forge)
    assert (found.events, found.checkpointed_to, found.trust) == (1, None, "self-asserted")


CHANGES: dict[str, dict[str, Any]] = {
    "v": {"v": 2},
    "v as a text": {"v": "1"},
    "v as true": {"v": True},
    "seq": {"seq": 3},
    "seq as true": {"seq": True},
    "prev": {"prev": "0" * 64},
    "log": {"log": "00000000-0000-0000-0000-000000000008"},
    "ts without microseconds": {"ts": "2026-11-23T09:00:00Z"},
    "ts that never was": {"ts": "2026-02-30T09:00:00.000000Z"},
    "mono_ns as an integer": {"mono_ns": 5},
    "mono_ns with a zero before": {"mono_ns": "05"},
    "no boot_id": {"boot_id": ...},
    "clk without sync": {"clk": {"max_err_us": 1}},
    "clk with more": {"clk": {"sync": True, "max_err_us": 1, "src": "x"}},
    "max_err_us as a text": {"clk": {"sync": True, "max_err_us": "1"}},
    "op of one word": {"op": "note"},
    "phase unknown": {"phase": "done"},
    "a fact as an intent": {"phase": "intent"},
    "actor as a text": {"actor": "kim"},
    "actor with a name": {"actor": {"id": "kim", "display": "Kim"}},
    "host without uid": {"host": {"name": "a", "machine_id_hash": "0" * 64, "ssh_client": None}},
    "host.name null": {"host": {"name": None, "machine_id_hash": "0" * 64, "uid": 0, "ssh_client": None}},
    "tool of another name": {"tool": {"name": "other", "version": "1", "python": "3"}},
    "no summary": {"summary": ...},
    "a null member": {"region": None},
    "an unknown member": {"note": "hello"},
    "outcome in a fact": {"outcome": {"code": "ok", "error": None}},
    "acq of no form": {"acq": "A-1"},
    "item with a zero too many": {"item": "E-00001"},
    "lease in another letter": {"lease": "A-0001"},
    "params as a list": {"params": []},
    "bytes as an integer, deep down": {"params": {"a": [{"x_bytes": 4}]}},
    "size as a text": {"params": {"size": "4"}},
    "blocks as a text": {"params": {"x": {"blocks": "4"}}},
    "authority with more": {"authority": {"ticket": "T", "why": "x"}},
    "digests with an upper-case hex": {
        "digests": [{"of": "x", "alg": "sha256", "hex": "AA" * 32, "bytes": "1", "stage": "rest"}]
    },
    "digests of another length": {
        "digests": [{"of": "x", "alg": "sha256", "hex": "aa", "bytes": "1", "stage": "rest"}]
    },
    "digests of no stage": {
        "digests": [{"of": "x", "alg": "sha256", "hex": "aa" * 32, "bytes": "1", "stage": "disk"}]
    },
    "coverage that does not add up": {
        "coverage": {"expected_bytes": "9", "read_bytes": "4", "unreadable": [{"offset": "4", "bytes": "4"}]}
    },
    "corr of an earlier event": {"corr": "c1"},
    "a second case.open": {"op": "case.open"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_members(forge: Forge, name: str) -> None:
    forge.open()
    forge.event("case.note", **CHANGES[name])
    found = bad(forge, 2)
    assert found.signatures is True


def test_coverage_and_ids_that_are_right(forge: Forge) -> None:
    forge.open()
    forge.event(
        "case.note",
        acq="A-10000",
        coverage={"expected_bytes": "9", "read_bytes": "5", "unreadable": [{"offset": "5", "bytes": "4"}]},
        params={"deep": [{"bytes": "18446744073709551616", "uid": 0}]},
    )
    good(forge)


def test_unknown_ops_and_a_clock_that_steps_back_are_warnings(forge: Forge) -> None:
    forge.open()
    forge.event("moon.phase")
    forge.event("case.note", ts="2026-11-22T00:00:00.000000Z")
    found = good(forge)
    assert any("moon.phase" in warning for warning in found.warnings)
    assert any("line 3: the clock went back" in warning for warning in found.warnings)


def test_event_one_must_open_the_case(forge: Forge) -> None:
    forge.event("case.note")
    bad(forge, 1)


@pytest.mark.parametrize(
    "params",
    [
        {"case": "-x", "case_toml_sha256": "0" * 64},
        {"case": "IR-7", "case_toml_sha256": "0" * 63},
        {"case": "IR-7", "case_toml_sha256": hashlib.sha256(SETTINGS).hexdigest(), "more": 1},
    ],
)
def test_case_open_params(forge: Forge, params: dict[str, Any]) -> None:
    pub = base64.b64encode(forge.signer.public).decode()
    forge.event("case.open", params=params | {"key": {"id": forge.signer.keyid, "pub": pub}})
    bad(forge, 1)


def test_the_key_of_case_open_must_be_the_signer(forge: Forge) -> None:
    forge.signers = [Signer.generate()]
    forge.open()
    found = bad(forge, 1, "not in force")
    assert found.signatures is False


def test_bodies_that_are_not_canonical_are_no_events(forge: Forge) -> None:
    forge.open()
    body = rfc8785.dumps(forge.event("case.note", write=False))
    for broken in (
        body.replace(b'{"actor"', b'{ "actor"'),
        body.replace(b'"v":1', b'"v":1.0'),
        body.replace(b'"v":1', b'"v":1,"v":1'),
        body.replace(b'"uid":1000', b'"uid":9007199254740992'),
        body.replace(b"Something", b"Some\xfething"),
        body.replace(b"Something", b"Some\\u0074hing"),
    ):
        assert broken != body
        forge.lines[1:] = [forge.signed(broken)]
        forge.append(b"")
        found = bad(forge, 2)
        assert found.events == 1


def test_signatures(forge: Forge) -> None:
    forge.open()
    stranger = Signer.generate()
    forge.signers = [forge.signer, stranger]
    forge.event("case.note")
    assert bad(forge, 2, "not in force").signatures is False


def test_a_second_signer_is_admitted_and_never_leads(forge: Forge) -> None:
    second = Signer.generate()
    forge.open()
    forge.add_key("key.add", second)
    forge.signers = [forge.signer, second]
    forge.event("case.note")
    good(forge)
    forge.signers = [second, forge.signer]
    forge.event("case.note")
    bad(forge, 4, "first signature")


def test_rotation(forge: Forge) -> None:
    old, new = forge.signer, Signer.generate()
    forge.open()
    forge.add_key("key.rotate", new)
    forge.signers, forge.signer = [new], new
    forge.event("case.note")
    forge.checkpoint()
    found = verify(forge.path, old.fingerprint)
    assert (found.exit_code, found.trust, found.key) == (0, "pinned", old.keyid)
    assert any(new.keyid in sentence for sentence in found.not_proven)
    forge.signers = [old]
    forge.event("case.note")
    bad(forge, 5, "not in force")


def test_rotation_is_signed_by_the_old_key_alone(forge: Forge) -> None:
    second = Signer.generate()
    forge.open()
    forge.add_key("key.add", second)
    forge.signers = [forge.signer, second]
    forge.add_key("key.rotate", Signer.generate())
    bad(forge, 3, "alone")


def test_intents_and_outcomes(forge: Forge) -> None:
    forge.open()
    forge.event("snapshot.create", "intent", corr="x")
    found = good(forge)
    assert [(i.line, i.op, i.corr) for i in found.open_intents] == [(2, "snapshot.create", "x")]
    forge.event("snapshot.create", "failed", corr="x")
    forge.event("snapshot.create", "intent", corr="y")
    forge.event("snapshot.create", "abandoned", corr="y")
    assert good(forge).open_intents == []
    forge.event("snapshot.create", "result", corr="y")
    bad(forge, 6, "no open intent")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"op": "disk.create"}, 3),
        ({"outcome": {"code": "gone", "error": None}}, 3),
        ({"outcome": ...}, 3),
        ({"outcome": {"code": "ok"}}, 3),
        ({"phase": "failed", "outcome": {"code": "ok", "error": None}}, 3),
    ],
)
def test_outcomes_that_do_not_fit(forge: Forge, changes: dict[str, Any], line: int) -> None:
    forge.open()
    forge.event("snapshot.create", "intent", corr="x")
    forge.event("snapshot.create", "result", **{"corr": "x"} | changes)
    bad(forge, line)


def test_an_evidence_read_says_what_it_read(forge: Forge) -> None:
    forge.open()
    params = {"blocks": 2, "bytes": "1024", "retries": 0, "first_request_id": "a", "last_request_id": "b"}
    forge.event("evidence.read", "intent", corr="x")
    forge.event("evidence.read", "result", corr="x", params=params)
    good(forge)
    forge.event("evidence.read", "intent", corr="y")
    forge.event("evidence.read", "result", corr="y", params={"blocks": 2})
    bad(forge, 5)


def test_case_close_wants_no_open_intent(forge: Forge) -> None:
    forge.open()
    forge.event("tag.set", "intent", corr="x")
    forge.event("case.close")
    bad(forge, 3, "open at case.close")


def test_config_change_binds_the_new_settings(forge: Forge) -> None:
    forge.open()
    changed = SETTINGS + b"# more\n"
    (forge.path / "case.toml").write_bytes(changed)
    assert bad(forge).first_bad_file == "case.toml"
    forge.event("config.change", params={"case_toml_sha256": hashlib.sha256(changed).hexdigest()})
    good(forge)


# -- fragments ---------------------------------------------------------------------------------------


def test_declared_fragments(forge: Forge) -> None:
    forge.open()
    forge.append(b'{"b":{"torn\n')
    forge.append(b"\n")
    forge.append(b"\x00\xff\n")
    forge.event("log.recovered", params={"fragments": forge.fragments(2, 3, 4)})
    forge.event("case.note")
    found = good(forge)
    assert (found.lines, found.events) == (6, 3)


def test_fragments_before_event_one(forge: Forge) -> None:
    forge.append(b"torn\n")
    forge.open()
    bad(forge, 1)
    forge.append(b"torn again\n")
    forge.event("log.recovered", params={"fragments": forge.fragments(1, 3)})
    good(forge)


@pytest.mark.parametrize(
    "declare",
    [
        lambda f: [],
        lambda f: f.fragments(3),
        lambda f: f.fragments(3, 2),
        lambda f: f.fragments(2, 3)[:1] + f.fragments(3, 3),
        lambda f: [entry | {"bytes": "9"} for entry in f.fragments(2, 3)],
        lambda f: f.fragments(2, 3) + f.fragments(1),
    ],
)
def test_fragments_declared_wrongly(forge: Forge, declare: Callable[[Forge], Any]) -> None:
    forge.open()
    forge.append(b"one\n")
    forge.append(b"two\n")
    forge.event("log.recovered", params={"fragments": declare(forge)})
    bad(forge, 4)


def test_a_fragment_nobody_declares(forge: Forge) -> None:
    forge.open()
    forge.append(b"torn\n")
    bad(forge, 2)
    forge.event("case.note")
    bad(forge, 2)


def test_an_event_with_a_wrong_seq_is_no_fragment(forge: Forge) -> None:
    forge.open()
    forge.event("case.note", seq=7)
    forge.seq = 1
    forge.event("log.recovered", params={"fragments": forge.fragments(2)})
    bad(forge, 2, "seq")


# -- checkpoints -------------------------------------------------------------------------------------


def test_checkpoints(forge: Forge) -> None:
    forge.open()
    forge.checkpoint()
    forge.event("case.note")
    forge.checkpoint()
    assert good(forge).checkpointed_to == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 2},
        {"size": 0},
        {"size": "1"},
        {"root": base64.b64encode(bytes(32)).decode()},
        {"root": "AAAA"},
        {"note_sha256": "0" * 64},
        {"more": 1},
    ],
)
def test_checkpoint_events_that_are_wrong(forge: Forge, changes: dict[str, Any]) -> None:
    forge.open()
    forge.checkpoint(**changes)
    bad(forge)


def test_checkpoint_sizes_rise_and_cover_the_last_event(forge: Forge) -> None:
    forge.open()
    forge.event("case.note")
    forge.checkpoint(2)
    forge.event("case.note")
    forge.checkpoint(2)
    bad(forge, 5)
    forge.lines, forge.seq = forge.lines[:3], 3
    forge.event("case.note")
    forge.checkpoint(4)
    good(forge)
    forge.checkpoint(4)
    bad(forge, 6)


def test_a_checkpoint_by_another_key(forge: Forge) -> None:
    forge.open()
    note = forge.note(1, signer=Signer.generate())
    root = base64.b64encode(forge.root(1)).decode()
    digest = hashlib.sha256(note).hexdigest()
    forge.event("log.checkpoint", params={"size": 1, "root": root, "note_sha256": digest})
    assert "log key" in (bad(forge).reason or "")


def test_notes_without_events(forge: Forge) -> None:
    forge.open()
    forge.event("case.note")
    forge.note(2)
    assert any("2.note" in warning for warning in good(forge).warnings)
    forge.note(2, root=bytes(32))
    assert bad(forge).first_bad_file == "custody/checkpoints/2.note"
    (forge.path / "custody" / "checkpoints" / "2.note").unlink()
    forge.lines.append(b"x\n")
    forge.note(3)
    assert bad(forge, None, "lines are missing").chain is False


def test_at_most_fifty_events_between_checkpoints(forge: Forge) -> None:
    forge.open()
    for _ in range(49):
        forge.event("case.note")
    good(forge)
    forge.append(b"torn\n")
    forge.event("log.recovered", params={"fragments": forge.fragments(51)})
    good(forge)
    forge.checkpoint()
    for _ in range(51):
        forge.event("case.note")
    bad(forge, len(forge.lines), "50 events")


@pytest.mark.parametrize(
    "op", ["acquisition.finish", "acquisition.cancel", "custody.offer", "custody.accept", "agent.stop"]
)
def test_a_checkpoint_directly_after(forge: Forge, op: str) -> None:
    forge.open()
    forge.event("agent.start")
    forge.event(op)
    forge.event("case.note")
    bad(forge, 4, "not followed by its checkpoint")
    forge.lines, forge.seq = forge.lines[:3], 3
    forge.checkpoint()
    good(forge)


def test_every_outcome_of_an_export_asks_for_a_checkpoint(forge: Forge) -> None:
    forge.open()
    for number, phase in enumerate(("result", "failed", "abandoned")):
        forge.event("evidence.export", "intent", corr=f"x{number}")
        forge.event("evidence.export", phase, corr=f"x{number}")
        forge.checkpoint()
    good(forge)
    forge.event("evidence.export", "intent", corr="y")
    forge.event("evidence.export", "failed", corr="y")
    bad(forge, len(forge.lines) + 1, "not followed by its checkpoint")


def test_a_crash_before_the_checkpoint(forge: Forge) -> None:
    forge.open()
    forge.event("agent.start")
    forge.event("acquisition.finish")
    assert any("ends in a crash" in warning for warning in good(forge).warnings)
    forge.append(b"torn\n")
    forge.event("log.recovered", params={"fragments": forge.fragments(4)})
    forge.event("agent.start")
    forge.event("agent.recover")
    good(forge)
    forge.checkpoint()
    good(forge)
    forge.lines, forge.seq = forge.lines[:-1], forge.seq - 1
    (forge.path / "custody" / "checkpoints" / "7.note").unlink()
    forge.event("case.note")
    bad(forge, 8, "not followed by its checkpoint")


def test_a_restart_without_recovery(forge: Forge) -> None:
    forge.open()
    forge.event("agent.start")
    forge.event("acquisition.finish")
    forge.event("agent.start")
    forge.checkpoint()
    bad(forge, 5)


def test_an_agent_that_stopped_did_not_crash(forge: Forge) -> None:
    forge.open()
    forge.event("agent.start")
    forge.event("agent.stop")
    bad(forge, 4, "not followed by its checkpoint")


# -- seals -------------------------------------------------------------------------------------------


def sealed(forge: Forge, item: str = "E-0001", **changes: Any) -> Path:
    bag = forge.path / "evidence" / item
    bags.build(bag, item=item)
    forge.event("evidence.seal", "intent", corr=f"s{item}", item=item, acq="A-0001")
    members: dict[str, Any] = {"item": item, "acq": "A-0001", "digests": bags.digests(bag)}
    forge.event("evidence.seal", "result", corr=f"s{item}", **members | changes)
    return bag


def test_a_sealed_item(forge: Forge) -> None:
    forge.open()
    sealed(forge)
    assert [(item.id, item.ok) for item in good(forge).items] == [("E-0001", True)]


def _without(entries: list[dict[str, object]], index: int) -> list[dict[str, object]]:
    return entries[:index] + entries[index + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: _without(d, 0),
        lambda d: _without(d, 1),
        lambda d: d[:1],
        lambda d: [*d, d[0]],
        lambda d: [d[0] | {"stage": "source"}, *d[1:]],
        lambda d: [d[0] | {"alg": "md5", "hex": "0" * 32}, *d[1:]],
        lambda d: [d[0] | {"hex": "0" * 64}, *d[1:]],
        lambda d: [d[0], d[1] | {"bytes": "1"}, d[2]],
        lambda d: [d[0], d[1], d[2] | {"of": "blocks"}],
    ],
)
def test_seals_that_do_not_fit_the_bag(forge: Forge, change: Callable[[list[Any]], list[Any]]) -> None:
    bags.build(forge.path / "elsewhere" / "E-0001")
    digests = change(bags.digests(forge.path / "elsewhere" / "E-0001"))
    forge.open()
    sealed(forge, digests=digests)
    bad(forge)


def test_an_item_sealed_twice(forge: Forge) -> None:
    forge.open()
    bag = sealed(forge)
    forge.event("evidence.seal", "intent", corr="again", item="E-0001")
    forge.event("evidence.seal", "result", corr="again", item="E-0001", digests=bags.digests(bag))
    bad(forge, 5, "second time")


def test_a_seal_retried_after_an_interruption(forge: Forge) -> None:
    forge.open()
    forge.event("evidence.seal", "intent", corr="first", item="E-0001", acq="A-0001")
    forge.event("evidence.seal", "abandoned", corr="first", item="E-0001", acq="A-0001")
    sealed(forge)
    good(forge)


def test_an_intent_of_the_item_that_is_open_at_the_seal(forge: Forge) -> None:
    forge.open()
    forge.event("evidence.read", "intent", corr="r", item="E-0001")
    forge.event("evidence.read", "intent", corr="other", item="E-0002")
    sealed(forge)
    bad(forge, 5, "open")


def test_coverage_must_fit_the_image(forge: Forge) -> None:
    forge.open()
    sealed(forge, coverage={"expected_bytes": "5", "read_bytes": "5", "unreadable": []})
    bad(forge)


def test_the_bag_of_another_case(forge: Forge) -> None:
    forge.open()
    bag = forge.path / "evidence" / "E-0001"
    bags.build(bag, case="IR-8")
    forge.event("evidence.seal", "intent", corr="s", item="E-0001", acq="A-0001")
    forge.event("evidence.seal", "result", corr="s", item="E-0001", acq="A-0001", digests=bags.digests(bag))
    assert "Jumpbag-Case" in (bad(forge).reason or "")


def test_promised_anchors(forge: Forge) -> None:
    forge.open()
    forge.checkpoint()
    forge.event("log.anchor", "intent", corr="a")
    forge.event("log.anchor", "result", corr="a", params={"size": 1})
    assert "anchor" in (bad(forge).reason or "")
    (forge.path / "custody" / "anchors").mkdir()
    (forge.path / "custody" / "anchors" / "1.tsa.tsr").write_bytes(b"token")
    found = verify(forge.path)
    assert (found.exit_code, found.anchored_to) == (2, None)
    assert "openssl ts" in (found.reason or "")
