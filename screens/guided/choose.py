"""Playbooks and runs to choose from: begin one, go on with one, take one over, read what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from app.faults import Fault
from app.guided.conditions import present
from app.guided.load import Edition, Faulty
from app.model.view import GuideRun
from screens.base import CaseScreen
from screens.command.naming import key_of
from screens.guided import books, lines, pages
from screens.guided.follow import Follower
from screens.page.screen import PageScreen
from screens.present.cells import Line, fit_line, spread
from screens.present.look import Look
from screens.widgets.line_view import LinesView
from screens.widgets.row_list import RowList
from screens.widgets.typed_confirm import Question

Entry = GuideRun | Edition | Faulty


class Entries:
    """Row source, two lines each: unfinished runs, playbooks, finished runs, files that are refused."""

    def __init__(self, follower: Follower, runs: Sequence[GuideRun], examiner: str, look: Look) -> None:
        library = follower.library
        editions = list(library.editions.values()) if library else []
        open_ = [run for run in reversed(runs) if present(run) is not None]
        closed = [run for run in reversed(runs) if present(run) is None]
        self.rows: list[Entry] = [*open_, *editions, *closed, *(library.faulty if library else ())]
        self._at = {self.key(place): place for place in range(len(self.rows))}
        self._shown, self._examiner, self._look = follower.run, examiner, look

    def __len__(self) -> int:
        return len(self.rows)

    def key(self, index: int) -> str:
        one = self.rows[index]
        if isinstance(one, GuideRun):
            return f"run {one.id}"
        return f"playbook {one.playbook.id}" if isinstance(one, Edition) else f"file {one.source}"

    def find(self, key: str) -> int | None:
        return self._at.get(key)

    def get(self, key: str | None) -> Entry | None:
        """The entry of that key."""
        place = self._at.get(key) if key is not None else None
        return None if place is None else self.rows[place]

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        one, look = self.rows[index], self._look
        if isinstance(one, GuideRun):
            return self._run(one, width)
        if isinstance(one, Faulty):
            first: Line = ((f" {look.failed} ", "bad"), (look.clean(one.source, 200), ""))
            second: Line = ((f"   refused: {look.clean(one.reason, 300)}", "need"),)
        else:
            book = one.playbook
            head: Line = ((f" {look.idle} ", "dim"), (look.clean(book.title), "strong"))
            first = spread(head, ((f"{len(book.steps)} steps ", "dim"),), width, look)
            second = ((f"   {look.clean(book.summary, 300)}", "dim"),)
        return fit_line(first, width, look), fit_line(second, width, look)

    def _run(self, run: GuideRun, width: int) -> tuple[Line, ...]:
        look, place = self._look, present(run)
        done = sum(step.state != "todo" for step in run.steps)
        mark: Line = ((f" {look.shut} ", "live"),)
        if place is None:
            glyph, tone = lines.end_mark(run, look)
            mark = ((f" {glyph} ", tone),)
        head: Line = (*mark, (f"{look.clean(run.id, 20)} {look.clean(run.title, 60)}", "strong"))
        how = lines.ended(run) if place is None else f"{done} of {len(run.steps)} behind"
        first = spread(head, ((f"{how} ", "dim"),), width, look)
        who = "you" if run.examiner == self._examiner else look.clean(run.examiner, 64)
        words = f"   followed by {who}, begun {look.clean(run.started[:16], 20)}Z"
        if run.target:
            words += f", about {look.clean(run.target.rpartition(':')[2], 60)}"
        if self._shown is not None and self._shown.id == run.id:
            words += f" {look.dot} shown now"
        return fit_line(first, width, look), fit_line(((words, "dim"),), width, look)


class GuideScreen(CaseScreen[None]):
    """Enter begins the playbook or goes on with the run under the cursor; on the run that is shown it hides it."""

    CSS_PATH = Path(__file__).with_name("choose.tcss")
    AUTO_FOCUS = "#rows"

    def __init__(self, follower: Follower, begin: Callable[[str], None], run: str = "") -> None:
        """``begin`` begins the playbook of an id. ``run``: put the cursor on that one."""
        super().__init__()
        self._follower = follower
        self._begin = begin
        self._wanted = run
        self._source: Entries | None = None

    @property
    def crumbs(self) -> Sequence[str]:
        return ("playbooks",)

    @property
    def hints(self) -> Sequence[tuple[str, str]]:
        more, enter = key_of(self.bench, "guide.more"), key_of(self.bench, "list.open")
        return ((enter, self._does()), (more, "whole text"), *self.bench.registry.hints("page.back", "help"))

    def body(self) -> Iterable[Widget]:
        yield Vertical(
            RowList(look=self.look, id="rows", lines_per_row=2, empty=((" reading the playbooks", "dim"),)),
            LinesView(look=self.look, id="about"),
            id="frame",
        )

    def on_mount(self) -> None:
        self._follower.reload()

    @property
    def current(self) -> Entry | None:
        """What the cursor is on."""
        return self._source.get(self.query_one("#rows", RowList).current) if self._source else None

    def show_case(self) -> None:
        bench, rows = self.bench, self.query_one("#rows", RowList)
        self._source = Entries(self._follower, bench.snapshot.guides, bench.examiner, self.look)
        rows.show(self._source)
        if self._wanted and rows.go_to(f"run {self._wanted}"):
            self._wanted = ""
        self.query_one("#frame").border_title = Content(f"Playbooks {self.look.dot} they point, and never act")
        self._tell()
        super().show_case()

    def on_row_list_moved(self) -> None:
        self._tell()
        self.tick()

    def _tell(self) -> None:
        """What the entry under the cursor is, and what Enter would do."""
        bench, view, one, look = self.bench, self.query_one("#about", LinesView), self.current, self.look
        width = max(40, view.inner)
        if isinstance(one, Faulty):
            view.show(books.faulty_lines(one, width, look))
        elif isinstance(one, Edition):
            met = self._follower.preconditions(one.playbook)
            view.show(
                [
                    *pages.prose("when", one.playbook.when, width, look),
                    *books.preconditions(one.playbook, met, width, look),
                ]
            )
        elif one is not None:
            shown = self._follower.with_text(one)
            step = shown.step
            rest = "abandoned" if one.abandoned else "all steps are recorded"
            what = f"next: {look.clean(step.title)}" if step is not None else rest
            view.show(
                pages.prose(
                    "run", f"{what}. {self._does().capitalize()} with {key_of(bench, 'list.open')}.", width, look
                )
            )
        else:
            view.show([])

    def _does(self) -> str:
        one = self.current
        if isinstance(one, Edition):
            return "begin"
        if not isinstance(one, GuideRun):
            return "why it is refused"
        if present(one) is None:
            return "read the record"
        if one.examiner != self.bench.examiner:
            return "take over"
        shown = self._follower.run
        return "hide the rail" if shown is not None and shown.id == one.id else "go on"

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if not self.is_open:
            return  # it was pressed twice
        one = self.current
        if isinstance(one, Edition):
            self.finish()
            self._begin(one.playbook.id)
        elif not isinstance(one, GuideRun) or present(one) is None:
            self.show_more()
        elif one.examiner != self.bench.examiner:
            self._take_over(one)
        elif self._follower.run is not None and self._follower.run.id == one.id:
            self._follower.hide()
            self.finish()
            key = key_of(self.bench, "guide")
            self.bench.say(f"{self.look.clean(one.id, 20)} is hidden: {key} and Enter on it show it again.")
        else:
            self._follower.show(one.id)
            self.finish()

    def _take_over(self, run: GuideRun) -> None:
        who = self.look.clean(run.examiner, 64)
        done = sum(step.state != "todo" for step in run.steps)
        question = Question(
            title=f"Take over {run.id}",
            happens=(
                f"{run.title}: {done} of {len(run.steps)} steps are recorded, so far by {who}.",
                f"From now on you record its steps; {who} can take it back the same way.",
                "Custody has the handover. Nothing that runs is touched.",
            ),
            word=run.id,
            action="Take over",
            cancel="Leave it",
        )

        def asked(_: str) -> None:
            self.app.run_worker(self._taken(run.id), group="orders")  # the application's: it outlives this page

        self.bench.ask(question, asked)

    async def _taken(self, run: str) -> None:
        try:
            await self.bench.link.call("playbook.takeover", {"run": run})
        except Fault as fault:
            self.bench.say_fault(fault)
            return
        self._follower.show(run)
        self.finish()

    def show_more(self) -> None:
        """The whole playbook, the record of a run, or why a file is refused."""
        one, look = self.current, self.look
        if isinstance(one, Edition):
            page = PageScreen(one.playbook.id, lambda width: books.playbook_page(one, width, look))
        elif isinstance(one, Faulty):
            page = PageScreen("refused", lambda width: books.faulty_lines(one, width, look))
        elif one is not None:
            shown = self._follower.with_text(one)
            page = PageScreen(one.id, lambda width: pages.run_page(shown, width, look))
        else:
            return
        self.app.push_screen(page)
