"""The command line: options, verbs, exit codes."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

from app.case.folder import VERBS, CaseFolder, listing
from app.cli.output import failed
from app.cli.session import Session
from app.clock import SystemClock, stamp
from app.faults import Fault, Usage
from app.locations import Locations, private_directory
from app.model import Cloud, ResourceKind
from app.text import visible
from app.ui_options import add_flags

_KINDS = ("disk", "instance")
_ROUTES = ("auto", "direct", "copy", "preserve", "preserve-direct", "preserve-copy")
_LONGEST_LOCK = 36_500
_EXAMINER = "act as this examiner of the case's roster; custody names them (default: the case's own)"

#: Opens a case; the text is the command that comes back to it, None for ``jumpbag CASE``.
OpenUI = Callable[[CaseFolder, Session, str | None], int]
#: Shows the cases and asks which one, or the demo; None when the user just leaves.
ChooseCase = Callable[[Session], CaseFolder | Literal["demo"] | None]
#: What of the user's keymap cannot hold, a sentence each.
JudgeKeymap = Callable[[Path], Sequence[str]]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Usage(message, next=f"see `{self.prog} --help`")


def parser() -> argparse.ArgumentParser:
    """Every verb of the contract, and the options they share."""
    shared = _Parser(add_help=False)
    shared.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="one JSON document on stdout"
    )
    shared.add_argument("--cases-dir", default=argparse.SUPPRESS, help="where cases are (or JUMPBAG_CASES)")
    shared.add_argument(
        "--passphrase-fd", type=int, default=argparse.SUPPRESS, help="read the signing key's passphrase from there"
    )
    acting = _Parser(add_help=False, parents=[shared])
    acting.add_argument("--examiner", metavar="ID", default=argparse.SUPPRESS, help=_EXAMINER)
    root = _Parser(
        prog="jumpbag",
        parents=[acting],
        usage="jumpbag [options] [CASE]\n       jumpbag VERB ...",
        description="Acquire cloud evidence under least privilege. Without a verb the screens of CASE open; "
        "without a case the only one there is, or the list of cases.",
    )
    root.add_argument("--cases", action="store_true", default=argparse.SUPPRESS, help="the list of cases")
    add_flags(root)
    root.add_argument("--version", action="version", version=f"jumpbag {metadata.version('jumpbag')}")
    verbs = root.add_subparsers(dest="verb", metavar="VERB", required=True, parser_class=_Parser, prog="jumpbag")

    def verb(
        name: str,
        help: str,  # noqa: A002
        target: str,
        *,
        case: bool = True,
        acts: bool = False,
    ) -> argparse.ArgumentParser:
        parents = [acting if acts else shared]
        made: argparse.ArgumentParser = verbs.add_parser(name, help=help, description=help, parents=parents)
        made.set_defaults(target_function=target, acts=acts)
        if case:
            made.add_argument("case", metavar="CASE", help="a case id, or the path of a case")
        return made

    made = verb("demo", "embedded clouds, a case on them, and the UI", "demo:demo", case=False, acts=True)
    made.add_argument("--scenario", metavar="DIR", help="a scenario pack (default: the shipped one)")
    made.add_argument("--dir", metavar="DIR", help="where the demo keeps its case and clouds")
    made.add_argument("--no-ui", action="store_true", help="print and wait")
    made.add_argument("--end", action="store_true", help="end the demo that is up; its case stays")
    add_flags(made)

    made = verbs.add_parser("range", help="the embedded clouds alone", parents=[shared])
    sub = made.add_subparsers(dest="subverb", metavar="serve", required=True, parser_class=_Parser)
    made = sub.add_parser("serve", help="serve a scenario until SIGTERM", parents=[shared])
    made.add_argument("--scenario", metavar="DIR", required=True)
    made.add_argument("--ready-file", metavar="F", help="written when ready")
    made.set_defaults(target_function="demo:serve")

    _case_verbs(verbs.add_parser("case", help="make, list and show cases", parents=[shared]), shared)

    verb(
        "accounts", "accounts one may see, and whether the role may be assumed there", "browse:accounts", acts=True
    )
    made = verb("resources", "instances, volumes and snapshots", "browse:resources", acts=True)
    made.add_argument("--cloud", choices=get_args(Cloud))
    made.add_argument("--account")
    made.add_argument("--region")
    made.add_argument("--kind", choices=get_args(ResourceKind))
    made.add_argument("--tag", metavar="K=V")
    made.add_argument("--eligible", action="store_true", help="only what is tagged for forensics")

    made = verb("plan", "what an acquisition would do; changes nothing", "plan:plan", acts=True)
    _target(made)
    made = verb("acquire", "approve the plan and start it", "acquire:acquire", acts=True)
    _target(made)
    made.add_argument("--reason", metavar="T", help="why, for the custody log")
    made.add_argument("--yes", action="store_true", help="do not ask")
    made.add_argument("--wait", action="store_true", help="until it has ended")
    made = verb("acquisitions", "what runs and what ran", "acquire:acquisitions")
    made.add_argument("--follow", action="store_true")
    for name in ("pause", "resume", "cancel"):
        made = verb(name, f"{name} an acquisition", "acquire:steer", acts=True)
        made.add_argument("acquisition", metavar="ACQ")

    verb("leases", "credentials, and how long they last", "browse:leases")
    made = verbs.add_parser("lease", help="drop a lease", parents=[shared])
    sub = made.add_subparsers(dest="subverb", metavar="revoke", required=True, parser_class=_Parser)
    made = sub.add_parser("revoke", help="drop a lease from memory", parents=[acting])
    made.add_argument("case", metavar="CASE")
    made.add_argument("lease", metavar="LEASE")
    made.set_defaults(target_function="browse:revoke", acts=True)

    made = verb("custody", "the log, readable", "custody:custody")
    made.add_argument("--follow", action="store_true")
    verb("evidence", "sealed evidence items", "custody:evidence")
    made = verb("verify", "check a case, or one bag", "custody:verify", case=False)
    made.add_argument("path", metavar="PATH", help="a case, a case id, or a bag")
    made.add_argument("--key", metavar="ID", help="the first key's id or fingerprint (16 or 64 hex digits)")
    made.add_argument("--log-only", action="store_true", help="skip evidence bytes")

    made = verbs.add_parser("agent", help="the case's agent", parents=[shared])
    sub = made.add_subparsers(dest="subverb", metavar="status|stop", required=True, parser_class=_Parser)
    for name, acts in (("status", False), ("stop", True)):
        made = sub.add_parser(name, parents=[acting if acts else shared])
        made.add_argument("case", metavar="CASE")
        made.set_defaults(target_function=f"agent:{name}", acts=acts)
    made = verb("doctor", "is this machine fit for the work?", "doctor:doctor", case=False, acts=True)
    made.add_argument("case", metavar="CASE", nargs="?")
    verb("info", "every path and setting, and what set it", "info:info", case=False)
    return root


def _target(made: argparse.ArgumentParser) -> None:
    made.add_argument("kind", metavar="KIND", choices=_KINDS, help=" or ".join(_KINDS))
    made.add_argument("target", metavar="TARGET", help="vol-… or i-…, or aws:account:vol-…")
    made.add_argument(
        "--route",
        default="auto",
        choices=_ROUTES,
        help="auto (default) chooses; direct reads in the disk's own account, copy in the forensics account; "
        "preserve keeps a snapshot and downloads nothing (-direct and -copy say in which of the two)",
    )
    made.add_argument(
        "--lock",
        metavar="DAYS",
        type=_days,
        default=0,
        help="lock the snapshot that stays against deletion for so many days",
    )


def _days(text: str) -> int:
    """A lock's length. EC2 API Reference, LockSnapshot, LockDuration: 1 to 36,500 days; 0 locks nothing."""
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
    if not 0 <= days <= _LONGEST_LOCK:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 0 to {_LONGEST_LOCK}")
    return days


