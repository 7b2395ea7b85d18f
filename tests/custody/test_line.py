from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from app.custody import Signer
from app.custody.line import LineReader, NotCanonical, decode, format_line, raw_line, signed_bytes, split
from app.custody.plain import plain
from tests.tools import need

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(body=st.dictionaries(st.text(), values, max_size=5))
def test_what_is_formatted_parses_to_the_same_bytes(body: dict[str, Any]) -> None:
    signers = [Signer.generate(), Signer.generate()]
    line = format_line(body, signers)
    assert line.endswith(b"]}\n") and line.count(b"\n") == 1
    parts = split(line[:-1])
    assert parts is not None
    assert parts.body == rfc8785.dumps(body)
    assert decode(parts.body) == body
    assert [signature.keyid for signature in parts.signatures] == [signer.keyid for signer in signers]
    assert [s.value for s in parts.signatures] == [s.sign(signed_bytes(parts.body)) for s in signers]


def test_a_hostile_text_does_not_move_the_cut(signer: Signer) -> None:
    body = {"summary": '","s":[{"k":"0123456789abcdef","v":"'}
    parts = split(format_line(body, [signer])[:-1])
    assert parts is not None and decode(parts.body) == body


def test_openssl_agrees(signer: Signer, tmp_path: Path) -> None:
    need("openssl", "openssl")
    parts = split(format_line({"a": "é"}, [signer])[:-1])
    assert parts is not None
    (tmp_path / "key.pem").write_bytes(signer.pem)
    (tmp_path / "message").write_bytes(signed_bytes(parts.body))
    (tmp_path / "signature").write_bytes(parts.signatures[0].value)
    check = "pkeyutl -verify -pubin -inkey key.pem -rawin -in message -sigfile signature"
    assert subprocess.run(["openssl", *check.split()], cwd=tmp_path, capture_output=True).returncode == 0
    text = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", "key.pem"], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    assert text == signer.pem


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b'{"b":', b'{ "b":', 1),
        lambda line: line + b" ",
        lambda line: line.replace(b'"s":[', b'"s": ['),
        lambda line: line.replace(b'=="}]}', b'=="}],"x":1}'),
        lambda line: line.replace(b'=="}]}', b'=="},]}'),
        lambda line: line.replace(b'"k":"', b'"k":"F'),
        lambda line: line[: line.rindex(b'{"k"')] + b"]}",
        lambda line: line[:-2] + b"," + line[line.rindex(b'{"k"') :],
        lambda line: line.replace(b'=="}]}', b'="}]}'),
        lambda line: line[:-7] + b"B" + line[-6:],
    ],
)
def test_lines_that_do_not_follow_the_grammar(signer: Signer, change: Any) -> None:
    line = format_line({"a": 1}, [signer])[:-1]
    assert split(line) is not None
    assert change(line) != line
    assert split(change(line)) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1.5}',
        b'{"a":1e3}',
        b'{"a":-0}',
        b'{"a":9007199254740992}',
        b'{"a":NaN}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a": 1}',
        b"",
        b"[" * 5000 + b"]" * 5000,
        b'{"a":' + b"9" * 5000 + b"}",
    ],
)
def test_bodies_that_are_not_canonical(body: bytes) -> None:
    with pytest.raises(NotCanonical):
        decode(body)


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=6))
def test_lines_are_cut_alike_however_the_pieces_fall(data: bytes, cuts: list[int]) -> None:
    reader, found = LineReader(), []
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        found += list(reader.feed(data[start:end]))
    expected = data.split(b"\n")
    assert found == [raw_line(number, line) for number, line in enumerate(expected[:-1], 1)]
    assert reader.tail_size == len(expected[-1])


def test_a_line_of_any_length_is_hashed_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.custody.line.MAX_LINE", 10)
    data = b"short\n" + b"x" * 25 + b"\nend\n"
    for size in (1, 7, 100):
        reader = LineReader()
        found = [line for at in range(0, len(data), size) for line in reader.feed(data[at : at + size])]
        whole = [raw_line(number, line) for number, line in enumerate(data.split(b"\n")[:-1], 1)]
        assert [line.data for line in found] == [b"short", None, b"end"]
        for got, expected in zip(found, whole, strict=True):
            assert (got.size, got.sha256, got.leaf) == (expected.size, expected.sha256, expected.leaf)
            assert got.sha256_bare == expected.sha256_bare


def test_values_from_elsewhere_become_what_a_log_may_hold() -> None:
    given_ = {
        "size_bytes": 5,
        "bytes": 2**70,
        "n": 2**60,
        "x": None,
        "f": 1.5,
        "s": "\ud800",
        "l": (1, None, {"offset": 0}),
    }
    assert plain(given_) == {
        "size_bytes": "5",
        "bytes": str(2**70),
        "n": str(2**60),
        "f": "1.5",
        "s": "\\ud800",
        "l": [1, {"offset": "0"}],
    }
    assert json.loads(rfc8785.dumps(plain(given_)))
