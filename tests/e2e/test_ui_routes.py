"""Every key situation by every route, and a whole instance, on the screen: the same cloud, the same evidence as by
verb, with keys alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from providers.emulators.range import Range, RangeThread
from tests.e2e.cloud import Cloud
from tests.e2e.conftest import NewCase
from tests.e2e.leftovers import standing
from tests.e2e.packs import BLOCK, FORENSICS, GIB, PAYMENTS, Pack, padded_sha256
from tests.e2e.runner import Case
from tests.e2e.ui import seated

KEYS = ("none", "customer", "default")
ROUTES = ("direct", "copy", "preserve")
QUICK = {("default", "copy")}
DISKS = {"root": "customer", "logs": "default", "tables": "none"}


@dataclass
class Field:
    """A cloud with a volume under each kind of key (its Name tag), and ``app`` with three, one under each."""

    embedded: Range
    cloud: Cloud
    images: dict[str, Path]

    def sha256(self, name: str) -> str:
        """Of the volume's whole content."""
        return _sha256(self.images[name])

    def holds(self, case: Case, item: str, name: str) -> None:
        """Fails unless the bag has the volume's bytes; that the rest is zeros is what its digest says."""
        content = self.images[name].read_bytes()
        with (case.bag(item) / "data" / "disk.raw").open("rb") as stream:
            assert stream.read(len(content)) == content
            assert stream.seek(0, os.SEEK_END) == GIB

    def readers(self, case: Case) -> set[str]:
        """The accounts under which blocks were read for that case."""
        return {call["account"] for call in self.cloud.of_case(case.id, "ebs:GetSnapshotBlock", "allow")}

    def kept(self, case: Case) -> list[str]:
        """The account of each snapshot that stands; fails if one is shared or was made for the way only."""
        found = standing(self.embedded, case.id)
        assert not [one for one in found if one.shared_with or "jumpbag:transport" in one.tags]
        return [one.account for one in found]


@cache
def _sha256(image: Path) -> str:
    return padded_sha256(image, GIB)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Field]:
    pack = Pack(tmp_path_factory.mktemp("ui-routes") / "pack", speed=2000.0)
    images = {}
    for seed, key in enumerate(KEYS):
        images[key] = pack.random_image(f"{key}.raw", 9 * BLOCK - 4321 * seed, seed=60 + seed)
        pack.volume(key, image=f"{key}.raw", kms=key)
    for seed, name in enumerate(DISKS):
        images[name] = pack.random_image(f"{name}.raw", (5 + seed) * BLOCK, seed=70 + seed)
    pack.host("app", *((name, f"{name}.raw", key) for name, key in DISKS.items()), keys='profile = "app"')
    with RangeThread(pack.write(), tmp_path_factory.mktemp("ui-routes-range")) as embedded:
        yield Field(embedded, Cloud(embedded.config_path), images)


@pytest.fixture
def case(field: Field, new_case: NewCase) -> Case:
    field.cloud.well()
    return new_case(field.cloud, workers=1)


def word(route: str, *, anew: bool) -> str:
    """What a person types: the gravest effect of the plan. A copy made only for the way is deleted again."""
    if route == "direct":
        return ""
    return "DESTROY" if anew else "SHARE"