def _case_verbs(made: argparse.ArgumentParser, shared: _Parser) -> None:
    sub = made.add_subparsers(dest="subverb", metavar="create|list|show", required=True, parser_class=_Parser)
    made = sub.add_parser("create", help="a new case", parents=[shared])
    made.add_argument("id", metavar="ID")
    made.add_argument("--title", metavar="T", required=True)
    made.add_argument("--ticket", metavar="T", required=True)
    made.add_argument("--config", metavar="F")
    made.add_argument("--evidence-dir", metavar="D")
    made.set_defaults(target_function="cases:create_case")
    made = sub.add_parser("list", help="the cases here", parents=[shared])
    made.set_defaults(target_function="cases:list_cases")
    made = sub.add_parser("show", help="one case", parents=[shared])
    made.add_argument("case", metavar="CASE")
    made.set_defaults(target_function="cases:show_case")


def main(
    arguments: Sequence[str],
    *,
    open_ui: OpenUI,
    choose_case: ChooseCase,
    judge_keymap: JudgeKeymap,
    range_module: str,
    scenario: Path,
) -> int:
    """Run a verb, or the UI. Returns the exit code; never a traceback."""
    defaults = argparse.Namespace(
        json=False, cases_dir=None, passphrase_fd=None, case=None, examiner=None, acts=False
    )
    as_json = "--json" in arguments
    try:
        named = _case_to_open(arguments)
        if named is not None:
            session = Session(argparse.Namespace(**{**vars(defaults), **named}))
            if session.options.case:
                return open_ui(session.case(), session, None)
            chosen = _chosen(session, choose_case)
            if isinstance(chosen, int):
                return chosen
            if chosen != "demo":
                return open_ui(chosen, session, None)
            arguments, defaults = ["demo"], session.options
        options = parser().parse_args(list(arguments), namespace=defaults)
        if options.examiner is not None and not options.acts:
            raise Usage(f"nobody acts in `jumpbag {options.verb}`", next="leave --examiner away")
        session = Session(options)
        module, _, function = options.target_function.partition(":")
        target = getattr(import_module(f"app.cli.{module}"), function)
        if module == "demo":
            extra = (range_module,) if function == "serve" else (range_module, scenario, open_ui)
            return int(target(session, *extra))
        if module == "info":
            return int(target(session, judge_keymap))
        return int(target(session))
    except Fault as fault:
        return failed(fault, as_json)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - the reader went away: nothing more to say
        return 0
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        unusable = Fault(f"{error.strerror or error}{where}", next="check the path and its permissions")
        return failed(unusable, as_json)
    except Exception as error:
        return failed(
            Fault(f"an error inside jumpbag ({type(error).__name__})", next=f"report it with {_noted()}"), as_json
        )


