"""Pane 1: what one may see, as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from app.model import Account, AccountKey
from screens.command.catalogue import bindings
from screens.page.screen import PageScreen
from screens.present.account_page import account_lines
from screens.present.accounts import (
    FIELDS,
    Node,
    Progress,
    as_of,
    matches,
    node_line,
    progress_of,
    scan_failed,
    tree,
)
from screens.present.amounts import count
from screens.present.cells import Line
from screens.present.look import Look
from screens.present.reasons import brief
from screens.present.reasons import why as reason
from screens.widgets.row_list import RowList
from screens.workbench.pane import Pane

_CAUSE = 120  # cells of a toast


class Nodes:
    """Row source over the visible part of the tree."""

    def __init__(
        self,
        nodes: list[Node],
        counts: Mapping[AccountKey, tuple[int, int]],
        progress: Mapping[AccountKey, Progress],
        scope: AccountKey | None,
        look: Look,
    ) -> None:
        self.nodes = nodes
        self._at = {node.key: place for place, node in enumerate(nodes)}
        self._counts, self._progress, self._scope, self._look = counts, progress, scope, look

    def __len__(self) -> int:
        return len(self.nodes)

    def key(self, index: int) -> str:
        return self.nodes[index].key

    def find(self, key: str) -> int | None:
        return self._at.get(key)

    def row(self, index: int, width: int) -> tuple[Line, ...]:
        return (node_line(self.nodes[index], self._counts, self._progress, self._scope, width, self._look),)

    def get(self, key: str | None) -> Node | None:
        """The node of that key."""
        place = self._at.get(key) if key is not None else None
        return None if place is None else self.nodes[place]


class AccountScreen(PageScreen):
    """All that is known of one account; live."""

    def __init__(self, account: AccountKey, name: str) -> None:
        super().__init__(name, self._lines)
        self._account = account
        self._shown: object = None

    def show_case(self) -> None:
        snapshot = self.bench.snapshot
        shown = (snapshot.accounts, snapshot.scans, snapshot.inventory)
        if shown != self._shown:
            self._shown = shown
            self._edition += 1
        super().show_case()

    def _lines(self, width: int) -> list[Line]:
        snapshot = self.bench.snapshot
        for one in snapshot.accounts:
            if (one.cloud, one.id) == self._account:
                scans = [scan for scan in snapshot.scans if (scan.cloud, scan.account) == self._account]
                seen = snapshot.inventory.accounts.get(self._account, (0, 0))
                return account_lines(one, scans, seen, self.bench.clock.now(), width, self.look)
        return [(("This account is not listed any more.", "dim"),)]


class AccountsPane(Pane):
    """Enter on an account shows its resources alone (and asks the cloud for them the first time)."""

    number, word = 1, "Accounts"
    fields = FIELDS
    asks = "words, name= id= cloud= path= state="
    BINDINGS: ClassVar[list[BindingType]] = bindings("accounts")

    class Scoped(Message):
        """An account was chosen, or none any more."""

        def __init__(self, account: Account | None) -> None:
            super().__init__()
            self.account = account

    def __init__(self) -> None:
        super().__init__("accounts")
        self.scope: AccountKey | None = None
        self._folded: set[str] = set()
        self._tree: Nodes | None = None

    def content(self) -> Iterable[Widget]:
        yield RowList(look=self.look)

    def case_changed(self) -> None:
        snapshot = self.bench.snapshot
        accounts, progress, wanted = snapshot.accounts, progress_of(snapshot.scans), self.filter()
        if wanted:
            none = Progress()
            accounts = tuple(
                one for one in accounts if matches(one, progress.get((one.cloud, one.id), none), wanted)
            )
        # What is looked for is shown, folded or not.
        nodes = tree(accounts, set() if wanted else self._folded)
        self._tree = Nodes(nodes, snapshot.inventory.accounts, progress, self.scope, self.look)
        asks = f": {self._key('refresh')} asks" if self.bench.link.state == "attached" else ""
        words = f"no account seen yet{asks}"
        if wanted:
            words = f"nothing matches; {self._key('panes.back')} clears the filter"
        self.rows.show(self._tree, empty=((f" {words}", "dim"),))
        total = count(len(snapshot.accounts)) if snapshot.accounts else ""
        self.name_title(f"{count(len(accounts))} of {total}" if wanted and total else total)
        self.name_keys()

    def choose(self, account: Account | None) -> None:
        """Scope the workbench to one account, or to all again."""
        self.scope = (account.cloud, account.id) if account else None
        self.case_changed()
        self.post_message(self.Scoped(account))

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        node = self._tree.get(event.key) if self._tree else None
        if node is None:
            return
        account = node.account
        if account is None:
            self._fold(node)
        elif account.reachable is False:
            self._tell(account)
        else:
            chosen = self.scope != (account.cloud, account.id)
            self.choose(account if chosen else None)
            if chosen:
                self._warn_of_scan(account)

    def _warn_of_scan(self, account: Account) -> None:
        """What is listed of it may be old: why, and what to do."""
        scan = progress_of(self.bench.snapshot.scans).get((account.cloud, account.id), Progress())
        failed = scan_failed(scan, self.bench.clock.now())
        if failed:
            why = reason(brief(self.look.clean(scan.error or "no reason was given", 2000)), _CAUSE, self.look)
            more = f"; {self._key('accounts.about')} on the account in pane 1 tells all"
            old = as_of(scan.good, not scan.done, self.bench.clock.now())
            listed = f"is {old}" if old else "may be old"
            self.bench.say(f"{failed[:1].upper()}{failed[1:]}: {why}. What is listed {listed}{more}.", "warning")

    def named(self) -> Sequence[str]:
        node = self._tree.get(self.rows.current) if self._tree else None
        if node is None:
            return ("filter",) if self.text else ()
        return "accounts.fold" if node.account is None else "accounts.about", "filter"

    def action_about(self) -> None:
        node = self._tree.get(self.rows.current) if self._tree else None
        if node is not None and node.account is not None:
            self._tell(node.account)
        else:
            self.bench.say("Put the cursor on an account: this tells of one.", "warning")

    def _tell(self, account: Account) -> None:
        name = self.look.clean(account.name or account.id)
        self.app.push_screen(AccountScreen((account.cloud, account.id), name))

    def action_fold(self) -> None:
        node = self._tree.get(self.rows.current) if self._tree else None
        if node is not None and node.account is None:
            self._fold(node)

    def _fold(self, node: Node) -> None:
        self._folded ^= {node.key}
        self.case_changed()

    def title_of(self, scope: AccountKey | None) -> str:
        """The name of the scoped account, "" for all."""
        for one in self.bench.snapshot.accounts:
            if (one.cloud, one.id) == scope:
                return self.look.clean(one.name or one.id)
        return ""
