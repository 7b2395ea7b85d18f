"""A plan as text: no word lost, every step in order, dangers before notes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from app.model import PlanWarning
from screens.present import approval, plan_steps, plans
from screens.present.cells import Line, cells
from screens.present.look import ASCII, UNICODE, Look
from tests.screens.sample_plan import instance_plan, plan
from tests.screens.seed import PAYMENTS, REGION, XVDA


def text(lines: Iterable[Line]) -> str:
    return "\n".join("".join(piece for piece, _ in line).rstrip() for line in lines)


@pytest.mark.parametrize("width", [76, 128])
def test_a_plan_loses_no_word_and_its_notes_are_counted_first(width: int) -> None:
    made = plan()
    long = "the snapshot in payments-prod is unshared, then the copy on the way is deleted in step number eight"
    steps = tuple(msgspec.structs.replace(step, title=f"{step.title} {long}", undo=long) for step in made.steps)
    made = msgspec.structs.replace(made, steps=steps)
    head_lines = plans.head(made, {}, width, UNICODE)
    assert "▲ 1 danger · 1 note" in text(head_lines[:1]) and f"· {REGION}" in text(head_lines)
    lines = [*head_lines, *plan_steps.step_lines(made, {}, width, UNICODE)]
    assert all(cells(line) <= width for line in lines)
    assert "…" not in text(lines)
    assert text(lines).count("eight") == 2 * len(steps)


@pytest.mark.parametrize("width", [40, 76, 128])
def test_every_volume_of_a_policy_is_readable(width: int) -> None:
    made = plan()
    volumes = [f"vol-{number:017x}" for number in range(20)]
    arns = [f"arn:aws:ec2:{REGION}:{PAYMENTS}:volume/{one}" for one in volumes]
    policy = json.dumps({"Statement": [{"Resource": arns, "Condition": {"StringEquals": {"a": arns}}}]})
    made = msgspec.structs.replace(made, leases=(msgspec.structs.replace(made.leases[0], policy=policy),))
    lines = plans.policies(made, {}, width, UNICODE)
    assert all(cells(line) <= width for line in lines)
    assert all(text(lines).count(one) == 2 for one in volumes)


@pytest.mark.parametrize("width", [76, 128])
@pytest.mark.parametrize("lock", [0, 30])
def test_every_step_of_an_instance_is_there_in_order_and_names_its_disk(width: int, lock: int) -> None:
    made = instance_plan(lock=lock)
    lines = plan_steps.step_lines(made, {}, width, UNICODE)
    assert all(cells(line) <= width for line in lines)
    numbers = [int(line[1][0]) for line in lines if len(line) > 1 and line[1][0].strip().isdigit()]
    assert numbers == list(range(1, len(made.steps) + 1)) and len(numbers) == (34 if lock else 31)
    shown = text(lines)
    for device in ("/dev/xvda", "/dev/xvdf", "/dev/xvdg"):
        assert f"disk web-01:{device}" in shown and shown.count(device) >= 5
    (undone,) = {step.id for step in made.steps if step.call == "ec2:DeleteSnapshot"}
    assert f"taken back in step {undone}" in shown


def test_a_disk_alone_has_no_headings() -> None:
    assert "stage by stage" not in text(plan_steps.step_lines(plan(), {}, 128, UNICODE))


@pytest.mark.parametrize(
    ("route", "lock", "word"),
    [
        ("direct", 0, ""),
        ("preserve", 0, ""),
        ("preserve", 7, "MODIFY"),
        ("direct", 7, "MODIFY"),
        ("copy", 7, "DESTROY"),
    ],
)
def test_the_word_is_the_gravest_effect(route: str, lock: int, word: str) -> None:
    assert approval.needs_word(plan(route, lock)) == approval.needs_word(instance_plan(route, lock)) == word
    shared = [step for step in plan().steps if step.effect != "destroy"]
    assert approval.needs_word(msgspec.structs.replace(plan(), steps=tuple(shared))) == "SHARE"


def test_a_batch_is_graded_by_the_gravest_of_its_plans() -> None:
    assert approval.needs_word(plan("direct"), plan("direct", 7)) == "MODIFY"
    assert approval.needs_word(plan("direct"), plan("copy")) == "DESTROY" and approval.needs_word() == ""


def test_only_what_the_plan_did_not_make_itself_needs_a_reason_to_be_destroyed() -> None:
    made = plan()
    assert approval.needs_word(made) == "DESTROY" and not approval.needs_reason(made)
    steps = tuple(
        msgspec.structs.replace(step, undoes="") if step.effect == "destroy" else step for step in made.steps
    )
    foreign = msgspec.structs.replace(made, steps=steps)
    assert approval.needs_reason(foreign) and approval.needs_reason(made, foreign)


def test_the_button_says_what_approving_asks_for() -> None:
    assert approval.button("DESTROY", True, "w") == "[ Approve: type DESTROY to go on ]"
    assert approval.button("", True, "w", 12) == "[ Approve 12 ]"
    assert approval.button("SHARE", False, "w") == "[ Approve: read-only, w arms ]"


def test_what_will_happen_is_said_once_for_each_kind_of_call() -> None:
    said = plans.effects_in_words(instance_plan(lock=7), {}, UNICODE)
    assert [line.partition(":")[0] for line in said] == ["share", "modify", "share", "destroy"]
    assert "and 2 more like it" in said[0] and "steps 10–12" in said[0]


@pytest.mark.parametrize(
    ("seconds", "renewals", "words"),
    [
        (3600, 0, "7 leases of 60 min · no renewal needed"),
        (90, 3, "7 leases of 1.5 min · renewed 21× beside the work"),
    ],
)
def test_the_clocks_of_a_plan(seconds: int, renewals: int, words: str) -> None:
    made = instance_plan(lock=7)
    leases_ = tuple(msgspec.structs.replace(one, seconds=seconds, renewals=renewals) for one in made.leases)
    shown = text(plans.facts(msgspec.structs.replace(made, leases=leases_), {}, "", "", 128, UNICODE, "P"))
    assert words in shown and shown.count("clamped to 3,600 s") == 1


def test_what_a_plan_ends_in() -> None:
    def ends(made: Any) -> str:
        return text(plans.facts(made, {}, "", "/evidence", 128, UNICODE, "P"))

    assert "3 disk images, 78.0 GiB · 1 set of files that describe the instance" in ends(instance_plan())
    assert "no disk is downloaded" in ends(instance_plan("preserve")) and "reads no disk" in ends(plan("preserve"))
    assert "/evidence" in ends(instance_plan("preserve")) and "/evidence" not in ends(plan("preserve"))


@pytest.mark.parametrize("look", [UNICODE, ASCII])
def test_what_a_plan_costs_stands_under_its_estimate(look: Look) -> None:
    lines = plans.facts(instance_plan(), {}, "", "", 78, look, "P")
    assert all(cells(line) <= 78 for line in lines)
    labels = [line[0][0].strip() for line in lines]
    first, last = labels.index("cost"), labels.index("ends in")
    assert labels.index("estimate") == first - 1
    said = " ".join("".join(text for text, _ in line[1:]) for line in lines[first:last])
    dot = look.dot
    assert said == (  # 78 x 0.006144 = 0.479; 78 x 0.05 x 2 = 7.80
        f"at most $0.48 to read {dot} $0.02 for copies on the way {dot} $7.80 a month for what is kept {dot} "
        f"list prices of us-east-1 (2025) {dot} not counted: traffic out of {REGION}, "
        "KMS requests"
    )


def test_what_is_only_kept_is_paid_by_the_month_and_no_cost_is_no_line() -> None:
    kept = plan("preserve")
    assert "at most $0.40 a month for what is kept · list" in text(
        plans.facts(kept, {}, "", "", 128, UNICODE, "P")
    )
    bare = msgspec.structs.replace(kept, estimate=msgspec.structs.replace(kept.estimate, cost=None))
    assert "$" not in text(plans.facts(bare, {}, "", "", 128, UNICODE, "P"))


def test_a_disk_is_called_by_its_device_where_its_heading_has_the_id() -> None:
    made = instance_plan()
    steps = tuple(
        msgspec.structs.replace(step, title=f"Do it with {step.params['volume_id']} now")
        if "volume_id" in step.params
        else step
        for step in made.steps
    )
    lines = plan_steps.step_lines(msgspec.structs.replace(made, steps=steps), {}, 200, UNICODE)
    shown = text(lines)
    assert shown.count("Do it with /dev/xvda now") == 11 and shown.count(XVDA) == 1
    nameless = msgspec.structs.replace(made, steps=steps, items=made.items[:1])
    assert text(plan_steps.step_lines(nameless, {}, 200, UNICODE)).count(f"Do it with {XVDA} now") == 11


def test_dangers_stand_under_the_route_and_notes_at_the_end() -> None:
    codes = ("visible", "auto-scaling", "upper-bound", "crash-consistent", "lock")
    warned = tuple(PlanWarning(code=code, text=f"of {code}") for code in codes)
    made = msgspec.structs.replace(plan(), warnings=warned)
    first, last = plans.head(made, {}, 128, UNICODE), plans.facts(made, {}, "", "", 128, UNICODE, "P")
    assert "▲ 2 dangers · 2 notes" in text(first[:1])
    assert text(first).endswith(" ▲ of auto-scaling\n ▲ of lock")
    assert [f"of {code}" in text(last) for code in codes] == [True, False, False, True, False]
    assert all(tone == "dim" for line in last for piece, tone in line if "crash-consistent" in piece)
    plain = msgspec.structs.replace(made, warnings=warned[:1])
    assert "▲" not in text(plans.head(plain, {}, 128, UNICODE)) and "1 note" in text(
        plans.head(plain, {}, 128, UNICODE)
    )


def test_the_disks_of_an_instance_are_counted_where_none_ends_in_an_item() -> None:
    made = instance_plan("preserve")
    assert not any(item.kind == "disk" for item in made.items)
    assert "78.0 GiB on 3 disks" in text(plans.head(made, {}, 128, UNICODE))
