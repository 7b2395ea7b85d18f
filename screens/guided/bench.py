"""The commands of guided mode, for the application that has the other screens."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.actions import ActionParseResult
from textual.binding import Binding
from textual.dom import DOMNode

from app.faults import Fault
from app.guided.load import Sources
from screens.base import CaseScreen
from screens.guided.choose import GuideScreen
from screens.guided.follow import Follower, Recorded
from screens.guided.lines import Shown, run_page, step_page
from screens.guided.note import NoteScreen
from screens.orders import Orders
from screens.page.screen import PageScreen
from screens.present.cells import Line


class Guided(Orders):
    """``action_…`` is bound to keys, ``take_…`` gets what stands after the word on the ``:`` line."""

    def follow_guides(self, sources: Sources) -> None:
        """To be called once, before the screens are up."""
        self.follower = Follower(self.bench, sources, self._guides_changed)

    def _guides_changed(self) -> None:
        for screen in self.screen_stack if self.is_running else ():
            if isinstance(screen, CaseScreen):
                screen.case_changed()

    # What a step holds back

    def held(self, command: str) -> str:
        """Why a command is not to be used now, "" where it may be."""
        return self.follower.held(command)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Keys come this way: one whose command is held says so instead."""
        for ident in _idents(action, default_namespace or self):
            held = self.held(ident)
            if held:
                self.say(held, "warning")
                return True
        return await super().run_action(action, default_namespace, namespaces)

    # Playbooks

    def action_guide(self) -> None:
        offer = self.follower.offer
        if offer is not None:
            self._start(offer.playbook.id)
        elif not isinstance(self.screen, GuideScreen):
            self.push_screen(GuideScreen(self.follower, self._start))

    def take_guide(self, text: str) -> None:
        """``PLAYBOOK`` begins one, ``G-0001`` goes on with a run."""
        wanted = text.strip()
        run = next((one for one in self.snapshot.guides if one.id == wanted), None)
        if run is None:
            self._start(wanted)
        elif run.examiner == self.examiner:
            self.follower.show(run.id)
        else:
            self.push_screen(GuideScreen(self.follower, self._start, run.id))

    def _start(self, playbook: str) -> None:
        self.run_worker(self._begin_guide(playbook), group="orders")

    async def _begin_guide(self, playbook: str) -> None:
        await self.link.tried()
        try:
            answer = await self.link.call("playbook.start", {"playbook": playbook, "target": ""})
        except Fault as fault:
            self.say_fault(fault)
            return
        if isinstance(answer, dict):
            self.follower.show(str(answer.get("run", "")))

    # The present step

    def _present(self, then: Callable[[Shown, str], None]) -> None:
        """Do it for the run that is followed and the id of its present step, or say that there is none."""
        shown = self.follower.shown
        if shown is None:
            self.say(f"No playbook is followed: {self.follower.key('guide')} lists them.", "warning")
        elif shown.place is None:
            self.say(f"{shown.run.id} is finished.", "warning")
        else:
            then(shown, shown.run.steps[shown.place].id)

    def action_guide_done(self) -> None:
        self._present(lambda shown, step: self._ask(shown, step, "by_hand"))

    def take_guide_done(self, text: str) -> None:
        """The note itself."""
        self._present(lambda shown, step: self.follower.record(step, "by_hand", text.strip()))

    def action_guide_skip(self) -> None:
        self._present(lambda shown, step: self._ask(shown, step, "skipped"))

    def take_guide_skip(self, text: str) -> None:
        """Why."""
        self._present(lambda shown, step: self.follower.record(step, "skipped", text.strip()))

    def _ask(self, shown: Shown, step: str, state: Recorded) -> None:
        place, text = shown.place or 0, shown.step
        lead = "By hand" if state == "by_hand" else "Skip"
        title = f"{lead} {place + 1}: {shown.title_of(shown.run.steps[place], self.look)}"
        if state == "skipped":
            asks = "Why is this step skipped? It goes into custody under your name."
        else:
            asks = (
                text.record if text is not None else ""
            ) or "What was done, by whom, when (UTC), and what was seen."

        def given(note: str | None) -> None:
            if note is not None:
                self.follower.record(step, state, note)

        self.push_screen(NoteScreen(title, asks, self.look), given)

    def action_guide_again(self) -> None:
        run = self.follower.run
        if run is None:
            self._present(lambda shown, step: None)
            return
        recorded = [step for step in run.steps if step.state != "todo"]
        if recorded:
            last = max(recorded, key=lambda step: step.at)
            self.follower.record(last.id, "todo", "")
        else:
            self.say(f"No step of {self.look.clean(run.id, 20)} is recorded yet.", "warning")

    def action_guide_target(self) -> None:
        run, one = self.follower.run, self.workbench.resources.current
        if run is None:
            self._present(lambda shown, step: None)
        elif self.screen is not self.workbench or one is None or one.kind not in ("instance", "volume"):
            self.say("Put the cursor on an instance or a disk in pane 2 first.", "warning")
        else:
            target = f"{one.cloud}:{one.account}:{one.id}"
            said = f"{run.id} is about {self.look.clean(one.name or one.id)} now."
            self.order("playbook.target", {"run": run.id, "target": target}, said)

    def action_guide_more(self) -> None:
        shown = self.follower.shown
        if isinstance(self.screen, GuideScreen):
            self.screen.show_more()
        elif shown is None:
            self._present(lambda shown, step: None)
        elif not (isinstance(self.screen, PageScreen) and shown.run.id in self.screen.crumbs):
            self.push_screen(PageScreen(shown.run.id, self._more, f"{shown.run.id}: {shown.run.title}"))

    def _more(self, width: int) -> list[Line]:
        shown = self.follower.shown
        if shown is None:
            return [(("This run is not followed any more.", "dim"),)]
        if shown.place is None:
            return run_page(shown, width, self.look)
        page = step_page(shown, shown.place, self.follower.held_words(), width, self.look)
        return [*page, (), (("so far", "head"),), (), *run_page(shown, width, self.look)]


def _idents(action: str | ActionParseResult, node: DOMNode) -> set[str]:
    """The ids of the commands of which a node has that action."""
    return {
        bound.id
        for kind in type(node).__mro__
        for bound in kind.__dict__.get("BINDINGS", ())
        if isinstance(bound, Binding) and bound.id and bound.action == action
    }
