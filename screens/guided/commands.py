"""The commands of guided mode: a playbook is begun, its present step recorded, skipped, taken back or read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from app.faults import Fault
from screens.command.naming import key_of
from screens.guided.choose import GuideScreen
from screens.guided.follow import Recorded
from screens.guided.lines import Shown
from screens.guided.note import NoteScreen
from screens.guided.pages import run_page, step_page
from screens.page.screen import PageScreen
from screens.present.cells import Line
from screens.present.ids import target
from screens.widgets.typed_confirm import Question

if TYPE_CHECKING:
    from screens.root import Workbench


class GuideCommands:
    """What the keys of guided mode do. What is followed, and what a step holds back, the follower knows."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._follower = bench.follower
        self._look = bench.look

    # A playbook

    def choose(self) -> None:
        """The playbook that the case offers, or the list of all."""
        offer = self._follower.offer
        if offer is not None:
            self._start(offer.playbook.id)
        elif not isinstance(self._bench.screen, GuideScreen):
            self._bench.push_screen(GuideScreen(self._follower, self._start))

    def begin(self, text: str) -> None:
        """``PLAYBOOK`` begins one, ``G-0001`` goes on with a run."""
        wanted = text.strip()
        run = next((one for one in self._bench.snapshot.guides if one.id == wanted), None)
        if run is None:
            self._start(wanted)
        elif run.examiner == self._bench.examiner:
            self._follower.show(run.id)
        else:
            self._bench.push_screen(GuideScreen(self._follower, self._start, run.id))

    def _start(self, playbook: str) -> None:
        self._bench.run_worker(self._begin(playbook), group="orders")

    async def _begin(self, playbook: str) -> None:
        link = self._bench.link
        await link.tried()
        try:
            answer = await link.call("playbook.start", {"playbook": playbook, "target": ""})
        except Fault as fault:
            self._bench.say_fault(fault)
            return
        if isinstance(answer, dict):
            self._follower.show(str(answer.get("run", "")))

    # Its present step

    def done(self) -> None:
        """Record what was done by hand; asks for the note."""
        self._present(lambda shown, step: self._ask(shown, step, "by_hand"))

    def done_as(self, note: str) -> None:
        """The same with the note."""
        self._present(lambda shown, step: self._follower.record(step, "by_hand", note.strip()))

    def skip(self) -> None:
        """Leave the step out; asks why."""
        self._present(lambda shown, step: self._ask(shown, step, "skipped"))

    def skip_because(self, why: str) -> None:
        """The same with the reason."""
        self._present(lambda shown, step: self._follower.record(step, "skipped", why.strip()))

    def again(self) -> None:
        """Take back the newest record of a step."""
        run = self._follower.run
        if run is None:
            self._say_none()
            return
        recorded = [step for step in run.steps if step.state != "todo"]
        if recorded:
            last = max(recorded, key=lambda step: step.at)
            self._follower.record(last.id, "todo", "")
        else:
            self._bench.say(f"No step of {self._look.clean(run.id, 20)} is recorded yet.", "warning")

    def abandon(self) -> None:
        """End the run that is followed with steps left; asks for its id, and for a reason."""
        self._present(self._ask_to_abandon)

    def _ask_to_abandon(self, shown: Shown, step: str) -> None:
        run, look = shown.run, self._look
        left = sum(one.state == "todo" for one in run.steps)
        question = Question(
            title=f"Abandon {run.id}",
            happens=(
                f"{look.clean(run.title, 60)}: {left} of {len(run.steps)} steps are left, and stay undone.",
                "Nobody can go on with this run; the playbook can be begun anew.",
                "Custody has it under your name, with what was recorded so far.",
                "Nothing that runs is touched.",
            ),
            word=run.id,
            action="Abandon",
            ask_reason=True,
            cancel="Go on with it",
        )

        def asked(reason: str) -> None:
            self._bench.run_worker(self._abandon(run.id, reason), group="orders")

        self._bench.ask(question, asked)

    async def _abandon(self, run: str, reason: str) -> None:
        try:
            await self._bench.link.call("playbook.abandon", {"run": run, "reason": reason})
        except Fault as fault:
            self._bench.say_fault(fault)
            return
        self._follower.hide()
        self._bench.say(f"{self._look.clean(run, 20)} is abandoned.")

    def about(self) -> None:
        """The run is about what the cursor of pane 2 is on."""
        run, workbench = self._follower.run, self._bench.workbench
        one = workbench.resources.current if self._bench.screen is workbench else None
        if run is None:
            self._say_none()
        elif one is None or one.kind not in ("instance", "volume"):
            self._bench.say("Put the cursor on an instance or a disk in pane 2 first.", "warning")
        else:
            said = f"{run.id} is about {self._look.clean(one.name or one.id)} now."
            whole = target(one.cloud, one.account, one.id)
            self._bench.order("playbook.target", {"run": run.id, "target": whole}, said)

    def more(self) -> None:
        """The whole text of the step, and what was recorded so far."""
        shown, screen = self._follower.shown, self._bench.screen
        if isinstance(screen, GuideScreen):
            screen.show_more()
        elif shown is None:
            self._say_none()
        elif not (isinstance(screen, PageScreen) and shown.run.id in screen.crumbs):
            title = f"{shown.run.id}: {shown.run.title}"
            self._bench.push_screen(PageScreen(shown.run.id, self._more, title))

    def _present(self, then: Callable[[Shown, str], None]) -> None:
        """Do it for the run that is followed and the id of its present step, or say that there is none."""
        shown = self._follower.shown
        if shown is None:
            self._say_none()
        elif shown.place is None:
            who = self._look.clean(shown.run.abandoned, 64)
            how = f"was abandoned by {who}" if who else "is finished"
            self._bench.say(f"{self._look.clean(shown.run.id, 20)} {how}.", "warning")
        else:
            then(shown, shown.run.steps[shown.place].id)

    def _say_none(self) -> None:
        key = key_of(self._bench, "guide")
        self._bench.say(f"No playbook is followed: {key} lists them.", "warning")

    def _ask(self, shown: Shown, step: str, state: Recorded) -> None:
        place, text = shown.place or 0, shown.step
        lead = "By hand" if state == "by_hand" else "Skip"
        title = f"{lead} {place + 1}: {shown.title_of(shown.run.steps[place], self._look)}"
        if state == "skipped":
            asks = "Why is this step skipped? It goes into custody under your name."
        else:
            asks = (
                text.record if text is not None else ""
            ) or "What was done, by whom, when (UTC), and what was seen."

        if shown.owed:
            asks = f"{shown.owed[:1].upper()}{shown.owed[1:]}. {asks}"

        def given(note: str | None) -> None:
            if note is not None:
                self._follower.record(step, state, note)

        self._bench.push_screen(NoteScreen(title, asks, self._look), given)

    def _more(self, width: int) -> list[Line]:
        shown = self._follower.shown
        if shown is None:
            return [(("This run is not followed any more.", "dim"),)]
        if shown.place is None:
            return run_page(shown, width, self._look)
        page = step_page(shown, shown.place, self._follower.held_words(), width, self._look)
        return [*page, (), (("so far", "head"),), (), *run_page(shown, width, self._look)]
