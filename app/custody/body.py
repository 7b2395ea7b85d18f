"""The body of an event: which members it has, of which form. The writer and the verifier share this code."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from app.custody.vocabulary import ACTS, FACTS, OUTCOMES, PHASES
from app.text import visible

_HEX64 = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"(?:[0-9a-f]{2})+")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,38}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_OP = re.compile(r"[a-z][a-z0-9_-]*\.[a-z][a-z0-9_-]*")
_ROOT = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST_SIZE = {"md5": 32, "sha1": 40, "sha224": 56, "sha256": 64, "sha384": 96, "sha512": 128}
_STAGES = ("source", "transfer", "rest", "reverify")
_READ_OUTCOME = {"blocks", "bytes", "retries", "first_request_id", "last_request_id"}
_READ_COUNTS = ("blocks", "bytes", "retries")

SEALED_TAGS = "tagmanifest-sha256.txt"
SEALED_IMAGE = "data/disk.raw"
SEALED_BLOCKS = "blocks.tsv"

INTEGERS = frozenset({"v", "seq", "line", "size", "uid", "blocks", "retries", "max_err_us"})
"""Members that are integers, at whatever depth they stand."""


class Malformed(ValueError):
    """What is wrong with a body, in words."""


def decimal_member(name: str) -> bool:
    """Whether a member of that name holds a decimal string."""
    return name in ("bytes", "offset", "mono_ns") or name.endswith("_bytes")


def is_case_id(text: object) -> bool:
    """Whether ``text`` may be a case id (that it is no verb's name is the business of who creates it)."""
    return isinstance(text, str) and _CASE.fullmatch(text) is not None


def is_id(text: object, letter: str) -> bool:
    """Whether ``text`` is such an id as ``E-0001``; ids grow past four digits."""
    return isinstance(text, str) and re.fullmatch(letter + r"-(?:[0-9]{4}|[1-9][0-9]{4,17})", text) is not None


def is_hex64(text: object) -> bool:
    """Whether ``text`` is a SHA-256 in lower-case hex."""
    return isinstance(text, str) and _HEX64.fullmatch(text) is not None


def is_decimal(text: object) -> bool:
    """Whether ``text`` is a decimal string without leading zeros."""
    return isinstance(text, str) and _DECIMAL.fullmatch(text) is not None


def keyid_of(public: bytes) -> str:
    """The first 16 hex digits of SHA-256 over the raw public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def read_key(value: object) -> tuple[str, bytes]:
    """``{"id","pub"}`` as (id, raw public key); Malformed if they do not belong together."""
    if not isinstance(value, dict) or value.keys() != {"id", "pub"}:
        raise Malformed("key is not {id, pub}")
    keyid, pub = value["id"], value["pub"]
    if not isinstance(keyid, str) or not isinstance(pub, str) or _ROOT.fullmatch(pub) is None:
        raise Malformed("key.pub is not the base64 of 32 bytes")
    raw = base64.b64decode(pub)
    if keyid != keyid_of(raw):
        raise Malformed("key.id is not the id of key.pub")
    return keyid, raw


def read_root(value: object) -> bytes:
    """The base64 of a 32-byte root; Malformed if it is not."""
    if not isinstance(value, str) or _ROOT.fullmatch(value) is None:
        raise Malformed("root is not the base64 of 32 bytes")
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise Malformed("root is not base64") from None


def check(body: object) -> list[str]:
    """Check the form of a decoded body; returns warnings, raises Malformed with the first thing wrong."""
    if not isinstance(body, dict):
        raise Malformed("the body is not an object")
    for name, required in _MEMBERS.items():
        if required and name not in body:
            raise Malformed(f"{name} is missing")
    for name, value in body.items():
        if name not in _MEMBERS:
            raise Malformed(f"{visible(name, cap=40)} is no member of an event")
        checker = _FORMS.get(name)
        if checker is not None:
            checker(name, value)
    warnings = _op_and_phase(body["op"], body["phase"])
    _outcome(body)
    _params(body)
    _named(body, "", 0)
    return warnings


# -- forms -----------------------------------------------------------------------------------------


def _text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise Malformed(f"{name} is not a text")


def _string(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise Malformed(f"{name} is not a text")


def _matches(pattern: re.Pattern[str], what: str) -> Callable[[str, object], None]:
    def look(name: str, value: object) -> None:
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise Malformed(f"{name} is not {what}")

    return look


def _id_form(letter: str) -> Callable[[str, object], None]:
    def look(name: str, value: object) -> None:
        if not is_id(value, letter):
            raise Malformed(f"{name} is not an id like {letter}-0001")

    return look


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed(f"{name} is not an integer")
    return value


def _exactly(name: str, value: object, members: Iterable[str]) -> dict[str, Any]:
    wanted = set(members)
    if not isinstance(value, dict) or value.keys() != wanted:
        raise Malformed(f"{name} does not have exactly the members {', '.join(sorted(wanted))}")
    return value


def _version(name: str, value: object) -> None:
    if _whole(name, value) != 1:
        raise Malformed("v is not 1")


def _seq(name: str, value: object) -> None:
    if _whole(name, value) < 1:
        raise Malformed("seq is below 1")


def _ts(name: str, value: object) -> None:
    if not isinstance(value, str) or _TS.fullmatch(value) is None:
        raise Malformed("ts is not of the form YYYY-MM-DDTHH:MM:SS.ffffffZ")
    try:
        datetime.fromisoformat(value[:-1] + "+00:00")
    except ValueError:
        raise Malformed("ts is no date and time") from None


def _clk(name: str, value: object) -> None:
    clk = _exactly(name, value, ("sync", "max_err_us"))
    if not isinstance(clk["sync"], bool):
        raise Malformed("clk.sync is not true or false")
    if clk["max_err_us"] is not None and _whole("clk.max_err_us", clk["max_err_us"]) < 0:
        raise Malformed("clk.max_err_us is negative")


def _actor(name: str, value: object) -> None:
    _text("actor.id", _exactly(name, value, ("id",))["id"])


def _host(name: str, value: object) -> None:
    host = _exactly(name, value, ("name", "machine_id_hash", "uid", "ssh_client"))
    _text("host.name", host["name"])
    _matches(_HEX64, "64 hex digits")("host.machine_id_hash", host["machine_id_hash"])
    if _whole("host.uid", host["uid"]) < 0:
        raise Malformed("host.uid is negative")
    if host["ssh_client"] is not None:
        _text("host.ssh_client", host["ssh_client"])


def _tool(name: str, value: object) -> None:
    tool = _exactly(name, value, ("name", "version", "python"))
    if tool["name"] != "jumpbag":
        raise Malformed("tool.name is not jumpbag")
    _text("tool.version", tool["version"])
    _text("tool.python", tool["python"])


def _authority(name: str, value: object) -> None:
    if not isinstance(value, dict) or not value:
        raise Malformed("authority is not an object")
    for member, text in value.items():
        if member not in ("ticket", "approved_by", "scope", "valid_until"):
            raise Malformed(f"authority has the member {visible(member, cap=40)}")
        _string(f"authority.{member}", text)


def _outcome_form(name: str, value: object) -> None:
    outcome = _exactly(name, value, ("code", "error"))
    _text("outcome.code", outcome["code"])
    if outcome["error"] is not None and not isinstance(outcome["error"], str):
        raise Malformed("outcome.error is neither a text nor null")


def _digests(name: str, value: object) -> None:
    if not isinstance(value, list) or not value:
        raise Malformed("digests is not a list")
    for entry in value:
        digest = _exactly("an entry of digests", entry, ("of", "alg", "hex", "bytes", "stage"))
        _text("digests.of", digest["of"])
        _text("digests.alg", digest["alg"])
        _matches(_HEX, "lower-case hex")("digests.hex", digest["hex"])
        if len(digest["hex"]) != _DIGEST_SIZE.get(digest["alg"], len(digest["hex"])):
            raise Malformed(f"digests.hex is not as long as {digest['alg']} is")
        _decimal("digests.bytes", digest["bytes"])
        if digest["stage"] not in _STAGES:
            raise Malformed("digests.stage is none of " + ", ".join(_STAGES))


def _coverage(name: str, value: object) -> None:
    coverage = _exactly(name, value, ("expected_bytes", "read_bytes", "unreadable"))
    _decimal("coverage.expected_bytes", coverage["expected_bytes"])
    _decimal("coverage.read_bytes", coverage["read_bytes"])
    if not isinstance(coverage["unreadable"], list):
        raise Malformed("coverage.unreadable is not a list")
    missing = 0
    for entry in coverage["unreadable"]:
        part = _exactly("an entry of coverage.unreadable", entry, ("offset", "bytes"))
        _decimal("coverage.unreadable.offset", part["offset"])
        _decimal("coverage.unreadable.bytes", part["bytes"])
        missing += int(part["bytes"])
    if int(coverage["read_bytes"]) + missing != int(coverage["expected_bytes"]):
        raise Malformed("coverage does not add up: read and unreadable bytes are not the expected bytes")


def _object(name: str, value: object) -> None:
    if not isinstance(value, dict):
        raise Malformed(f"{name} is not an object")


def _decimal(name: str, value: object) -> None:
    if not is_decimal(value):
        raise Malformed(f"{name} is not a decimal string")


_MEMBERS: dict[str, bool] = {
    **dict.fromkeys(("v", "log", "seq", "prev", "ts", "mono_ns", "boot_id", "clk", "op", "phase", "corr"), True),
    **dict.fromkeys(("actor", "host", "tool", "summary"), True),
    **dict.fromkeys(("cloud", "account", "region", "resource", "request_id", "principal", "authority"), False),
    **dict.fromkeys(("acq", "item", "lease", "params", "outcome", "digests", "coverage"), False),
}

_FORMS: Mapping[str, Callable[[str, object], None]] = {
    "v": _version,
    "log": _matches(_UUID, "a lower-case UUID"),
    "seq": _seq,
    "prev": _matches(_HEX64, "64 hex digits"),
    "ts": _ts,
    "mono_ns": _decimal,
    "boot_id": _text,
    "clk": _clk,
    "op": _matches(_OP, "of the form noun.verb"),
    "phase": _text,
    "corr": _text,
    "actor": _actor,
    "host": _host,
    "tool": _tool,
    "summary": _text,
    **dict.fromkeys(("cloud", "account", "region", "resource", "request_id", "principal"), _string),
    "authority": _authority,
    "acq": _id_form("A"),
    "item": _id_form("E"),
    "lease": _id_form("L"),
    "params": _object,
    "outcome": _outcome_form,
    "digests": _digests,
    "coverage": _coverage,
}


# -- what belongs together ---------------------------------------------------------------------------


def _op_and_phase(op: str, phase: str) -> list[str]:
    if phase not in PHASES:
        raise Malformed("phase is none of " + ", ".join(sorted(PHASES)))
    if op in FACTS:
        if phase != "fact":
            raise Malformed(f"{op} is a fact and has no phase {phase}")
    elif op in ACTS:
        if phase == "fact":
            raise Malformed(f"{op} is an act and is never a fact")
    else:
        return [f"the op {visible(op, cap=60)} is unknown to this version"]
    return []


def _outcome(body: dict[str, Any]) -> None:
    phase = body["phase"]
    if (phase in OUTCOMES) != ("outcome" in body):
        raise Malformed(
            f"outcome {'is missing from' if phase in OUTCOMES else 'stands in'} an event of phase {phase}"
        )
    if phase in OUTCOMES and (phase == "result") != (body["outcome"] == {"code": "ok", "error": None}):
        raise Malformed(f"outcome does not fit the phase {phase}")


def _params(body: dict[str, Any]) -> None:
    op, phase = body["op"], body["phase"]
    params = body.get("params", {})
    if op == "case.open":
        _exactly("params", params, ("case", "case_toml_sha256", "key"))
        if not is_case_id(params["case"]):
            raise Malformed("params.case is not a case id")
        _matches(_HEX64, "64 hex digits")("params.case_toml_sha256", params["case_toml_sha256"])
        read_key(params["key"])
    elif op in ("key.add", "key.rotate"):
        read_key(params.get("key"))
    elif op == "config.change":
        _matches(_HEX64, "64 hex digits")("params.case_toml_sha256", params.get("case_toml_sha256"))
    elif op == "log.checkpoint":
        _exactly("params", params, ("size", "root", "note_sha256"))
        if _whole("params.size", params["size"]) < 1:
            raise Malformed("params.size is below 1")
        read_root(params["root"])
        _matches(_HEX64, "64 hex digits")("params.note_sha256", params["note_sha256"])
    elif op == "log.recovered":
        _fragments(params.get("fragments"))
    elif op == "evidence.read" and phase in OUTCOMES:
        _read_outcome(phase, params)
    elif op == "evidence.seal" and phase == "result":
        _seal(body)


def _fragments(value: object) -> None:
    if not isinstance(value, list):
        raise Malformed("params.fragments is not a list")
    for entry in value:
        fragment = _exactly("an entry of params.fragments", entry, ("line", "bytes", "sha256"))
        if _whole("params.fragments.line", fragment["line"]) < 1:
            raise Malformed("params.fragments.line is below 1")
        _decimal("params.fragments.bytes", fragment["bytes"])
        _matches(_HEX64, "64 hex digits")("params.fragments.sha256", fragment["sha256"])


def _read_outcome(phase: str, params: dict[str, Any]) -> None:
    if not params.keys() <= _READ_OUTCOME:
        raise Malformed(
            "params of an evidence.read outcome has members beyond " + ", ".join(sorted(_READ_OUTCOME))
        )
    for name in _READ_COUNTS:
        if name not in params and phase == "result":
            raise Malformed(f"params.{name} of an evidence.read result is missing")
    for name in params.keys() & {"first_request_id", "last_request_id"}:
        _string(f"params.{name}", params[name])


def _seal(body: dict[str, Any]) -> None:
    if "item" not in body or "digests" not in body:
        raise Malformed("an evidence.seal result has no item or no digests")
    names = [digest["of"] for digest in body["digests"]]
    if sorted(names) not in ([SEALED_TAGS], sorted([SEALED_TAGS, SEALED_IMAGE, SEALED_BLOCKS])):
        raise Malformed(
            "digests of an evidence.seal result do not name the tag manifest, the image and its blocks"
        )
    if any(digest["alg"] != "sha256" or digest["stage"] != "rest" for digest in body["digests"]):
        raise Malformed("digests of an evidence.seal result are not all sha256 at rest")


_NULLS = frozenset({"clk.max_err_us", "host.ssh_client", "outcome.error"})


def _named(value: object, path: str, depth: int) -> None:
    """What holds for every member, however deep: decimal strings, integers, and where null may stand."""
    if isinstance(value, dict):
        for name, member in value.items():
            here = f"{path}.{name}" if path else name
            if member is None and here not in _NULLS:
                raise Malformed(f"{visible(here, cap=60)} is null")
            if decimal_member(name):
                _decimal(visible(here, cap=60), member)
            elif name in INTEGERS and member is not None:
                _whole(visible(here, cap=60), member)
            _named(member, here, depth + 1)
    elif isinstance(value, list):
        for member in value:
            if member is None:
                raise Malformed(f"{visible(path, cap=60)} holds a null")
            _named(member, path + "[]", depth + 1)
