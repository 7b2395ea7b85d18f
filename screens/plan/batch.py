"""One plan for many targets: each is planned by itself, all are read and approved together, for one reason."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button

from app.faults import Fault, ReadOnly
from app.model import Plan
from screens.command.catalogue import bindings
from screens.command.naming import key_of
from screens.page.screen import PageScreen
from screens.plan.answers import Answer, BatchAnswer, outdated_by, read_answer, read_batch
from screens.plan.approving import STARTING, ApprovalScreen
from screens.plan.batch_drafts import BatchDrafts
from screens.plan.draft_rows import Drafts
from screens.plan.room import free_bytes
from screens.plan.targets import BatchTarget
from screens.present import batch, plans
from screens.present.amounts import plural
from screens.present.batch import Draft
from screens.present.cells import Line, Span, wrap
from screens.widgets.edges import set_subtitle, set_title
from screens.widgets.line_view import LinesView
from screens.widgets.page_lines import PageLines
from screens.widgets.row_list import RowList
from screens.widgets.typed_confirm import Question

MOST = 64
"""Targets of one batch: more cannot be read before they are approved."""
_FRAME = 3  # lines around the targets: the border and the column titles


class BatchScreen(ApprovalScreen[tuple[str, ...] | None]):
    """Dismissed with the ids of the acquisitions that were started, or None: nothing was.

    What is refused is listed and left out. Where some of those approved are refused at the start, the screen stays
    and says which; leaving it then still gives the ids of the others.
    """

    many = True
    BINDINGS: ClassVar[list[BindingType]] = bindings("plan")

    def __init__(self, targets: tuple[BatchTarget, ...]) -> None:
        super().__init__()
        self._drafts = BatchDrafts(targets, self._changed)
        self._reason_for = f"batch {' '.join(sorted(self._drafts.keys))}"
        self._planning = False
        self._said: Sequence[Span] = ()  # what came of the last approval
        self._free: int | None = None
        self._ids: tuple[str, ...] = ()
        self._edition = 0
        self._drawn: object = None

    # What is shown

    @property
    def reason_for(self) -> str:
        return self._reason_for

    @property
    def crumbs(self) -> Sequence[str]:
        return (f"batch of {len(self._drafts)}", "plan")

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        if self.begun():
            return self.hints_of("page.back", "help")
        reason = ("plan.reason",) if self.approvable() or self.waiting() else ()
        again = ("plan.again",) if self._drafts.refused and not self._planning else ()
        return self.hints_of(*reason, "plan.drop", *again, "plan.route", "plan.lock", "page.back", "help")

    def body(self) -> Iterable[Widget]:
        yield Vertical(
            LinesView(look=self.look, id="titles"),
            RowList(look=self.look, id="rows", empty=((" nothing is left in this batch", "dim"),)),
            id="targets",
        )
        yield PageLines(look=self.look, id="plan")
        yield from self.approval()

    def on_mount(self) -> None:
        self._plan_anew(self._drafts.keys)

    def show_case(self) -> None:
        super().show_case()
        page, rows = self.query_one("#plan", PageLines), self.query_one("#rows", RowList)
        drawn = (page.inner, rows.inner, self._edition, self.bench.shelf)
        if not page.inner or drawn == self._drawn:
            return
        self._drawn = drawn
        drafts, names, look = self._drafts.rows, self.bench.shelf.names, self.look
        self.query_one("#titles", LinesView).show([batch.header(rows.inner, look)])
        rows.show(Drafts(drafts, names, look))
        # As long as it is, up to two thirds of the room: what nobody saw is not approved.
        self.query_one("#targets").styles.max_height = max(1, len(drafts)) + _FRAME
        self._name_titles()
        folder = self.bench.snapshot.case.evidence_dir
        page.show([*self._news(page.inner), *batch.together(drafts, names, folder, self._free, page.inner, look)])

    def _name_titles(self) -> None:
        dot, drafts = f" {self.look.dot} ", self._drafts.rows
        parts = ["Batch plan", plural(len(drafts), "target"), batch.without(self._drafts.refused)]
        parts += [f"{len(self._ids)} started" if self._ids else "", self.locked]
        set_title(self.query_one("#targets"), Content(dot.join(part for part in parts if part)))
        dangers, notes = batch.warned(drafts)
        parts = ["All of them", f"{self.look.warn} {plural(dangers, 'danger')}" if dangers else ""]
        parts.append(plural(notes, "note") if notes else "")
        set_title(self.query_one("#plan"), Content(dot.join(part for part in parts if part)))
        self._name_place()

    def _name_place(self) -> None:
        if not self.is_attached or not self.query(RowList):
            return  # it is being taken down
        rows = self.query_one("#rows", RowList)
        key, _ = self.bench.registry.hint("list.open")
        place = f"{rows.cursor + 1}/{len(rows.source)}" if rows.cursor is not None else ""
        text = f"{key} whole plan {self.look.dash} {place}" if rows.has_focus and place else place
        set_subtitle(self.query_one("#targets"), Content(self.look.plain(text)) if text else None)

    def _news(self, width: int) -> list[Line]:
        """What is in the way of all of them, or came of the last try to approve them."""
        said, key = self._said, self.bench.registry.hint("plan.drop")[0] or ":drop"
        if len(self._drafts) > MOST:
            said = batch.too_many(len(self._drafts), MOST, key)
        return batch.news(said, width, self.look)

    def doing(self) -> str:
        if self.ordered or not self._planning:
            return STARTING if self.ordered else ""
        place = min(self._drafts.settled + 1, len(self._drafts))
        return f"planning {place} of {len(self._drafts)}, {self.planning_for}"

    def waiting(self) -> bool:
        return self._planning or self.ordered

    def _changed(self) -> None:
        self._edition += 1
        self.case_changed()

    def on_row_list_moved(self) -> None:
        self._name_place()

    def on_descendant_focus(self) -> None:
        self._name_place()

    def on_descendant_blur(self) -> None:
        self.call_after_refresh(self._name_place)

    # Planning

    def _plan_anew(self, wanted: Sequence[str]) -> None:
        """Ask for the plans of these targets; what was planned of them before is dropped."""
        self._drafts.forget(wanted)
        if wanted and len(self._drafts) <= MOST:
            self._planning = True
            self.asked_now()
            self.run_worker(self._plan_all(wanted), exclusive=True, group="plan")
            self.run_worker(self._measure(), exclusive=True, group="room")
        self._changed()

    async def _plan_all(self, wanted: Sequence[str]) -> None:
        if await self._drafts.plan(wanted, self._ask):
            self._planning = False
            self._changed()

    async def _ask(self, target: BatchTarget) -> Answer:
        found = read_answer(await self.bench.link.call("plan", self._wanted(target)))
        self.bench.follower.saw("plan", target.kind, target.target, route=found.plan.route)
        return found

    async def _measure(self) -> None:
        self._free = await asyncio.to_thread(free_bytes, self.bench.snapshot.case.evidence_dir)
        self._changed()

    def _wanted(self, target: BatchTarget) -> dict[str, Any]:
        return {
            "kind": target.kind,
            "target": target.target,
            "route": self.asked_route,
            "lock_days": self.lock_days,
        }

    # Keys: those of a list move its cursor wherever the focus is, page keys scroll what is said of all.

    def action_move(self, rows: int) -> None:
        self._list().action_move(rows)

    def action_first(self) -> None:
        self._list().action_first()

    def action_last(self) -> None:
        self._list().action_last()

    def _list(self) -> RowList:
        """The targets. From a button the focus goes with it: Enter then opens a plan, and leaves nothing."""
        rows = self.query_one("#rows", RowList)
        if isinstance(self.focused, Button):
            rows.focus()
        return rows

    def plan_anew(self) -> None:
        self._said = ()
        self._plan_anew(self._drafts.keys)

    def action_again(self) -> None:
        """Those without a plan; all where there are none."""
        if self.may_plan():
            self._said = ()
            self._plan_anew([one.target.target for one in self._drafts.refused] or self._drafts.keys)

    def may_plan(self) -> bool:
        if self._ids:
            self.bench.say("This batch was approved. Go back, and plan what was refused by itself.", "warning")
        return not self.begun()

    def action_drop(self) -> None:
        key = self.query_one("#rows", RowList).current
        if key is None or not self.may_plan():
            return
        were_too_many = len(self._drafts) > MOST
        left_out = self._drafts.drop(key)
        self.bench.say(f"{self.look.clean(left_out.target.crumb)} is left out of the batch.")
        if were_too_many and len(self._drafts) <= MOST:
            self._plan_anew(self._drafts.keys)
        else:
            self._changed()

    def action_policies(self) -> None:
        one = self._current
        if one is not None and one.plan is not None:
            plan, names, look = one.plan, self.bench.shelf.names, self.look
            self.app.push_screen(PageScreen("policies", lambda width: plans.policies(plan, names, width, look)))
        else:
            self.bench.say("There is no plan of this target, so there are no policies.")

    @property
    def _current(self) -> Draft | None:
        return self._drafts.get(self.query_one("#rows", RowList).current)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """The whole plan of one target, or the whole reason why there is none; to be read only."""
        event.stop()
        one = self._drafts.get(event.key)
        if one is None:
            return
        look, names, folder = self.look, self.bench.shelf.names, self.bench.snapshot.case.evidence_dir
        plan, fault = one.plan, one.fault

        def build(width: int) -> list[Line]:
            why = f"{one.target.kind}, because {look.clean(one.target.why, 400)}" if one.target.why else ""
            lead: list[Line] = [((f" {piece}", "dim"),) for piece in wrap(why, width - 2)] if why else []
            if fault is not None:
                return [*lead, *plans.refused(fault, width, look)]
            assert plan is not None
            return [
                *lead,
                *plans.page(plan, names, one.space, folder, width, look, key_of(self.bench, "plan.policies")),
            ]

        if plan is None and fault is None:
            self.bench.say(f"{look.clean(one.target.crumb)} is not planned yet.", "warning")
        else:
            self.app.push_screen(PageScreen(f"plan of {look.clean(one.target.crumb, 60)}", build))

    # Approving

    def approvable(self) -> Sequence[Plan]:
        if self._planning or self.begun() or len(self._drafts) > MOST:
            return ()
        return [plan for _, plan in batch.planned(self._drafts.rows)]

    def question(self, word: str) -> Question:
        number = len(batch.planned(self._drafts.rows))
        return Question(
            title=f"Approve {plural(number, 'plan')}",
            happens=batch.happens(self._drafts.rows, word, self.bench.shelf.names, self.look),
            word=word,
            action=f"Approve {number}",
        )

    def start(self) -> None:
        if self.approvable():
            self._said = ()
            approved = [one for one, _ in batch.planned(self._drafts.rows)]
            wanted = [{**self._wanted(one.target), "digest": one.digest} for one in approved]
            self._changed()
            self.give(self._acquire(approved, {"plans": wanted, "reason": self.reason}))

    def begun(self) -> bool:
        return super().begun() or bool(self._ids)

    async def _acquire(self, approved: Sequence[Draft], order: dict[str, Any]) -> None:
        try:
            answer = read_batch(await self.bench.link.call("acquire.batch", order))
        except ReadOnly as fault:
            self.bench.say_fault(fault)
        except Fault as fault:
            self._nothing_started(fault, approved)
        else:
            self._take(answer, approved)
        self._changed()

    def _nothing_started(self, fault: Fault, approved: Sequence[Draft]) -> None:
        """The agent refused the whole batch. Plans that do not hold are made again; the others stay."""
        lead, todo = "Nothing was started", fault.next
        if plans.unanswered(fault):
            lead, todo = (
                "Whether anything was started is not known",
                "Look at the acquisitions before you approve again.",
            )
        self.say_unseen(lead, Fault(fault.message, next=todo))
        outdated = outdated_by(fault, [one.target.target for one in approved])
        if outdated and self.is_open:
            crumbs = ", ".join(
                self.look.clean(one.target.crumb) for one in approved if one.target.target in outdated
            )
            self._said = (
                (batch.led(lead, fault.message), "need"),
                (f"Planned again: {crumbs}. Read what is new there, then approve once more.", ""),
            )
            self._plan_anew(outdated)
        else:
            self._said = ((batch.led(lead, fault.message), "bad"), *(((todo, ""),) if todo else ()))

    def _take(self, answer: BatchAnswer, approved: Sequence[Draft]) -> None:
        """Some or all were started: leave with their ids, or stay and say which were refused."""
        self._ids = self._drafts.take(answer, approved)
        failed = len(approved) - len(self._ids)
        if self._ids:
            self.reason_given()
        if not failed:
            self.end(self._ids, f"{plural(len(self._ids), 'acquisition')} queued.")
            return
        what = f"{len(self._ids)} of {len(approved)} started" if self._ids else "Nothing was started"
        self._said = ((f"{what}, {failed} refused when they were to start: why stands below.", "need"),)
        first = next(one.fault for one in self._drafts.refused if one.fault is not None)
        self.say_unseen(f"{what}, {failed} refused", first)

    def action_back(self) -> None:
        if self._ids:
            self.finish(self._ids)
        else:
            super().action_back()
