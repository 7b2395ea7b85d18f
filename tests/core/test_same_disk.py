"""What a plan says of its disks when the case has them already, or somebody takes them now."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.acquisition.record import History
from app.agent.same_disk import said_of
from app.model import Acquisition, ItemSpec, Plan, State, cautions
from tests.screens.sample_plan import XVDG, instance_plan, plan
from tests.screens.seed import XVDA, XVDF

BEGAN, SEALED = "2026-11-23T14:00:00.123456Z", "2026-11-23T14:20:30.654321Z"


def one(made: Plan, state: State = "running", **members: Any) -> tuple[History, Acquisition]:
    """A-0001, started: its items are E-0001 and on; those of ``sealed`` (keys) are sealed."""
    sealed = members.pop("sealed", ())
    items = {item.key: f"E-{number:04d}" for number, item in enumerate(made.items, 1)}
    history = History(
        **{
            "id": "A-0001",
            "plan": made,
            "approved_by": "ex-07",
            "valid_until": "",
            "reason": "",
            "attempt": 1,
            "started": BEGAN,
            "items": items,
            **members,
        }
    )
    history.times |= {items[key]: SEALED for key in sealed}
    if history.finished:
        history.times["finish"] = SEALED
    row = Acquisition(
        id="A-0001",
        kind=made.kind,
        target=made.target.id,
        target_name="",
        cloud="aws",
        account=made.target.account,
        route=made.route,
        state=state,
        step="",
        step_no=1,
        step_count=1,
    )
    return history, row


def said(made: Plan, *standing: tuple[History, Acquisition]) -> list[tuple[str, str]]:
    return [(warning.code, warning.text) for warning in said_of(made, standing)]


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("running", "(running, started 2026-11-23 14:00:00 UTC)"),
        ("paused", "(paused, started 2026-11-23 14:00:00 UTC): `resume` goes on with it"),
        (
            "waiting_for_credentials",
            "(waiting for credentials, started 2026-11-23 14:00:00 UTC): `resume` goes on with it",
        ),
    ],
)
def test_one_that_is_under_way_is_named_with_its_state_and_since_when(state: State, shown: str) -> None:
    assert said(plan(), one(plan("direct"), state)) == [
        ("same-disk-under-way", f"A-0001 already acquires {XVDA} as E-0001 {shown}")
    ]


def test_what_is_sealed_is_named_with_its_time_whatever_became_of_the_rest() -> None:
    text = f"A-0001 has already sealed {XVDA} as E-0001 (2026-11-23 14:20:30 UTC)"
    assert said(plan(), one(plan(), "done", finished="done", sealed=(XVDA,))) == [("same-disk-sealed", text)]
    text = f"A-0001 has already sealed {XVDA} as E-0002 (2026-11-23 14:20:30 UTC)"
    ends: tuple[dict[str, Any], ...] = ({}, {"finished": "cancelled", "wish": "cancel"}, {"finished": "failed"})
    for members in ends:
        assert said(plan(), one(instance_plan(), sealed=("config", XVDA), **members)) == [
            ("same-disk-sealed", text)
        ]


def test_the_disks_of_an_instance_are_told_apart() -> None:
    half = one(instance_plan(), sealed=("config", XVDA))
    sealed, rest = said(instance_plan(), half)
    assert sealed == ("same-disk-sealed", f"A-0001 has already sealed {XVDA} as E-0002 (2026-11-23 14:20:30 UTC)")
    both = " and ".join(sorted((f"{XVDF} as E-0003", f"{XVDG} as E-0004")))
    assert rest == (
        "same-disk-under-way",
        f"A-0001 already acquires {both} (running, started 2026-11-23 14:00:00 UTC)",
    )
    assert said(instance_plan(), one(plan("direct")))[0][1].startswith(f"A-0001 already acquires {XVDA} as E-0001")


def test_one_that_failed_or_never_started_is_told_with_what_to_do() -> None:
    assert said(plan(), one(plan(), "failed", finished="failed")) == [
        (
            "same-disk-stopped",
            f"A-0001 was to acquire {XVDA} as E-0001 and failed (2026-11-23 14:20:30 UTC): "
            "`resume` goes on with it",
        )
    ]
    never = one(plan(), "interrupted", attempt=0, started="", items={})
    assert said(plan(), never) == [
        ("same-disk-stopped", f"A-0001 was approved to acquire {XVDA} and never started: `resume` starts it")
    ]


def test_what_is_kept_in_the_cloud_is_said_too() -> None:
    made = plan("preserve")
    assert said(plan("direct"), one(made, "done", finished="done")) == [
        (
            "same-disk-kept",
            f"A-0001 already keeps a snapshot of {XVDA} in the cloud (since 2026-11-23 14:20:30 UTC)",
        )
    ]
    ((code, text),) = said(instance_plan(), one(instance_plan("preserve"), "done", finished="done"))
    assert code == "same-disk-kept" and "keeps snapshots of" in text and "E-0" not in text
    assert all(disk in text for disk in (XVDA, XVDF, XVDG))


def test_nothing_is_said_of_what_was_cancelled_or_of_other_disks() -> None:
    assert said(plan(), one(plan(), "cancelled", finished="cancelled", wish="cancel")) == []
    assert said(plan(), one(plan(), wish="cancel")) == [], "it only takes back what it made"
    assert said(plan(), one(plan(), "failed", finished="failed", wish="cancel")) == []
    elsewhere = msgspec.structs.replace(plan(), target=msgspec.structs.replace(plan().target, region="eu-north-1"))
    assert said(plan(), one(elsewhere)) == []
    other = msgspec.structs.replace(instance_plan(), steps=plan().steps[:0])
    assert said(plan(), one(other)) == [] and said(plan()) == []


def test_of_many_disks_so_many_are_named_as_a_screen_shows() -> None:
    disks = [f"vol-{number:017x}" for number in range(30)]
    first = instance_plan("direct").steps[0]
    steps = tuple(msgspec.structs.replace(first, params={"volume_id": disk}) for disk in disks)
    items = tuple(ItemSpec(key=disk, kind="disk", source=disk, name="") for disk in disks)
    made = msgspec.structs.replace(instance_plan("direct"), steps=steps, items=items)
    for standing in (one(made), one(made, sealed=disks)):
        ((_, text),) = said(made, standing)
        assert len(text) <= 600 and "E-0006" in text and "and 24 more" in text


def test_only_what_is_under_way_is_a_danger() -> None:
    standing = [
        one(plan("direct")),
        one(plan("direct"), "failed", finished="failed"),
        one(plan("direct"), "done", finished="done", sealed=(XVDA,)),
        one(plan("preserve"), "done", finished="done"),
    ]
    made = msgspec.structs.replace(plan(), warnings=said_of(plan(), standing))
    assert [warning.code for warning in cautions.dangers(made)] == ["same-disk-under-way"]
    assert [warning.code for warning in cautions.notes(made)] == [
        "same-disk-stopped",
        "same-disk-sealed",
        "same-disk-kept",
    ]