def _noted() -> str:
    """Keep the traceback where its user can find it; on a screen it helps nobody."""
    try:
        file = private_directory(Locations().state) / "errors.log"
        with open(file, "a", encoding="utf-8", opener=_private) as log:
            log.write(f"{stamp(SystemClock().now())} {traceback.format_exc()}\n")
    except OSError:
        return "what you were doing"
    return str(file)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _case_to_open(arguments: Sequence[str]) -> dict[str, Any] | None:
    """The options of ``jumpbag [CASE]``, or None when a verb (or --help) is named."""
    small = _Parser(add_help=False, prog="jumpbag")
    small.add_argument("--cases-dir")
    small.add_argument("--passphrase-fd", type=int)
    small.add_argument("--examiner", metavar="ID")
    small.add_argument("--cases", action="store_true")
    small.add_argument("case", nargs="?")
    add_flags(small)
    if any(word in ("-h", "--help", "--version", "--json") for word in arguments):
        return None
    known, rest = small.parse_known_args(list(arguments))
    if rest and known.case is None:
        small.error(f"unrecognized arguments: {visible(' '.join(rest))}")
    if rest or (known.case is not None and known.case in VERBS):
        return None
    return vars(known)


def _chosen(session: Session, choose_case: ChooseCase) -> CaseFolder | Literal["demo"] | int:
    """``jumpbag`` alone: the only case there is, else what the user chooses; an exit code where that is nothing.

    Without a terminal nobody can choose: what to do first is printed.
    """
    known = listing(session.cases)
    if len(known) == 1 and not session.options.cases:
        return known[0]
    if sys.stdin.isatty() and sys.stdout.isatty():
        return choose_case(session) or 0
    if known:
        print("Which case? " + "  ".join(visible(case.id) for case in known))
        return 2
    print("No case yet.")
    print("  jumpbag demo                                        try it on an embedded cloud")
    print("  jumpbag case create ID --title T --ticket T         make a case")
    print("  jumpbag doctor                                      is this machine fit for the work?")
    return 2
