"""A case in which every string from outside is an attack; run as a program it opens the screens on it."""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import msgspec

from app.case.readmodel import ReadModel
from app.clock import stamp
from app.faults import Refused
from app.guided.load import Sources
from app.model import Digest, Plan, PlanWarning
from app.model.disagreement import Disagreement, OddFile
from app.model.view import AgentFacts, CustodyFacts, EvidenceCheck, GuideRun, GuideStep, Scan
from tests.screens.fakes import FixedClock, ScriptedCommands
from tests.screens.sample_plan import instance_plan, plan
from tests.screens.seed import NOW, accounts, acquisitions, facts, leases, resources, step_rows
from tests.screens.seed_instance import acquisition, items, rows

ATTACKS = (
    "\x1b]52;c;UFdORUQ=\x07clip",  # writes the clipboard
    "\x1b[31;42mPWNED\x1b[2J",  # colours, clears the screen
    "\x9b5n\x85\x8fnope",  # C1: CSI, next line, single shift
    "[@click=app.detach]press me[/]",  # Textual markup that would leave the application
    "user\u202egpj.exe\u2066\u200b",  # right-to-left override, isolate, zero width
    "line\nbreak\rreturn\ttab\x00nul\x7fdel",
    "e\u0301\u0301\u0301\u0301\u0301\u0301zalgo",
    "☠️" * 3,
    "A" * 10_000,
    "界" * 200,
)
RAW = (
    "\x1b]52",
    "\x1b[31;42m",
    "\x1b[2JP",
    "\x9b",
    "\x85",
    "\x8f",
    "\u202e",
    "\u2066",
    "\u200b",
    "\x07",
    "\x00",
    "\x7f",
)


def attack(number: int) -> str:
    return ATTACKS[number % len(ATTACKS)]


def seed_hostile(path: Path) -> ReadModel:
    model = ReadModel(path)
    facts(model, NOW)
    case: Any = msgspec.structs.replace
    with model.batch():
        until = stamp(NOW + timedelta(minutes=15))
        problem = attack(0) + attack(3)
        agent = AgentFacts(
            state="detached", beat=stamp(NOW), problem=problem, armed_until=until, armed_by=attack(1)
        )
        model.fact("agent", agent)
        model.fact("custody", CustodyFacts(events=40, lines=41))
        model.accounts(
            case(one, name=attack(n), path=attack(n + 1) if one.path else "", reason=one.reason and attack(n))
            for n, one in enumerate(accounts())
        )
        model.scan(
            Scan(cloud="aws", account="3" * 12, region=attack(1), state="failed", found=0, error=attack(0), at="")
        )
        model.resources(
            "s-1",
            [
                case(
                    one,
                    name=attack(n),
                    tags={attack(n): attack(n + 1), "app": attack(n + 2)},
                    reason=attack(n),
                    attributes={attack(n): attack(n + 3), "state": "running"},
                )
                for n, one in enumerate(resources())
            ],
        )
        for n, one in enumerate(acquisitions(NOW)):
            model.acquisition(
                case(one, target_name=attack(n), error=attack(n + 1), next=attack(n + 3), step=attack(n))
            )
        model.acquisition(
            case(
                acquisition(),
                target=attack(2),
                target_name=attack(3),
                step="undoing: " + attack(0),
                route=attack(4),
            )
        )
        model.steps((place, case(row, title=attack(place), note=attack(place + 3))) for place, row in rows())
        for n, item in enumerate(items()):
            model.item(
                case(
                    item,
                    kind=attack(n),
                    source=attack(n + 2),
                    sha256=attack(n + 4),
                    path=attack(n),
                    digests=tuple(
                        Digest(of=attack(m), alg=attack(m + 1), hex=attack(m + 2), bytes=m, stage=stage)
                        for m, stage in enumerate(("source", "rest", "rest", "reverify", attack(3)))
                    ),
                )
            )
        for n, state in enumerate(("bad", "failed")):
            ident = items()[n].id
            found = Disagreement(
                files=3,
                names=tuple(OddFile(name=attack(m), how=attack(m + 1)) for m in range(3)),
                blind=attack(n),
                ended=attack(n + 1),
            )
            model.check(
                EvidenceCheck(
                    item=ident, state=cast(Any, state), reason=attack(n), ended=stamp(NOW), disagree=found
                )
            )
        for n, lease in enumerate(leases(NOW)):
            model.lease(case(lease, principal=attack(n), scope=attack(n + 1), note=attack(n + 3)))
        model.steps(
            (
                place,
                case(
                    row,
                    title=attack(place),
                    call=attack(place + 1),
                    note=attack(place + 2),
                    request_id=attack(place),
                ),
            )
            for place, row in step_rows(NOW)
        )
    for line in range(1, 41):
        body = {
            "seq": line,
            "ts": stamp(NOW),
            "op": attack(line),
            "phase": attack(line) if line % 3 else "intent",
            "actor": {"id": attack(line + 1)},
            "acq": "A-0007",
            "summary": attack(line),
            attack(line): [attack(line)],
        }
        model.event(line, body, msgspec.json.encode(body).decode())
    model.event(41, None, "{broken " + attack(0))
    text = hostile_playbook(path.parent)
    model.guide(
        GuideRun(
            id="G-0001",
            playbook="hostile",
            title=attack(0),
            sha256=hashlib.sha256(text.encode()).hexdigest(),
            examiner="ex-07",
            started=stamp(NOW),
            target=attack(3),
            steps=(
                GuideStep(id="one", state="by_hand", by=attack(1), at=stamp(NOW), note=attack(0) + attack(3)),
                GuideStep(id="two"),
                GuideStep(id=attack(2)),
            ),
        )
    )
    return model


