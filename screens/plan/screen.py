"""The plan: what would be done, with which power, for how long, and how it is undone. Nothing has happened yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget
from textual.worker import Worker

from app.faults import Fault, ReadOnly, RouteRefused
from app.model import Plan
from screens.command.catalogue import bindings
from screens.command.naming import key_of
from screens.page.screen import PageScreen
from screens.plan.answers import Answer, read_answer, read_started
from screens.plan.approving import ROUTES, STARTING, ApprovalScreen
from screens.plan.lost import arrived, not_arrived
from screens.present import approval, plans
from screens.present.cells import Line
from screens.widgets.edges import set_title
from screens.widgets.page_lines import PageLines
from screens.widgets.typed_confirm import Question

_READING = "reading what is there; nothing is changed by a plan"


class PlanScreen(ApprovalScreen[str | None]):
    """Dismissed with the id of the acquisition that was started, or None."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("plan", without="drop")

    def __init__(self, kind: str, target: str, crumb: str) -> None:
        super().__init__()
        self._kind = kind
        self._target = target
        self._crumb = crumb
        self._found: Answer | None = None
        self._fault: Fault | None = None
        self._came = ""  # what the fault means, "" where it stands in the way of the plan itself
        self._busy = _READING
        self._looking_up: Worker[None] | None = None
        self._drawn: object = None

    @property
    def reason_for(self) -> str:
        return f"{self._kind} {self._target}"

    @property
    def crumbs(self) -> Sequence[str]:
        return (self._crumb, "plan")

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        if self._fault is not None:
            return self.hints_of("plan.again", *self._instead, "page.back", "help")
        if self.ordered:
            return self.hints_of("plan.policies", "page.back", "help")
        return self.hints_of("plan.reason", "plan.route", "plan.lock", "plan.policies", "page.back", "help")

    def body(self) -> Iterable[Widget]:
        page = PageLines(look=self.look, id="plan")
        page.can_focus = False  # its keys work wherever the focus is; Tab leads from the reason to the buttons
        page.border_title = self._titled()
        yield page
        yield from self.approval()

    def on_mount(self) -> None:
        self.plan_anew()

    def show_time(self) -> None:
        super().show_time()
        page = self.query_one("#plan", PageLines)
        asked = self.planning_for if self._found is None and self._fault is None else ""
        drawn = (page.inner, id(self._found), self._busy, self._fault, self.asked_route, self.lock_days, asked)
        if not page.inner or drawn == self._drawn:
            return
        self._drawn = drawn
        set_title(page, self._titled())
        page.show(self._lines(page.inner))

    # Planning

    def plan_anew(self) -> None:
        self._found, self._fault, self._came = None, None, ""
        self._busy = _READING
        self.asked_now()
        self.run_worker(self._plan_it(), exclusive=True, group="plan")
        self.case_changed()

    async def _plan_it(self) -> None:
        follower = self.bench.follower
        try:
            self._found = read_answer(await self.bench.link.call("plan", self._wanted()))
            follower.saw_plan(self._kind, self._target, self._found.plan.route)
        except Fault as fault:
            self._fault = fault
            follower.saw_refusal(self._kind, self._target, fault)
        self._busy = ""
        self.case_changed()

    def _wanted(self) -> dict[str, Any]:
        """What is planned, and then acquired."""
        return {"kind": self._kind, "target": self._target, "route": self.asked_route, "lock_days": self.lock_days}

    # What is shown

    def _lines(self, width: int) -> list[Line]:
        look, found = self.look, self._found
        if self._fault is not None:
            again = [f"{key} plans again" for key, _ in self.bench.registry.hints("plan.again")]
            others = self.bench.registry.hints(*self._instead)
            keys = f" {look.dot} ".join([*again, *(f"{key} with another {word}" for key, word in others)])
            return [*plans.refused(self._fault, width, look, self._came), ((f"   {keys}", "dim"),)]
        if found is None:
            said: Line = ((f" {look.wait} planning: {self._busy}", "wait"),)
            return [(), said, ((f"   {self.planning_for}", "dim"),)]
        folder = self.bench.snapshot.case.evidence_dir
        names, policies = self.bench.shelf.names, key_of(self.bench, "plan.policies")
        return plans.page(found.plan, names, found.space, folder, width, look, policies)

    @property
    def _instead(self) -> tuple[str, ...]:
        """The commands that may lead to a plan where this one was refused: another route does not help where a tag
        is missing or the cloud does not answer."""
        fault = self._fault
        if fault is None or not plans.is_refusal(fault):
            return ()
        told = isinstance(fault, RouteRefused) or self.asked_route != ROUTES[0]
        return (*(("plan.route",) if told else ()), *(("plan.lock",) if self.lock_days else ()))

    def doing(self) -> str:
        if self.ordered:
            return STARTING
        return self._busy if self._found is not None else ""

    def waiting(self) -> bool:
        return self._fault is None

    def _titled(self) -> Content:
        dot = self.look.dot
        return Content(f"Plan {dot} {self._kind} {self.look.clean(self._crumb, 60)} {dot} {self.locked}")

    # Keys: those of a list scroll the plan wherever the focus is.

    def action_move(self, rows: int) -> None:
        self.query_one("#plan", PageLines).action_move(rows)

    def action_first(self) -> None:
        self.query_one("#plan", PageLines).action_first()

    def action_last(self) -> None:
        self.query_one("#plan", PageLines).action_last()

    def may_plan(self) -> bool:
        return not self.ordered and (self._found is None or not self._busy)

    def action_policies(self) -> None:
        if self._found is not None:
            plan, names, look = self._found.plan, self.bench.shelf.names, self.look
            self.app.push_screen(PageScreen("policies", lambda width: plans.policies(plan, names, width, look)))
        else:
            self.bench.say("There is no plan, so there are no policies.")

    # Approving

    def approvable(self) -> Sequence[Plan]:
        return (self._found.plan,) if self._found is not None and not self._busy and not self.ordered else ()

    def question(self, word: str) -> Question:
        assert self._found is not None
        plan = self._found.plan
        cost = plan.estimate.cost
        return Question(
            title=f"Approve {plan.kind} {plan.target.id}",
            happens=(
                *plans.effects_in_words(plan, self.bench.shelf.names, self.look),
                *((approval.paid(cost, self.look),) if cost is not None else ()),
                approval.undone(word),
            ),
            word=word,
            action="Approve",
        )

    def start(self) -> None:
        if self._found is not None and self.approvable():
            self.give(self._acquire({**self._wanted(), "reason": self.reason, "digest": self._found.digest}))

    async def _acquire(self, order: dict[str, Any]) -> None:
        if self._looking_up is not None:
            self._looking_up.cancel()  # what is found from now on is of this order
        after = await self.bench.reader.last_line()
        try:
            started = read_started(await self.bench.link.call("acquire", order))
        except ReadOnly as fault:
            self.bench.say_fault(fault)
        except Fault as fault:
            self._ended_in(fault, plans.outcome(fault))
            if plans.unanswered(fault):
                looked_up = self._look_up(order["digest"], after, fault)
                self._looking_up = self.app.run_worker(looked_up, group="link")
        else:
            self.reason_given()
            self.end(started, f"{self.look.clean(started)} is queued.")

    def _ended_in(self, fault: Fault, came: str) -> None:
        self._found, self._fault, self._came = None, fault, came
        self.say_unseen(f"{self.look.clean(self._crumb, 60)}: {came}", fault)

    async def _look_up(self, digest: str, after: int, lost: Fault) -> None:
        """Tell what came of the order that ended in ``lost``, as soon as it can be known. The application does,
        also for a page that was left."""
        acquisition = await arrived(self.bench, digest, after)
        told_here = self._fault is lost
        if acquisition:
            self.reason_given()
            what = self.look.clean(self._crumb, 60)
            self.bench.say(f"{what}: the order had arrived, as {self.look.clean(acquisition)}.", "warning")
            if told_here and self.is_open and not self.is_typed_over:
                self.bench.workbench.show_acquisition(acquisition)
                self.finish()
        elif told_here:
            self._ended_in(not_arrived(), plans.NOT_STARTED)
            self.case_changed()
