"""What has stopped, is held or was cancelled: why, what it leaves, what to do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from app.clock import stamp
from app.model import Acquisition, Lease
from screens.command.catalogue import DEFAULT
from screens.present.acquisitions import nothing_lost, rows
from screens.present.look import UNICODE
from screens.present.reasons import why
from screens.present.states import counted, waiting
from screens.workbench.steering import cancel_question
from tests.screens.conftest import OpenDesk
from tests.screens.seed import NOW, acquisitions, leases, step_rows
from tests.screens.seed_instance import acquisition as instance
from tests.screens.seed_instance import items
from tests.screens.seed_instance import rows as instance_steps

WHO = "arn:aws:sts::222222222222:assumed-role/forensics-collect/IR-42"
REFUSED = (
    "ec2:ModifySnapshotAttribute on snap-0123 in account 222222222222, eu-west-1: denied: You are not authorized "
    f"to perform this operation. User: {WHO} is not authorized to perform: ec2:ModifySnapshotAttribute on "
    "resource: arn:aws:ec2:eu-west-1::snapshot/snap-0123 [UnauthorizedOperation, request 5f2c91aa]"
)
TODO = "ask the owner of account 222222222222 to allow ec2:ModifySnapshotAttribute"
OWES = "not everything could be taken back"
STEPS = [row for _, row in (*step_rows(NOW), *instance_steps())]


def of(ident: str, **more: Any) -> Acquisition:
    one = next(one for one in acquisitions(NOW) if one.id == ident)
    return msgspec.structs.replace(one, **more)


def shown(one: Acquisition, width: int = 76, held: dict[str, Lease] | None = None) -> str:
    found = rows(one, held or {}, NOW, width, UNICODE, DEFAULT.key)
    return "\n".join("".join(piece for piece, _ in line).rstrip() for line in found)


def test_a_refusal_is_folded_to_what_is_refused() -> None:
    assert why(REFUSED, len(REFUSED), UNICODE) == REFUSED
    place, _, _ = REFUSED.partition(" denied:")
    folded = f"{place} denied: ec2:ModifySnapshotAttribute [UnauthorizedOperation, request 5f2c91aa]"
    assert why(REFUSED, len(folded), UNICODE) == folded
    assert why(REFUSED, 40, UNICODE) == "denied: ec2:ModifySnapshotAttribute"
    assert why(REFUSED, 32, UNICODE) == "denied: ModifySnapshotAttribute"
    because = f"User: {WHO} is not authorized to perform: sts:AssumeRole because no policy allows it"
    assert why(because, 60, UNICODE) == "denied: sts:AssumeRole because no policy allows it"


async def test_strip_and_row_show_the_cause_and_what_to_do(desk: OpenDesk) -> None:
    async with desk(size=(80, 24)) as d:
        d.model.acquisition(of("A-0006", error=REFUSED, next=TODO, bytes_done=0))
        await d.press("3")
        await d.sees("A-0006 waits: denied: ec2:ModifySnapshotAttribute", "s try again now")
        await d.sees("denied: ModifySnapshotAttribute → ask the owner", "▲ needs access")
        assert "allow ec2:ModifySnapshotAttribute" in " ".join(d.text.split())


def test_nothing_lost_claims_no_verified_nothing() -> None:
    assert nothing_lost(of("A-0006", bytes_done=0)) == "Nothing was lost: it goes on where it was."
    assert "60 %" in nothing_lost(of("A-0006"))


def test_what_a_stopped_one_leaves_is_in_its_row() -> None:
    kept = of("A-0004", step="stopped", next="Kept in the cloud: snap-0abc.")
    assert "– cancelled" in shown(kept) and "Kept in the cloud: snap-0abc." in shown(kept)
    owes = of(
        "A-0004", step="stopped", error=OWES, next="cancel A-0004 again to try once more. Not taken back: step 8."
    )
    assert "▲ cancelled" in shown(owes) and "▲ not all was taken back → cancel A-0004 again" in shown(owes)
    assert waiting([kept, owes]) == [owes]


def test_those_that_need_a_person_are_counted_by_what_they_are() -> None:
    held, failed, owes = of("A-0006"), of("A-0007", state="failed"), of("A-0004", error=OWES)
    assert counted([held], one="job", more="jobs") == "1 job waits"
    assert counted([held, held, failed, owes], one="job", more="jobs") == "2 jobs wait, 1 failed, 1 not taken back"
    assert counted([failed]) == "1 failed" and counted([]) == ""


def test_a_lease_that_was_renewed_is_not_said_to_be_dropped() -> None:
    old = msgspec.structs.replace(leases(NOW)[2], state="dropped")
    new = msgspec.structs.replace(old, id="L-0080", state="live", expires=stamp(NOW + timedelta(minutes=15)))
    other = msgspec.structs.replace(new, id="L-0081", scope="A-0009 collect")
    assert "lease L-0080 15 min" in shown(of("A-0007"), 120, {one.id: one for one in (old, new, other)})
    assert "L-0003 dropped" in shown(of("A-0007"), 120, {one.id: one for one in (old, other)})


def asked(one: Acquisition) -> tuple[str, str, str]:
    question = cancel_question(one, items(), STEPS, UNICODE)
    return " ".join(question.happens), question.action, question.cancel


def test_the_cancel_question_says_what_stays() -> None:
    said, action, back = asked(instance())
    assert "E-0010, E-0011 are sealed and stay. No other evidence item" in said and "stay in the cloud" in said
    assert (action, back) == ("Cancel A-0010", "Let it go on")
    said, _, _ = asked(of("A-0008"))
    assert "No evidence item comes of it." in said and "stay in the cloud" not in said


def test_the_cancel_question_of_one_that_has_stopped() -> None:
    said, action, back = asked(of("A-0007", state="failed"))
    assert "failed at step 6 of 9" in said and "stops" not in said and (action, back) == ("Cancel A-0007", "Back")
    said, action, back = asked(of("A-0004", error=OWES, next="Not taken back: step 8, share."))
    assert "tried once more" in said and "Not taken back: step 8" in said
    assert (action, back) == ("Try once more", "Back")


@pytest.mark.parametrize(("state", "error"), [("failed", "denied"), ("cancelled", OWES)])
async def test_what_has_stopped_is_cancelled(desk: OpenDesk, state: Any, error: str) -> None:
    async with desk() as d:
        d.model.acquisition(of("A-0008", state=state, error=error, step="stopped"))
        await d.press("3")
        await d.sees("1 failed" if state == "failed" else "1 not taken back")
        d.app.workbench.acquisitions.rows.go_to("A-0008")
        await d.press("x")
        await d.type_word("A-0008")
        assert d.commands.called("acquisition.cancel") == [{"acquisition": "A-0008", "reason": ""}]
