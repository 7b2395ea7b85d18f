"""A case whose custody record is real: a ledger writes it, and fills the read model as the agent does."""

from __future__ import annotations

from pathlib import Path

from app.case.readmodel import ReadModel
from app.custody import Ledger, Signer
from app.model.view import CustodyFacts
from tests.custody import cases
from tests.screens.seed import NOW, accounts, facts


class Recorded:
    """Called as the ``fill`` of a desk; then ``ledger`` writes on."""

    def __init__(self) -> None:
        self.signer = Signer.generate()

    def __call__(self, sqlite: Path) -> ReadModel:
        self.path = sqlite.parent
        self.model = ReadModel(sqlite)
        facts(self.model, NOW)
        self.model.accounts(accounts())
        cases.new_ledger(self.path, self.signer).close()
        self.ledger = Ledger.open(self.path, self.signer, clock=cases.StepClock(), on_append=self.model.event)
        for line, body, text, _ in self.ledger.events():
            self.model.event(line, body, text)
        self.write()
        self.tell()
        return self.model

    def write(self) -> None:
        """The story: a plan, an act, a checkpoint, a note after it."""
        ledger = self.ledger
        ledger.fact("agent.start", actor="agent", summary="The agent started")
        ledger.fact("plan.approve", actor="ex-07", summary="Approved: disk 7 of web-01", acq="A-0001")
        intent = ledger.intent("snapshot.create", actor="agent", summary="About to snapshot", acq="A-0001")
        ledger.outcome(intent, "result", summary="Snapshot snap-09c1f2 made")
        ledger.checkpoint()  # line 6, over 5
        ledger.intent("evidence.read", actor="agent", summary="About to read", acq="A-0001", item="E-0001")

    def tell(self) -> None:
        """The facts of custody, as the agent writes them after each line."""
        ledger = self.ledger
        self.model.fact(
            "custody",
            CustodyFacts(
                events=ledger.events_count,
                lines=ledger.lines,
                checkpointed_to=ledger.checkpointed_to,
                key=ledger.keyid,
            ),
        )

    @property
    def log(self) -> Path:
        return self.path / "custody" / "events.jsonl"

    def tamper(self, line: int, old: bytes, new: bytes) -> None:
        """Change a line behind everybody's back."""
        lines = self.log.read_bytes().splitlines(keepends=True)
        assert old in lines[line - 1]
        lines[line - 1] = lines[line - 1].replace(old, new)
        self.log.write_bytes(b"".join(lines))