@pytest.mark.parametrize(
    ("key", "route"),
    [
        pytest.param(key, route, marks=() if (key, route) in QUICK else pytest.mark.slow)
        for key in KEYS
        for route in ROUTES
    ],
)
async def test_a_disk(field: Field, case: Case, monkeypatch: pytest.MonkeyPatch, key: str, route: str) -> None:
    async with seated(case, monkeypatch) as seat:
        shown = await seat.plan("volume", key, route)
        assert route.upper() in shown and "because" in shown
        acq = await seat.approve(word(route, anew=key == "default"))
        row = await seat.done(acq)
        if route == "preserve":
            shown = await seat.sees(acq, "✔ done", "snapshot kept, nothing downloaded")
        else:
            shown = await seat.sees(acq, "✔ sealed", "E-0001", f"sha256 {field.sha256(key)[:12]}")
        assert "failed" not in shown
        assert "Nothing is running." in await seat.leave()
    assert row.route == route
    copied = route != "direct"
    assert field.kept(case) == ([PAYMENTS, FORENSICS] if copied else [PAYMENTS])
    copies = len(field.cloud.of_case(case.id, "ec2:CopySnapshot", "allow"))
    assert copies == (0 if not copied else 2 if key == "default" else 1)
    if route == "preserve":
        assert row.item is None and field.readers(case) == set()
    else:
        assert row.item and row.sha256 == field.sha256(key)
        field.holds(case, row.item, key)
        assert field.readers(case) == {FORENSICS if copied else PAYMENTS}
    approved_on_screen(case)


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
async def test_an_instance_of_three_disks(
    field: Field, case: Case, monkeypatch: pytest.MonkeyPatch, route: str
) -> None:
    async with seated(case, monkeypatch) as seat:
        shown = await seat.plan("instance", "app", route)
        assert route.upper() in shown and "ec2:CreateSnapshots" in shown
        assert "on 3 disks" in shown or route == "preserve"
        disks = {one.id: one.name for one in seat.inventory() if one.name in DISKS}
        acq = await seat.approve(word(route, anew=True))
        row = await seat.done(acq, within=120)
        if route == "preserve":
            await seat.sees(acq, "✔ sealed", "E-0001", "snapshots kept, no disk downloaded")
        else:
            await seat.sees(acq, "✔ sealed", "E-0001 to E-0004")
        items = {one.source: one for one in seat.bench.snapshot.items if one.kind == "disk"}
        assert "Nothing is running." in await seat.leave()
    assert len(field.cloud.of_case(case.id, "ec2:CreateSnapshots", "allow")) == 1
    assert sorted(field.kept(case)) == sorted([PAYMENTS] * 3 + ([FORENSICS] * 3 if route != "direct" else []))
    assert len(row.items) == (1 if route == "preserve" else 4)
    if route == "preserve":
        assert items == {} and field.readers(case) == set()
    else:
        assert {disks[source] for source in items} == set(DISKS)
        for source, item in items.items():
            assert item.sha256 == field.sha256(disks[source])
            field.holds(case, item.id, disks[source])
        assert field.readers(case) == {PAYMENTS if route == "direct" else FORENSICS}
    approved_on_screen(case)


async def test_what_cannot_be_is_refused_on_the_screen_with_the_way_out(
    field: Field, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the evidence key a disk under the default key cannot leave its account; another route works."""
    field.cloud.faults(disabled_keys=[f"{PAYMENTS}:eu-west-1:evidence"])
    async with seated(case, monkeypatch) as seat:
        shown = await seat.plan("volume", "default", "copy")
        assert "refused" in shown and "what to do" in shown and "isabled" in shown
        await seat.pilot.press("r", "r", "r")
        await seat.sees("asked: direct", "DIRECT", "[ Approve ]")
        await seat.pilot.press("r")
        await seat.sees("asked: copy", "refused")
        await seat.pilot.press("right", "enter")  # there is nothing to approve: Enter leaves the plan
        await seat.sees("nothing acquired yet")
        await seat.leave()
    assert case.events("plan.approve") == []
    assert field.kept(case) == []


async def test_the_button_says_which_word_the_route_on_the_screen_asks_for(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with seated(case, monkeypatch) as seat:
        await seat.plan("volume", "default", "direct")
        await seat.sees("[ Approve ]")
        await seat.pilot.press("r")
        await seat.sees("asked: copy", "[ Approve: type DESTROY to go on ]", within=20)
        await seat.pilot.press("escape")
        await seat.leave()


def approved_on_screen(case: Case) -> None:
    """The record and the bags are whole (verify hashes each again), and the examiner approved it."""
    case.settled()
    case.verified()
    (approved,) = case.events("plan.approve", phase="fact")
    assert approved["actor"]["id"] == "ex-07", approved
