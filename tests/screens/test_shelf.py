"""The resources in reading order, and their filter."""

from __future__ import annotations

from screens.present.shelf import build, key_of, select
from tests.screens.seed import PAYMENTS, SHOP, XVDA, accounts, resources


def names(rows: list[int]) -> list[str]:
    found = resources()
    return [found[index].id for index in rows]


def test_disks_stand_under_their_instance() -> None:
    found = resources()
    shelf = build(found, accounts())
    order = [found[index] for index in shelf.order]
    assert len(order) == len(found) and {one.id for one in order} == {one.id for one in found}
    last_instance = ""
    for one in order:
        if one.kind == "instance":
            last_instance = one.id
        elif one.attached_to:
            assert one.attached_to.id == last_instance
    assert shelf.counts[("aws", PAYMENTS)] == (5, 11)
    assert shelf.eligible == 9


def test_a_disk_whose_instance_is_unknown_is_still_listed() -> None:
    lone = [one for one in resources() if one.kind == "volume"]
    assert len(build(lone, []).order) == len(lone)


def test_the_filter_keeps_rows_that_hold_every_word() -> None:
    shelf = build(resources(), accounts())
    picked = select(shelf, None, "WEB-01 /dev/xvda", False)
    assert names(picked.rows) == ["i-0a1b2c3d4e5f60718", XVDA]  # the disk, and the instance it hangs on
    assert picked.hits == 1
    assert select(shelf, None, "nothing like this", False).rows == []
    assert select(shelf, None, "forensics=enabled", False).hits == 9


def test_scope_and_eligibility() -> None:
    shelf = build(resources(), accounts())
    shop = select(shelf, ("aws", SHOP), "", False)
    assert shop.hits == 48
    tagged = select(shelf, ("aws", SHOP), "", True)
    assert tagged.hits == 4 and all(shelf.resources[index].eligible for index in tagged.rows)


def test_each_row_is_found_by_its_key() -> None:
    picked = select(build(resources(), accounts()), None, "shop", False)
    for place, index in enumerate(picked.rows):
        assert picked.at[key_of(picked.shelf.resources[index])] == place
