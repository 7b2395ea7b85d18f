"""Pane 1: what one may see, as a tree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget

from app.model import Account, AccountKey
from screens.command.catalogue import bindings
from screens.present.accounts import FIELDS, Node, Progress, matches, node_line, progress_of, tree
from screens.present.amounts import count
from screens.present.cells import Line
from screens.present.look import Look
from screens.widgets.row_list import RowList
from screens.workbench.pane import Pane


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


class AccountsPane(Pane):
    """Enter on an account shows its resources alone (and asks the cloud for them the first time)."""

    number, word = 1, "Accounts"
    commands = ("accounts.fold", "filter")
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
        words = "no account seen yet: R asks" if self.bench.link.state == "attached" else "no account seen yet"
        if wanted:
            words = "nothing matches; Esc clears the filter"
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
            name = self.look.clean(account.name or account.id)
            why = self.look.clean(account.reason or "the cloud gave no reason")
            self.bench.say(f"{name} cannot be reached: {why}. Whoever runs that account can change it.", "warning")
        else:
            self.choose(None if self.scope == (account.cloud, account.id) else account)

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
