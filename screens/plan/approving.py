"""What the plan and the batch plan share: the reason for custody, the write window, the ladder before Approve."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input

from app.faults import Fault
from app.model import Plan
from screens.base import CaseScreen, Result
from screens.command.catalogue import bindings
from screens.command.naming import key_of
from screens.present import approval
from screens.present.amounts import plural
from screens.present.cells import Line, cells
from screens.present.durations import age
from screens.widgets.footer_line import hint_line
from screens.widgets.line_view import LinesView
from screens.widgets.page_lines import PageLines
from screens.widgets.plain_input import PlainInput
from screens.widgets.typed_confirm import Question

ROUTES = ("auto", "direct", "copy", "preserve")
_CRUMBS = 12  # cells of the footer for where one is, at least
LOCKS = (0, 7, 30, 90)
"""Days for which the snapshot that stays is locked; 0 does not lock it."""
STARTING = "starting: the order was given"


class ApprovalScreen(CaseScreen[Result]):
    """Subclasses say what there is to approve, and have a page ``#plan``.

    Approve works in an open write window only. While the case is read-only nothing is lost: plans and reason stay,
    and the button is live again as soon as the window opens.
    """

    CSS_PATH = Path(__file__).with_name("plan.tcss")
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = bindings("lists", without="choose")

    many = False
    """Whether there are several to approve: the button counts them, and they are listed before they start."""

    def __init__(self) -> None:
        super().__init__()
        self._asked_at = 0.0
        self.ordered = False
        """The order to start was given, and is not answered yet."""
        self.asked_route = ROUTES[0]
        self.lock_days = LOCKS[0]

    # What subclasses say

    def may_plan(self) -> bool:
        """Whether another plan may be asked for now; False, after saying why where a person may wonder."""
        raise NotImplementedError

    def plan_anew(self) -> None:
        """Plan with this route and lock."""
        raise NotImplementedError

    def approvable(self) -> Sequence[Plan]:
        """The plans that Approve approves, none while nothing can be approved."""
        raise NotImplementedError

    def doing(self) -> str:
        """What is under way, "" while nothing is."""
        raise NotImplementedError

    def waiting(self) -> bool:
        """Whether something to approve may come of what is under way."""
        raise NotImplementedError

    def question(self, word: str) -> Question:
        """What is asked before that word is typed, or before several start."""
        raise NotImplementedError

    def start(self) -> None:
        """All was given that the ladder asks for."""
        raise NotImplementedError

    def begun(self) -> bool:
        """Whether leaving takes nothing back any more."""
        return self.ordered

    @property
    def reason_for(self) -> str:
        """What the reason is for: opened again for the same in this session, it stands there as it was left."""
        raise NotImplementedError

    # What they get

    @property
    def reason(self) -> str:
        """What was typed for custody."""
        return self.query_one("#reason", PlainInput).value.strip()

    @property
    def locked(self) -> str:
        """The lock in words."""
        return f"lock {plural(self.lock_days, 'day')}" if self.lock_days else "no lock"

    def hints_of(self, *idents: str) -> list[tuple[str, str]]:
        """The hints of these commands, with that for the rest of the page, as far as there is room for them: some
        keys are named in the plan, or on the help page alone."""
        below = self.is_mounted and self.query_one("#plan", PageLines).below > 0
        more = [("PgDn", f"more {self.look.below}")] if below else []
        for left_out in ("", "plan.policies", "plan.lock", "plan.route"):
            idents = tuple(one for one in idents if one != left_out)
            hints = more + self.bench.registry.hints(*idents)
            if cells(hint_line(hints)) <= self.size.width - _CRUMBS:
                break
        return hints

    def approval(self) -> Iterable[Widget]:
        """The lower part: the reason, the write window where it is shut, the buttons."""
        yield LinesView([self._labelled()], look=self.look, id="label")
        kept = self.bench.reasons.get(self.reason_for, "")
        field = PlainInput(kept, id="reason", select_on_focus=False)
        field.cursor_blink = False
        yield field
        yield LinesView(look=self.look, id="power")
        yield Horizontal(
            LinesView(look=self.look, id="note"),
            Button(Content("[ Cancel ]"), id="cancel"),
            Button(Content("[ Approve ]"), id="approve", disabled=True),
            id="buttons",
        )

    def show_time(self) -> None:
        super().show_time()
        plans, armed = self.approvable(), self.bench.armed
        power = self.query_one("#power", LinesView)
        power.show(approval.power_lines(armed, self._arms, self.look))
        approve, cancel = self.query_one("#approve", Button), self.query_one("#cancel", Button)
        offered = bool(plans) or self.waiting()
        if not offered and self.focused in (approve, self.query_one("#reason")):
            cancel.focus()
        leave = "[ Close ]" if self.begun() else "[ Cancel ]"
        if str(cancel.label) != leave:
            cancel.label = Content(leave)
            cancel.refresh(layout=True)  # a new label alone does not make the button wider or narrower
        for lower in ("#label", "#reason"):
            self.query_one(lower).display = offered
        power.display = offered and not armed and not self.ordered
        self.query_one("#reason").disabled = self.ordered  # what is typed there would come too late
        approve.display = offered
        approve.visible = bool(plans)  # its place is kept while a plan is made
        self.query_one("#note", LinesView).show([self._note()])
        self.query_one("#label", LinesView).show([self._labelled()])
        word = approval.needs_word(*plans)
        label = approval.button(word, armed or not plans, self._arms, len(plans) if self.many else 0)
        if str(approve.label) != label:
            approve.label = Content(label)
            approve.refresh(layout=True)
        approve.disabled = not plans

    def _note(self) -> Line:
        doing = self.doing()
        if doing:
            return ((f" {self.look.wait} {doing}", "wait"),)
        return ((f" asked: {self.asked_route}", "dim"), (f" {self.look.dot} {self.locked}", "dim"))

    def _labelled(self) -> Line:
        """What the line for the reason is for; once something stands there, what Enter does where the focus is."""
        if self.is_mounted and self.reason and not self.begun() and isinstance(self.focused, Button):
            plans, choose = self.approvable(), key_of(self.bench, "plan.choose")
            word, ready = approval.needs_word(*plans), bool(plans) and self.bench.armed
            said = approval.enter_does(self.focused.id or "", word, ready, self.many, choose, self.look)
            if said:
                return ((f" {said}", "head"),)
        key, _ = self.bench.registry.hint("plan.reason")
        return ((f" Reason for custody{f' ({key})' if key else ''}: ticket, suspicion, authority", "head"),)

    @property
    def _arms(self) -> str:
        """How a write window is opened: its key, its command where it has none."""
        return self.bench.registry.hint("arm")[0] or ":arm"

    @property
    def planning_for(self) -> str:
        """How long the plans have been asked for, and how to leave: ``12 s, Esc leaves``."""
        took = age(max(0.0, self.bench.clock.monotonic() - self._asked_at))
        key, _ = self.bench.registry.hint("page.back")
        return f"{took}, {key} leaves" if key else took

    def asked_now(self) -> None:
        """Plans are asked for from now on."""
        self._asked_at = self.bench.clock.monotonic()

    def action_reason(self) -> None:
        field = self.query_one("#reason", PlainInput)
        if self.ordered:
            self.bench.say("The order was given, with the reason that stands here.")
        elif field.display:
            field.focus()
        else:
            self.bench.say("There is nothing to approve here, so no reason is asked for.")

    def action_again(self) -> None:
        if self.may_plan():
            self._ask_anew()

    def action_route(self) -> None:
        if self.may_plan():
            self.asked_route = ROUTES[(ROUTES.index(self.asked_route) + 1) % len(ROUTES)]
            self._ask_anew()

    def action_lock(self) -> None:
        if self.may_plan():
            self.lock_days = LOCKS[(LOCKS.index(self.lock_days) + 1) % len(LOCKS)]
            self._ask_anew()

    def _ask_anew(self) -> None:
        self.query_one("#cancel", Button).focus()
        self.query_one("#plan", PageLines).action_first()
        self.plan_anew()

    def on_page_lines_scrolled(self) -> None:
        self.tick()

    def action_page(self, pages: int) -> None:
        self.query_one("#plan", PageLines).action_page(pages)

    def action_other_button(self) -> None:
        cancel, approve = self.query_one("#cancel", Button), self.query_one("#approve", Button)
        (cancel if approve.has_focus or approve.disabled else approve).focus()

    # The order

    def give(self, order: Coroutine[Any, Any, None]) -> None:
        """Carry the order to start out. The application does: leaving the page neither ends it nor hides its
        outcome."""
        self.ordered = True
        self.case_changed()
        self.app.run_worker(self._given(order), group="orders")

    async def _given(self, order: Coroutine[Any, Any, None]) -> None:
        try:
            await order
        finally:
            self.ordered = False
        if self.is_open:
            self.query_one("#cancel", Button).focus()
        self.case_changed()

    @property
    def is_seen(self) -> bool:
        """What stands on it is on the screen now."""
        return self.is_open and self.app.screen is self

    def say_unseen(self, said: str, fault: Fault) -> None:
        """What came of the order, where the page that tells it is not seen."""
        if not self.is_seen:
            self.bench.say_fault(Fault(f"{said}: {fault.message}", next=fault.next))

    def end(self, result: Result, said: str) -> None:
        """All was started; ``said`` tells it. Whoever opened this page says so itself, unless the page is gone or
        text is typed over it."""
        if self.is_open and not self.is_typed_over:
            self.finish(result)
        else:
            self.bench.say(said)
            self.finish()

    def action_back(self) -> None:
        if self.ordered:
            self.bench.say("The order was given; what comes of it is told.")
        self.finish()

    def on_descendant_focus(self) -> None:
        self.tick()

    @on(Input.Changed, "#reason")
    def _reason_typed(self) -> None:
        self.bench.reasons[self.reason_for] = self.reason

    def reason_given(self) -> None:
        """It went with an order that was carried out: what is planned next has a reason of its own."""
        self.bench.reasons.pop(self.reason_for, None)

    @on(Input.Submitted, "#reason")
    def _reason_given(self) -> None:
        self.query_one("#cancel", Button).focus()

    @on(Button.Pressed, "#cancel")
    def _cancelled(self) -> None:
        self.action_back()

    @on(Button.Pressed, "#approve")
    def _approved(self) -> None:
        plans = self.approvable()
        if not plans:
            return
        if not self.bench.armed:
            self.bench.say(approval.read_only(self._arms), "warning")
            return
        if approval.needs_reason(*plans) and not self.reason:
            self.bench.say(
                "This destroys what the plan did not make itself: custody needs the reason before it starts.",
                "warning",
            )
            self.query_one("#reason", PlainInput).focus()
            return
        word = approval.needs_word(*plans)
        if word or self.many:
            self.bench.ask(self.question(word), lambda _: self.start())
        else:
            self.start()
