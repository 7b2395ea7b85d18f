"""Following a playbook: which run is shown, what the person has seen, and when a step counts as done.

The follower never acts on a cloud. It tells the agent what the screens saw, or what the examiner says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Literal

from app.faults import AgentGone, Fault, Untagged
from app.guided.conditions import RULES, Seen, Sight, View, met, opened, parse, present, unsealed
from app.guided.conditions import ident as id_of
from app.guided.load import Edition, Faulty, Library, Sources, load
from app.guided.playbook import Playbook
from app.model import Resource
from app.model.view import GuideRun
from screens.command.naming import key_of
from screens.guided.keys import filled
from screens.guided.lines import NextKey, Shown
from screens.guided.next_key import next_key, record_key
from screens.present.resources import title_of

if TYPE_CHECKING:
    from screens.root import Workbench

_SIGHTS = 500  # the newest that are kept
_AGAIN_S = 10.0  # until what the record contradicted is claimed again
_KINDS = {"volume": "disk", "instance": "instance"}
Recorded = Literal["done", "by_hand", "skipped", "todo"]
Mark = tuple[str, str, str]
"""A run, a step, and when that was taken back last: after that it is to be seen anew."""


class Follower:
    """One run at a time is shown: the newest unfinished one of this examiner, or whichever was chosen.

    A run that is hidden, or that another examiner has taken over, is not followed: nothing is recorded and no
    command is off.
    """

    def __init__(self, bench: Workbench, sources: Sources, changed: Callable[[], None]) -> None:
        self.seen = Seen(bench.clock.now())
        self.library: Library | None = None
        self._bench = bench
        self._sources = sources
        self._changed = changed
        self._key = partial(key_of, bench)
        self._shown = ""
        self._awaited = False  # the read model does not show it as ours yet
        self._looked = False  # for a run to go on with
        self._loading = False
        self._offer_dismissed = False
        self._sent: Mark | None = None  # what the agent was told of
        self._refused: dict[Mark, float] = {}  # when to tell the agent again
        self._asked: tuple[str, int, int] | None = None  # (target, file, revision) that the subject is asked of
        self._subject: tuple[str, frozenset[str]] = ("", frozenset())
        self._names: dict[str, str] = {}  # of resources whose pages were opened, by id
        self._strayed: set[tuple[str, str]] = set()  # (target of the run, another's plan) that was said

    # What is shown

    @property
    def run(self) -> GuideRun | None:
        """The run that is followed now."""
        found = self._find()
        return found if found is not None and found.examiner == self._bench.examiner else None

    def _find(self) -> GuideRun | None:
        return next((run for run in self._bench.snapshot.guides if run.id == self._shown), None)

    @property
    def shown(self) -> Shown | None:
        """The same with its text and the next key."""
        run = self.run
        return None if run is None else self.with_text(run)

    def with_text(self, run: GuideRun) -> Shown:
        """Any run of the case with its text."""
        edition = self.library.editions.get(run.playbook) if self.library else None
        left = tuple(self._called(disk) for disk in unsealed(self.view(run)))
        found = Shown(run, edition, NextKey((), ""), self._called(run.target), left)
        return replace(
            found,
            next_key=next_key(found, self._bench, self._key),
            record_key=record_key(found, self._key),
            other_key=self._key("guide.target"),
        )

    def _called(self, target: str) -> str:
        """A name for what a run is about, its id where none is known."""
        ident = id_of(target)
        acquired = (one.target_name for one in self._bench.snapshot.acquisitions if one.target == ident)
        return self._names.get(ident) or next(filter(None, acquired), "") or ident

    @property
    def offer(self) -> Edition | None:
        """The playbook that this case offers while none was ever begun, until it is turned down."""
        if self._offer_dismissed or self.library is None or self._bench.snapshot.guides:
            return None
        return self.library.editions.get(self._sources.offer)

    def dismiss_offer(self) -> bool:
        """Turn the offer down for this session; False when there was none."""
        if self.offer is None:
            return False
        self._offer_dismissed = True
        self._changed()
        return True

    def show(self, run: str) -> None:
        """Follow that run from now on, as soon as the read model has it."""
        self._shown, self._awaited, self._looked = run, True, True
        self.case_changed()
        self._changed()

    def hide(self) -> None:
        """Follow none."""
        self._shown = ""
        self._changed()

    # What the case says

    def case_changed(self) -> None:
        """The read model or the connection changed: tell the agent what the screens see to be done."""
        snapshot = self._bench.snapshot
        if not self._looked and snapshot.guides:
            self._looked = True
            mine = [run for run in snapshot.guides if run.examiner == self._bench.examiner]
            unfinished = [run.id for run in mine if present(run) is not None]
            self._shown = self._shown or (unfinished[-1] if unfinished else "")
        self._awaited = self._awaited and self.run is None
        lost = None if self._awaited or self.run is not None else self._find()
        if lost is not None:
            self._shown = ""
            self._bench.say(f"{lost.id} is followed by {self._bench.look.clean(lost.examiner)} now.", "warning")
        if self.library is None and (self._shown or self._sources.offer):
            self.reload()
        self._find_subject()
        self._judge()

    def reload(self) -> None:
        """Read the playbooks again, away from the event loop."""
        if not self._loading:
            self._loading = True
            self._bench.run_worker(self._load(), group="playbooks")

    async def _load(self) -> None:
        known = {command.id: command.starts for command in self._bench.registry.commands}
        try:
            directories, _, refused = self._sources
            self.library = filled(await asyncio.to_thread(load, directories, known, refused), self._key)
        except Exception as error:  # playbooks are a help: without them the screens go on
            words = f"the playbooks cannot be read ({type(error).__name__})"
            fault = Faulty("playbooks", words, "please report it; everything else goes on")
            self.library = self.library or Library(faulty=(fault,))
            self._bench.say(f"{words[:1].upper()}{words[1:]}.", "error")
        finally:
            self._loading = False
        self.case_changed()
        self._changed()

    def _find_subject(self) -> None:
        """Ask which disks belong to the instance that the run is about."""
        run = self.run
        facts = self._bench.snapshot.inventory
        wanted = (run.target, facts.file, facts.revision) if run is not None else None
        if wanted is not None and wanted[0] and wanted != self._asked:
            self._asked = wanted
            self._bench.run_worker(self._ask_subject(wanted[0]), group="subject", exclusive=True)

    async def _ask_subject(self, target: str) -> None:
        found = await self._bench.reader.related(target)
        if found is None:
            self._asked = None  # the next change of the case asks again
            return
        self._subject = (target, found)
        self.case_changed()

    def view(self, run: GuideRun | None) -> View:
        """What conditions are judged by. Before the inventory has answered, a run is about its target alone."""
        if run is None or not run.target:
            return View(self._bench.snapshot, self.seen, run)
        known = self._subject[1] if self._subject[0] == run.target else frozenset()
        return View(self._bench.snapshot, self.seen, run, known | {id_of(run.target)})

    def preconditions(self, book: Playbook) -> Sequence[bool | None]:
        """Whether each is met; None where only a person can tell."""
        view = self.view(None)
        return [met(parse(one.met), view) if one.met else None for one in book.preconditions]

    def _judge(self) -> None:
        shown = self.shown
        step, mark = (shown.step, _mark(shown.run)) if shown is not None else (None, None)
        if mark != self._sent:
            self._sent = None  # the one before has come back as done
        if shown is None or step is None or mark is None:
            return
        if shown.changed or self._bench.link.state != "attached":
            return
        if mark == self._sent or self._bench.clock.monotonic() < self._refused.get(mark, -inf):
            return
        view, condition = self.view(shown.run), step.condition
        if not met(condition, view):
            return
        self._sent = mark
        about = opened(condition, view) if condition.name == "resource_opened" and not shown.run.target else ""
        again = inf if RULES[condition.name].told_by == "screens" else _AGAIN_S
        self._bench.run_worker(self._tell(shown.run, mark, about, again), group="orders")

    async def _tell(self, run: GuideRun, mark: Mark, about: str, again: float) -> None:
        _, step, _ = mark
        try:
            if about:
                await self._bench.link.call("playbook.target", {"run": run.id, "target": about})
                what = self._bench.look.clean(self._called(about), 60)
                other = f"{self._key('guide.target')} on another one changes that"
                self._bench.say(f"{run.id} is about {what} now, as its page was opened; {other}.")
            order = {"run": run.id, "step": step, "state": "done", "note": "", "sha256": run.sha256}
            await self._bench.link.call("playbook.step", order)
        except AgentGone:
            self._sent = None  # it is said already, and tried again once the agent is back
        except Fault as fault:
            self._sent = None
            if mark not in self._refused:
                self._bench.say_fault(fault)
            self._refused[mark] = self._bench.clock.monotonic() + again

    # What the person sees

    def saw(
        self,
        what: Literal["resource", "plan", "refused", "verified", "tampered"],
        kind: str = "",
        target: str = "",
        *,
        eligible: bool = False,
        route: str = "",
        kms: str = "",
        at: datetime | None = None,
    ) -> None:
        """Something was on the screen, now or ``at`` that time (UTC). ``target`` is ``cloud:account:id``."""
        sight = Sight(what, at or self._bench.clock.now(), kind, target, eligible, route, kms)
        self.seen = Seen(self.seen.began, (*self.seen.sights, sight)[-_SIGHTS:])
        self._judge()

    def saw_resource(self, one: Resource) -> None:
        """The page of a resource was opened."""
        kind, kms = _KINDS.get(one.kind, one.kind), one.attributes.get("kms", "")
        self._names[one.id] = title_of(one, self._bench.look)
        self.saw("resource", kind, f"{one.cloud}:{one.account}:{one.id}", eligible=one.eligible, kms=kms)

    def saw_plan(self, kind: str, target: str, route: str) -> None:
        """A plan is on the screen. ``route`` is the plan's own, not what was asked for."""
        self.saw("plan", kind, target, route=route)
        run, other = self.run, id_of(target)
        about = run.target if run is not None and present(run) is not None else ""
        known = about and self._subject[0] == about
        if run is None or not known or other in (self.view(run).subject or ()):
            return
        if (about, other) not in self._strayed:
            self._strayed.add((about, other))
            clean, one = self._bench.look.clean, self._bench.workbench.resources.current
            if one is not None and one.id == other:
                self._names[other] = title_of(one, self._bench.look)
            planned, followed = clean(self._names.get(other, other), 60), clean(self._called(about), 60)
            said = f"This plan is of {planned}; {run.id} is about {followed}."
            self._bench.say(f"{said} {self._key('guide.target')} changes that.", "warning")

    def saw_refusal(self, kind: str, target: str, fault: Fault) -> None:
        """A plan was refused; only for want of the tag it is a sight."""
        if isinstance(fault, Untagged):
            self.saw("refused", kind, target)

    def saw_verification(self, result: Any, began: datetime | None) -> None:
        """``verify`` has answered; only a good answer is a sight, of the time at which the reading ``began``."""
        if isinstance(result, dict) and result.get("ok") is True:
            self.saw("verified", at=began)

    # Commands

    def held(self, command: str) -> str:
        """Why a command is off while the present step is what it is, "" where it is not."""
        shown = self.shown
        step = shown.step if shown is not None else None
        if shown is None or step is None or command not in self._held_by(shown):
            return ""
        found, look = self._bench.registry.get(command), self._bench.look
        word = found.word if found is not None else command
        skip, guide = self._key("guide.skip"), self._key("guide")
        return look.plain(
            f"{word[:1].upper()}{word[1:]} is off during step {(shown.place or 0) + 1} of {shown.run.id}, "
            f"{look.clean(step.title)}. {skip} skips the step, {guide} leads to hiding the rail."
        )

    def _held_by(self, shown: Shown) -> Sequence[str]:
        """The commands that the present step holds: none where its text is not the one that the run began with,
        and never the one that closes the write window."""
        if shown.step is None or shown.changed:
            return ()
        armed = self._bench.snapshot.agent.armed_until is not None
        return [ident for ident in shown.step.holds if not (armed and ident == "arm")]

    def held_words(self) -> list[str]:
        """The words of the commands that are off now."""
        shown = self.shown
        found = [self._bench.registry.get(ident) for ident in self._held_by(shown)] if shown is not None else []
        return [command.word for command in found if command is not None]

    def record(self, step: str, state: Recorded, note: str) -> None:
        """What the examiner says of a step of the run that is followed."""
        shown = self.shown
        if shown is not None:
            sha256 = shown.edition.sha256 if shown.edition is not None else ""
            order = {"run": shown.run.id, "step": step, "state": state, "note": note, "sha256": sha256}
            self._bench.order("playbook.step", order)


def _mark(run: GuideRun) -> Mark | None:
    """The present step, None once the run is finished."""
    place = present(run)
    return None if place is None else (run.id, run.steps[place].id, run.steps[place].at)
