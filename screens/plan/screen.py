"""The plan: what would be done, with which power, for how long, and how it is undone. Nothing has happened yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input

from app.faults import Fault
from app.model import Plan
from screens.base import CaseScreen
from screens.command.catalogue import bindings
from screens.page.screen import PageScreen
from screens.present import plans
from screens.present.amounts import plural
from screens.present.cells import Line, wrap
from screens.present.plan_steps import step_lines
from screens.widgets.line_view import LinesView
from screens.widgets.page_lines import PageLines
from screens.widgets.plain_input import PlainInput
from screens.widgets.typed_confirm import Question

ROUTES = ("auto", "direct", "copy", "preserve")
LOCKS = (0, 7, 30, 90)
"""Days for which the snapshot that stays is locked; 0 does not lock it."""


class PlanScreen(CaseScreen[str | None]):
    """Dismissed with the id of the acquisition that was started, or None."""

    CSS_PATH = Path(__file__).with_name("plan.tcss")
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("plan"), *bindings("lists", without="choose")]

    def __init__(self, kind: str, target: str, crumb: str) -> None:
        super().__init__()
        self._kind = kind
        self._target = target
        self._crumb = crumb
        self._route = ROUTES[0]
        self._lock = LOCKS[0]
        self._plan: Plan | None = None
        self._digest = ""
        self._space = ""
        self._fault: Fault | None = None
        self._busy = "reading what is there; nothing is changed by a plan"
        self._drawn: object = None

    @property
    def crumbs(self) -> Sequence[str]:
        return (self._crumb, "plan")

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        below = self.is_mounted and self.query_one("#plan", PageLines).below > 0
        more = (("PgDn", f"more {self.look.below}"),) if below else ()
        return (
            *more,
            *self.bench.registry.hints("plan.route", "plan.lock", "plan.policies", "page.back", "help"),
        )

    def body(self) -> Iterable[Widget]:
        page = PageLines(look=self.look, id="plan")
        page.border_title = self._titled()
        yield page
        yield LinesView(
            [((" Reason for custody: ticket, suspicion, authority", "head"),)], look=self.look, id="label"
        )
        field = PlainInput(id="reason", select_on_focus=False)
        field.cursor_blink = False
        yield field
        yield Horizontal(
            LinesView(look=self.look, id="note"),
            Button(Content("[ Cancel ]"), id="cancel"),
            Button(Content("[ Approve ]"), id="approve", disabled=True),
            id="buttons",
        )

    def on_mount(self) -> None:
        self._ask()

    def show_case(self) -> None:
        super().show_case()
        page = self.query_one("#plan", PageLines)
        drawn = (page.inner, id(self._plan), self._busy, self._fault, self._route, self._lock)
        if not page.inner or drawn == self._drawn:
            return
        self._drawn = drawn
        page.border_title = self._titled()
        page.show(self._lines(page.inner))
        approve = self.query_one("#approve", Button)
        word = plans.needs_word(self._plan) if self._plan else ""
        approve.label = Content(f"[ Approve: type {word} to go on ]" if word else "[ Approve ]")
        approve.refresh(layout=True)  # a new label alone does not make the button wider
        approve.disabled = self._plan is None or bool(self._busy)
        self.query_one("#note", LinesView).show([self._note()])

    # Planning

    def _ask(self) -> None:
        self._plan, self._fault, self._digest = None, None, ""
        self._busy = "reading what is there; nothing is changed by a plan"
        self.run_worker(self._plan_it(), exclusive=True, group="plan")
        self.case_changed()

    async def _plan_it(self) -> None:
        try:
            answer = await self.bench.link.call("plan", self._wanted())
            self._take(answer)
        except Fault as fault:
            self._fault = fault
        self._busy = ""
        self.case_changed()

    def _wanted(self) -> dict[str, Any]:
        """What is planned, and then acquired."""
        return {"kind": self._kind, "target": self._target, "route": self._route, "lock_days": self._lock}

    def _take(self, answer: Any) -> None:
        try:
            plan = msgspec.convert(answer["plan"], Plan)
            digest = str(answer["digest"])
        except (msgspec.ValidationError, KeyError, TypeError) as error:
            raise Fault(
                "the agent's answer is not a plan this version can read",
                next="check that the agent and this screen are of the same version (jumpbag info)",
            ) from error
        space = answer.get("space")
        self._plan, self._digest, self._space = plan, digest, space if isinstance(space, str) else ""

    # What is shown

    def _lines(self, width: int) -> list[Line]:
        look, names = self.look, self.bench.shelf.names
        if self._fault is not None:
            out: list[Line] = [(), ((f" {look.failed} refused", "bad"),)]
            out += [((f"   {piece}", ""),) for piece in wrap(look.clean(self._fault.message, 2000), width - 4)]
            if self._fault.next:
                out += [(), ((f" {look.arrow} what to do", "head"),)]
                out += [((f"   {piece}", ""),) for piece in wrap(look.clean(self._fault.next, 2000), width - 4)]
            out += [(), (("   Nothing was changed in any cloud.", "dim"),)]
            out.append((("   r plans another route, l another lock.", "dim"),))
            if self._fault.request_id:
                out.append(((f"   request id {look.clean(self._fault.request_id)}", "dim"),))
            return out
        if self._plan is None:
            return [(), ((f" {look.wait} planning: {self._busy}", "wait"),)]
        plan = self._plan
        return [
            *plans.head(plan, names, width, look),
            (),
            *step_lines(plan, names, width, look),
            (),
            *plans.facts(plan, names, self._space, self.bench.snapshot.case.evidence_dir, width, look),
        ]

    def _note(self) -> Line:
        if self._starting:
            return ((f" {self.look.wait} {self._busy}", "wait"),)
        return ((f" asked: {self._route}", "dim"), (f" {self.look.dot} {self._locked()}", "dim"))

    def _locked(self) -> str:
        return f"lock {plural(self._lock, 'day')}" if self._lock else "no lock"

    def _titled(self) -> Content:
        dot = self.look.dot
        return Content(f"Plan {dot} {self._kind} {self.look.clean(self._crumb, 60)} {dot} {self._locked()}")

    def on_page_lines_scrolled(self) -> None:
        self.tick()

    # Keys: those of a list scroll the plan wherever the focus is.

    def action_move(self, rows: int) -> None:
        self.query_one("#plan", PageLines).action_move(rows)

    def action_page(self, pages: int) -> None:
        self.query_one("#plan", PageLines).action_page(pages)

    def action_first(self) -> None:
        self.query_one("#plan", PageLines).action_first()

    def action_last(self) -> None:
        self.query_one("#plan", PageLines).action_last()

    def action_route(self) -> None:
        if not self._starting:
            self._route = ROUTES[(ROUTES.index(self._route) + 1) % len(ROUTES)]
            self._ask_anew()

    def action_lock(self) -> None:
        if not self._starting:
            self._lock = LOCKS[(LOCKS.index(self._lock) + 1) % len(LOCKS)]
            self._ask_anew()

    @property
    def _starting(self) -> bool:
        return self._plan is not None and bool(self._busy)

    def _ask_anew(self) -> None:
        self.query_one("#cancel", Button).focus()
        self.query_one("#plan", PageLines).action_first()
        self._ask()

    def action_policies(self) -> None:
        plan = self._plan
        if plan is not None:
            names, look = self.bench.shelf.names, self.look
            self.app.push_screen(PageScreen("policies", lambda width: plans.policies(plan, names, width, look)))

    def action_other_button(self) -> None:
        cancel, approve = self.query_one("#cancel", Button), self.query_one("#approve", Button)
        (cancel if approve.has_focus or approve.disabled else approve).focus()

    def action_back(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted, "#reason")
    def _reason_given(self) -> None:
        self.query_one("#cancel", Button).focus()

    @on(Button.Pressed, "#cancel")
    def _cancelled(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#approve")
    def _approved(self) -> None:
        plan = self._plan
        if plan is None or self._busy:
            return
        word = plans.needs_word(plan)
        if not word:
            self._start()
            return
        undone = (
            "What is destroyed cannot be brought back; the plan says how the rest is undone."
            if word == "DESTROY"
            else "The plan says how each is undone."
        )
        question = Question(
            title=f"Approve {plan.kind} {plan.target.id}",
            happens=(
                *plans.effects_in_words(plan, self.bench.shelf.names, self.look),
                f"{undone} Each is recorded in custody before and after.",
            ),
            word=word,
            action="Approve",
        )
        self.bench.ask(question, lambda _: self._start())

    def _start(self) -> None:
        self._busy = "starting"
        self.case_changed()
        self.run_worker(self._acquire(), exclusive=True, group="plan")

    async def _acquire(self) -> None:
        order = {
            **self._wanted(),
            "reason": self.query_one("#reason", PlainInput).value.strip(),
            "digest": self._digest,
        }
        try:
            answer = await self.bench.link.call("acquire", order)
        except Fault as fault:
            self._busy, self._fault, self._plan = "", fault, None
            self.case_changed()
            return
        started = str(answer.get("acquisition", "")) if isinstance(answer, dict) else ""
        self.dismiss(started)
