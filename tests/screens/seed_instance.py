"""The seeded case with an instance being acquired besides: two items sealed, the second disk on its way."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from app.case.readmodel import ReadModel
from app.clock import stamp, stamp_us
from app.model import Acquisition, EvidenceItem
from app.model.view import StepRow
from tests.screens.sample_plan import CLAMPED, instance_plan
from tests.screens.seed import GIB, NOW, PAYMENTS, WEB, XVDA, leases, seed

ITEMS = ("E-0010", "E-0011", "E-0012", "E-0013")
AT = 25
"""Position of the step that runs (0-based): the second disk is downloaded."""


def acquisition(now: datetime = NOW, **more: Any) -> Acquisition:
    """A-0010: web-01, 8 GiB sealed, 20 of the next 50 GiB read."""
    steps = instance_plan().steps
    one = Acquisition(
        id="A-0010",
        kind="instance",
        target=WEB,
        target_name="web-01",
        cloud="aws",
        account=PAYMENTS,
        route="copy",
        state="running",
        step=f"{steps[AT].title} \u00b7 /dev/xvdf",
        step_no=AT + 1,
        step_count=len(steps),
        bytes_done=28 * GIB,
        bytes_total=78 * GIB,
        percent=40,
        rate=412 * 1024**2,
        eta_s=130,
        item=ITEMS[0],
        items=ITEMS,
        lease="L-0003",
        updated=stamp(now),
    )
    return msgspec.structs.replace(one, **more)


def rows(now: datetime = NOW) -> list[tuple[int, StepRow]]:
    """Every step as it went: all before the running one done."""
    out: list[tuple[int, StepRow]] = []
    for place, step in enumerate(instance_plan().steps):
        began = now - timedelta(minutes=30 - place)
        state: Any = "done" if place < AT else "running" if place == AT else "todo"
        out.append(
            (
                place,
                StepRow(
                    acquisition="A-0010",
                    id=step.id,
                    title=step.title,
                    call=step.call,
                    effect=step.effect,
                    state=state,
                    request_id=f"7a1d{place:04d}-77b0-4c1e-9d3e-000000000000" if state == "done" else None,
                    started=stamp_us(began) if state != "todo" else None,
                    ended=stamp_us(began + timedelta(seconds=20)) if state == "done" else None,
                ),
            )
        )
    return out


def items(now: datetime = NOW) -> list[EvidenceItem]:
    return [
        EvidenceItem(
            id=ITEMS[0],
            acquisition="A-0010",
            kind="config",
            path=f"evidence/{ITEMS[0]}",
            bytes=48_213,
            sha256=None,
            sealed=stamp(now),
            source=WEB,
        ),
        EvidenceItem(
            id=ITEMS[1],
            acquisition="A-0010",
            kind="disk",
            path=f"evidence/{ITEMS[1]}",
            bytes=8 * GIB,
            sha256="77c0" * 16,
            sealed=stamp(now),
            source=XVDA,
        ),
    ]


def add_instance(model: ReadModel, now: datetime = NOW) -> None:
    """Write A-0010, its steps and what it has sealed so far."""
    with model.batch():
        model.acquisition(acquisition(now))
        model.steps(rows(now))
        for item in items(now):
            model.item(item)
        for lease in leases(now):
            if lease.id == "L-0003":
                model.lease(msgspec.structs.replace(lease, scope="A-0010 observe", note=CLAMPED))


def seed_instance(path: Path) -> ReadModel:
    model = seed(path)
    add_instance(model)
    return model
