from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.custody import Tree, blocks_root, leaf_hash, zeros_digest
from tests.custody import bags

# The eight leaves of certificate-transparency's own test, and the roots over the first n of them.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def test_the_vectors_of_certificate_transparency() -> None:
    tree = Tree()
    assert tree.root().hex() == ROOTS[0]
    for size, leaf in enumerate(LEAVES, 1):
        tree.append(bytes.fromhex(leaf))
        assert tree.size == size
        assert tree.root().hex() == ROOTS[size]


def test_a_leaf_is_told_from_a_node() -> None:
    assert leaf_hash(b"a" * 64) == hashlib.sha256(b"\x00" + b"a" * 64).digest()


@given(
    blocks=st.lists(st.one_of(st.just(0), st.just(0), st.integers(0, 255)), max_size=70),
    size=st.integers(1, 9),
    last=st.integers(1, 9),
)
def test_the_root_over_blocks_with_holes(blocks: list[int], size: int, last: int) -> None:
    whole = [bytes([value]) * size for value in blocks]
    if whole:
        whole[-1] = whole[-1][: min(last, size)]
    digests = [(i, hashlib.sha256(block).digest()) for i, block in enumerate(whole) if any(block)]
    total = sum(len(block) for block in whole)
    assert blocks_root(len(whole), size, total, digests) == bags.root_over(whole)


def test_a_disk_of_sixteen_million_holes_costs_nothing() -> None:
    count, size = 16 << 20, 512 * 1024
    one = hashlib.sha256(b"data").digest()
    root = blocks_root(count, size, count * size, [(12_345_678, one)])
    tree = Tree()
    hole = leaf_hash(zeros_digest(size))
    levels = [hole]
    while len(levels) <= 24:
        levels.append(hashlib.sha256(b"\x01" + levels[-1] * 2).digest())
    node, index = leaf_hash(one), 12_345_678
    for height in range(24):
        pair = (levels[height], node) if index & 1 else (node, levels[height])
        node, index = hashlib.sha256(b"\x01" + pair[0] + pair[1]).digest(), index >> 1
    assert root == node
    assert tree.size == 0


@pytest.mark.parametrize(
    ("count", "size_bytes", "digests"),
    [
        (3, 8, []),
        (2, 8, [(2, bytes(32))]),
        (2, 8, [(1, bytes(32)), (0, bytes(32))]),
        (2, 8, [(0, bytes(32)), (0, bytes(32))]),
        (2, 8, [(0, bytes(31))]),
    ],
)
def test_blocks_that_cannot_be(count: int, size_bytes: int, digests: list[tuple[int, bytes]]) -> None:
    with pytest.raises(ValueError):
        blocks_root(count, 4, size_bytes, digests)
