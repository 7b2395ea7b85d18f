"""The parts by themselves: index, journal, digest map, verdicts, pace, supply."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import faults
from app.model import TransferSpec
from app.ports import FetchSpec
from app.transfer.answers import Good, Refusal, judge_block, judge_error, request_id
from app.transfer.digests import DigestMap
from app.transfer.index import RUN, BlockIndex, IndexWriter
from app.transfer.journal import RECORD_BYTES, Journal
from app.transfer.listing import Listing
from app.transfer.pace import Pace
from app.transfer.shape import block_count, block_length, zero_digest
from app.transfer.storage import preflight
from app.transfer.supply import Supply
from tests.transfer.kit import BLOCK, FAULTS

SHAPE = TransferSpec(size_bytes=5000 * BLOCK, block_size=BLOCK)
TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=100)
SPEC = FetchSpec(
    url="https://host/{index}?t={token}",
    sigv4="",
    ca_bundle=None,
    checksum_header="X-Sum",
    checksum_encoding="base64",
    length_header="X-Length",
    request_id_header="X-Id",
    error_header="X-Error",
    faults=FAULTS,
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.integers(0, 4999), TOKENS, max_size=200), st.integers(1, 50))
def test_an_index_gives_back_what_it_was_given(blocks: dict[int, str], page: int) -> None:
    listed = sorted(blocks.items())
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "index"
        with IndexWriter(path, SHAPE) as writer:
            for at in range(0, len(listed), page):
                writer.add(listed[at : at + page])
            writer.finish().close()
        index = BlockIndex(path)
        runs = [index.run(number) for number in range(index.runs)]
        index.close()
    assert [block for run in runs for block in run] == listed
    assert index.count == len(listed) and all(len(run) == RUN for run in runs[:-1])


def test_an_index_that_is_cut_short_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with IndexWriter(path, SHAPE) as writer:
        writer.add([(index, f"token-{index}") for index in range(100)])
        writer.finish().close()
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(faults.Broken):
            BlockIndex(path)


def test_a_listing_that_broke_off_leaves_the_old_index(tmp_path: Path) -> None:
    path = tmp_path / "index"
    with IndexWriter(path, SHAPE) as writer:
        writer.add([(1, "old")])
        writer.finish().close()
    with pytest.raises(RuntimeError), IndexWriter(path, SHAPE) as writer:
        writer.add([(1, "new")])
        raise RuntimeError
    index = BlockIndex(path)
    assert index.run(0) == [(1, "old")]
    index.close()


RECORDS = st.lists(
    st.tuples(st.integers(0, 4999), st.binary(min_size=32, max_size=32), st.booleans()), max_size=100
)


@settings(deadline=None, max_examples=50)
@given(RECORDS, st.integers(1, RECORD_BYTES - 1), st.data())
def test_a_journal_gives_back_all_but_its_torn_tail(
    records: list[tuple[int, bytes, bool]], torn: int, data: st.DataObject
) -> None:
    records = [(index, digest, zero) for index, digest, zero in records if any(digest)]
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "journal"
        journal = Journal(path, SHAPE, "snap-1")
        cut = data.draw(st.integers(0, len(records)))
        journal.append(records[:cut])
        journal.append(records[cut:])
        journal.sync()
        journal.close()
        with path.open("ab") as file:
            file.write(os.urandom(torn))
        assert _load(path) == {index: digest for index, digest, _zero in records}
        again = Journal(path, SHAPE, "snap-1")
        known = DigestMap(path.with_name("map"), block_count(SHAPE))
        again.load(known)
        again.append([(4999, b"\x07" * 32, False)])
        again.close()
        known.close()
        assert _load(path)[4999] == b"\x07" * 32, "records after a torn tail are read"


def _load(path: Path) -> dict[int, bytes]:
    journal = Journal(path, SHAPE, "snap-1")
    known = DigestMap(path.with_name("map"), block_count(SHAPE))
    try:
        assert journal.load(known) == len(known)
        found = dict(known.items())
        assert found == {index: known.get(index) for index in found}
        return found
    finally:
        journal.close()
        known.close()


def test_a_damaged_record_costs_one_block(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, SHAPE, "snap-1")
    journal.append([(index, bytes([index + 1]) * 32, False) for index in range(10)])
    journal.close()
    data = bytearray(path.read_bytes())
    data[-5 * RECORD_BYTES + 9] ^= 1
    path.write_bytes(data)
    assert sorted(_load(path)) == [0, 1, 2, 3, 4, 6, 7, 8, 9]


def test_a_journal_is_of_one_snapshot_and_shape(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(path, SHAPE, "snap-1").close()
    Journal(path, SHAPE, "snap-1").close()
    Journal(path, SHAPE, None).close()
    other = TransferSpec(size_bytes=SHAPE.size_bytes + BLOCK, block_size=BLOCK)
    for shape, snapshot in ((SHAPE, "snap-2"), (other, "snap-1"), (other, None)):
        with pytest.raises(faults.Broken, match="another snapshot or disk size"):
            Journal(path, shape, snapshot)
    path.write_bytes(b"garbage")
    with pytest.raises(faults.Broken, match="damaged"):
        Journal(path, SHAPE, "snap-1")
    with pytest.raises(faults.Usage):
        Journal(tmp_path / "none", SHAPE, None)


@settings(deadline=None, max_examples=50)
@given(
    st.dictionaries(st.integers(0, 20_000), st.binary(min_size=32, max_size=32).filter(any), max_size=60),
    st.sets(st.integers(0, 20_000), max_size=20),
    st.tuples(st.integers(0, 20_001), st.integers(0, 20_001)),
)
def test_a_digest_map_is_a_map(blocks: dict[int, bytes], dropped: set[int], span: tuple[int, int]) -> None:
    with tempfile.TemporaryDirectory() as home:
        known = DigestMap(Path(home) / "map", 20_001)
        for index, digest in blocks.items():
            assert known.put(index, digest)
        for index in dropped:
            known.drop(index)
        left = {index: digest for index, digest in blocks.items() if index not in dropped}
        assert dict(known.items()) == left and len(known) == len(left)
        assert list(known.items(*span)) == sorted((i, d) for i, d in left.items() if span[0] <= i < span[1])
        assert all(index not in known and known.get(index) is None for index in dropped)
        known.close()


def _headers(body: bytes, **other: str) -> dict[str, str]:
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    return {"x-sum": digest, "x-length": str(len(body))} | other


def test_a_block_is_good_only_with_its_length_and_checksum() -> None:
    body = os.urandom(4096)

    def judged(data: bytes, headers: dict[str, str], length: int = 4096) -> Good | Refusal:
        return judge_block(memoryview(data), headers, SPEC, block_size=4096, length=length)

    assert judged(body, _headers(body)) == Good(hashlib.sha256(body).digest(), False)
    assert judged(bytes(4096), _headers(bytes(4096))) == Good(zero_digest(4096), True)
    short = body[:100]
    padded = short + bytes(3996)
    assert judged(short, _headers(short), 100) == judged(padded, _headers(padded), 100)
    assert judged(padded, _headers(padded), 100) == Good(hashlib.sha256(short).digest(), False)
    refused = [
        judged(body[:-1], _headers(body[:-1])),
        judged(b"", _headers(b"")),
        judged(body, _headers(body) | {"x-length": "4095"}),
        judged(body, _headers(body) | {"x-length": ""}),
        judged(body, _headers(body[:-1]) | {"x-length": "4096"}),
        judged(body, {"x-length": "4096"}),
        judged(body, _headers(body) | {"x-sum": "not base64"}),
        judged(body, _headers(body) | {"x-sum": "AAAA"}),
    ]
    assert all(isinstance(one, Refusal) and one.kind == "mismatch" and not one.final for one in refused)
    beyond = judged(body, _headers(body), 100)
    assert isinstance(beyond, Refusal) and beyond.kind == "untrusted" and beyond.final


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (400, {}, {"Reason": "ACCOUNT_THROTTLED"}, "throttled"),
        (400, {}, {"Reason": "INVALID_BLOCK_TOKEN", "__type": "ValidationException"}, "relist"),
        (403, {"x-error": "ExpiredTokenException:http://internal/"}, {}, "expired"),
        (403, {}, {"__type": "com.amazonaws.ebs#AccessDeniedException"}, "denied"),
        (404, {}, {"code": "ResourceNotFoundException"}, "gone"),
        (400, {"x-error": "ExpiredTokenException"}, {"Reason": "SOMETHING_NEW"}, "expired"),
        (400, {}, {"Reason": ["not", "a", "string"]}, "denied"),
        (418, {}, {}, "denied"),
        (429, {}, {}, "throttled"),
        (503, {}, {}, "unavailable"),
        (302, {"x-error": "ExpiredTokenException"}, {}, "untrusted"),
        (206, {}, {}, "untrusted"),
    ],
)
def test_errors_by_their_codes(status: int, headers: dict[str, str], body: dict[str, object], kind: str) -> None:
    assert judge_error(status, headers, json.dumps(body).encode(), SPEC).kind == kind


@given(st.integers(201, 599), st.binary(max_size=200), st.text(max_size=50))
def test_no_answer_upsets_the_judge(status: int, body: bytes, code: str) -> None:
    refusal = judge_error(status, {"x-error": code}, body, SPEC)
    assert refusal.kind and refusal.text.isascii() and refusal.text.isprintable()


def test_request_ids_are_plain() -> None:
    assert request_id({"x-id": "abc-123"}, SPEC) == "abc-123"
    for odd in ("", "a b", "a\x1b[2J", "x" * 500, "naïve"):
        assert request_id({"x-id": odd}, SPEC) is None


def test_pace_spreads_requests_and_gives_way() -> None:
    pace = Pace(100.0, 16, 0.0)
    sent = 0
    now = 0.0
    while now < 1.0:
        wait = pace.take(now)
        sent += not wait
        now += wait or 0.0001
    assert 95 <= sent <= 106
    pace.throttled(1.0)
    pace.throttled(1.5)  # the same congestion
    assert (pace.rate, pace.width) == (50.0, 8)
    for second in range(2, 40):
        pace.throttled(float(second))
    assert pace.rate > 0 and pace.width == 1
    for _ in range(2000):
        pace.answered()
    assert (pace.rate, pace.width) == (100.0, 16)


def test_supply_hands_out_each_missing_block_once(tmp_path: Path) -> None:
    with IndexWriter(tmp_path / "index", SHAPE) as writer:
        writer.add([(index, f"t{index}") for index in range(0, 5000, 2)])
        listing = Listing(writer.finish(), SHAPE, writer.last)
    known = DigestMap(tmp_path / "map", block_count(SHAPE))
    for index in range(0, 4000, 4):
        known.put(index, b"\x01" * 32)
    supply = Supply(listing, known)
    first, _more = supply.take(10)
    supply.give_back(first[:3])
    handed = [index for index, _token in first[3:]]
    more = True
    while more:
        blocks, more = supply.take(100_000)
        handed += [index for index, _token in blocks]
    assert sorted(handed) == [index for index in range(0, 5000, 2) if index not in known]
    assert supply.take(5) == ([], False)
    supply.close()
    known.close()


@given(st.integers(1, 10**15), st.sampled_from([512, 4096, 512 * 1024]))
def test_blocks_add_up_to_the_image(size: int, block: int) -> None:
    shape = TransferSpec(size_bytes=size, block_size=block)
    count = block_count(shape)
    assert (count - 1) * block + block_length(shape, count - 1) == size


def test_preflight_says_what_is_missing(tmp_path: Path) -> None:
    preflight(tmp_path, SHAPE, 1000, min_free=0)
    with pytest.raises(faults.StorageFull, match="MiB free"):
        preflight(tmp_path, SHAPE, 1 << 60, min_free=0)
    with pytest.raises(faults.StorageFull, match="cannot hold a file of"):
        preflight(tmp_path, TransferSpec(size_bytes=(1 << 63) - 1, block_size=BLOCK), None, min_free=0)
    assert list(tmp_path.iterdir()) == []


def test_a_stopped_load_ends_early(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", SHAPE, "snap-1")
    journal.append([(1, b"\x01" * 32, False)])
    known = DigestMap(tmp_path / "map", block_count(SHAPE))
    stop = threading.Event()
    stop.set()
    assert journal.load(known, stop) == 0
    journal.close()
    known.close()