def playbooks_of(folder: Path) -> Sources:
    """Where the hostile playbook lies."""
    return Sources((folder / "playbooks",))


def hostile_playbook(folder: Path) -> str:
    """A playbook with an attack in every text, written where :func:`playbooks_of` says, beside a faulty one."""

    def quoted(number: int, room: int) -> str:
        return json.dumps(attack(number)[:room]).replace("\x7f", "\\u007f")

    lines = [
        'id = "hostile"',
        *(
            f"{key} = {quoted(n, room)}"
            for n, (key, room) in enumerate((("title", 40), ("summary", 200), ("when", 300)))
        ),
        f"order = [{quoted(0, 200)}]",
    ]
    for place, name in enumerate(("one", "two")):
        lines += ["[[steps]]", f'id = "{name}"', 'done = "by_hand"']
        lines += [
            f"{key} = {quoted(place + n, 40)}"
            for n, key in enumerate(("title", "text", "why", "dont", "record", "on"))
        ]
        lines.append('go = { place = "resources", command = "list.open" }')
    text = "\n".join(lines) + "\n"
    directory = folder / "playbooks"
    directory.mkdir(exist_ok=True)
    (directory / "hostile.toml").write_text(text, "utf-8")
    (directory / "faulty.toml").write_text(f"{json.dumps(attack(0)[:40])} = 1\n", "utf-8")
    return text


def bad_plan(made: Plan) -> Plan:
    """That plan with an attack in every text."""
    case: Any = msgspec.structs.replace
    steps = tuple(
        case(
            step,
            title=attack(n),
            undo=attack(n + 1),
            call=attack(n + 2) if step.account else step.call,
            resource=attack(n + 3),
            params={**step.params, "volume_id": attack(n + 4)} if n % 2 else step.params,
        )
        for n, step in enumerate(made.steps)
    )
    cost = made.estimate.cost
    bad_cost = cost and case(cost, prices=attack(2), uncounted=tuple(ATTACKS))
    return msgspec.structs.replace(
        made,
        why=attack(0),
        estimate=case(made.estimate, cost=bad_cost),
        steps=steps,
        items=tuple(case(item, name=attack(n), source=attack(n + 1)) for n, item in enumerate(made.items)),
        leases=tuple(
            case(one, note=attack(n), role=attack(n + 1), policy=attack(n + 2))
            for n, one in enumerate(made.leases)
        ),
        warnings=tuple(PlanWarning(code="x", text=text) for text in ATTACKS),
        target=case(made.target, name=attack(1), account_name=attack(2), attached_to=attack(3), region=attack(4)),
    )


def hostile_commands() -> ScriptedCommands:
    def planned(params: dict[str, Any]) -> dict[str, Any]:
        made = instance_plan if params["kind"] == "instance" else plan
        bad = bad_plan(made("copy", params["lock_days"]))
        return {"plan": msgspec.to_builtins(bad), "digest": "00", "space": attack(0)}

    return ScriptedCommands(
        plan=planned,
        acquisition_pause=Refused(attack(0) + attack(3), next=attack(1)),
        verify={"ok": False, "reason": attack(0), "items": [{"id": attack(1), "ok": False, "reason": attack(3)}]},
    )


def main() -> None:
    from screens.root import Workbench

    folder = Path(sys.argv[1])
    commands = hostile_commands()

    async def connect() -> ScriptedCommands:
        return commands

    bench = Workbench(
        folder, folder / "case.sqlite", connect, "ex-07", clock=FixedClock(), sources=playbooks_of(folder)
    )
    said = bench.run()
    if bench.fault_of_its_own is not None:
        raise bench.fault_of_its_own
    print(said)
    Path(sys.argv[1], "calls.txt").write_text(repr(commands.calls), "utf-8")


if __name__ == "__main__":
    main()
