"""The read model, written: by the agent alone, never more than a few rows a second per acquisition."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from app.case import inventory_rows
from app.case.carry import carry
from app.case.untrusted import SIDECARS, harden, schema
from app.model import Account, Acquisition, EvidenceItem, Lease, Resource
from app.model.view import AgentFacts, CaseFacts, CustodyFacts, EvidenceCheck, GuideRun, Scan, StepRow

_BUSY_MS = 500


class ReadModel:
    """``case.sqlite``. Each topic has a revision that differs after every change of it.

    It is always made anew, beside the file that is there, and then put in its place: of that one no table, trigger
    or view is used, only rows of the inventory (see :mod:`app.case.carry`). A link at that path is replaced, not
    followed. OSError if it cannot be made. Close one before the next is made at its path: with the end of its last
    writer a database takes away what has the name of its ``-wal``.

    ``synchronous=OFF`` is deliberate: the file is disposable and rebuilt from the log at each agent start.
    """

    def __init__(self, path: Path) -> None:
        self._first = secrets.randbits(60)  # revision of a topic: none that a reader of an earlier file has seen
        _replace(path, self._first)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            harden(self._db)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=OFF")
            self._db.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        except sqlite3.Error:
            self._db.close()
            raise
        self._depth = 0
        self.behind = False

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Several writes as one transaction.

        A write that the disk refuses (it is full, the file is damaged) must not stop an acquisition: what is
        shown falls behind, :attr:`behind` says so, and the agent writes everything anew once it can.
        """
        if self._depth:
            yield
            return
        self._depth = 1
        try:
            began = self._begin()
            yield
            if began:
                self._db.execute("COMMIT")
        except sqlite3.DatabaseError:
            self.behind = True
            self._undo()
        except BaseException:
            self._undo()
            raise
        finally:
            self._depth = 0

    def _begin(self) -> bool:
        """Whether a transaction is open now. Without one the batch's writes do not wait: they are lost or bare,
        and :attr:`behind` stands. While it does, no batch waits, so that a locked file cannot slow the agent."""
        try:
            self._db.execute(f"PRAGMA busy_timeout={0 if self.behind else _BUSY_MS}")
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError:
            self.behind = True
            with suppress(sqlite3.DatabaseError):
                self._db.execute("PRAGMA busy_timeout=0")
            return False
        return True

    def _undo(self) -> None:
        if self._db.in_transaction:
            with suppress(sqlite3.DatabaseError):
                self._db.execute("ROLLBACK")

    def _touch(self, topic: str) -> None:
        self._db.execute(
            "INSERT INTO revision VALUES (?, ?) ON CONFLICT (topic) DO UPDATE SET value = value + 1",
            (topic, self._first),
        )

    def fact(self, key: str, value: CaseFacts | AgentFacts | CustodyFacts) -> None:
        """``case``, ``agent`` or ``custody``."""
        with self.batch():
            self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (key, _json(value)))
            self._touch(key)

    def accounts(self, accounts: Iterable[Account]) -> None:
        """Add or replace accounts; new ones keep the order in which they come."""
        with self.batch():
            for account in accounts:
                self._db.execute(
                    "INSERT INTO account VALUES (?, ?, (SELECT count(*) FROM account), ?) "
                    "ON CONFLICT (cloud, id) DO UPDATE SET body = excluded.body",
                    (account.cloud, account.id, _json(account)),
                )
            self._touch("accounts")

    def forget_accounts(self, cloud: str, keep: set[str]) -> None:
        """Drop accounts that the cloud no longer lists."""
        with self.batch():
            for (found,) in self._db.execute("SELECT id FROM account WHERE cloud = ?", (cloud,)).fetchall():
                if found not in keep:
                    self._db.execute("DELETE FROM account WHERE cloud = ? AND id = ?", (cloud, found))
            self._touch("accounts")

    def scan(self, row: Scan) -> None:
        """The newest scan of its account and region. When the last good one was stays, unless this one is done."""
        good = row.at if row.state == "done" else row.good
        with self.batch():
            self._db.execute(
                "INSERT INTO scan VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cloud, account, region) DO UPDATE "
                "SET state = excluded.state, found = excluded.found, error = excluded.error, at = excluded.at, "
                "good = coalesce(excluded.good, good)",
                (row.cloud, row.account, row.region, row.state, row.found, row.error, row.at, good),
            )
            self._touch("scans")

    def forget_scan(self, cloud: str, account: str, region: str) -> None:
        """Drop what is told of the scans of that account and region."""
        with self.batch():
            where = (cloud, account, region)
            query = "DELETE FROM scan WHERE (cloud, account, region) = (?, ?, ?)"
            if self._db.execute(query, where).rowcount:
                self._touch("scans")

    def resources(self, scan: str, resources: Iterable[Resource]) -> None:
        """Add or replace resources seen by the scan of that name. What it sees unchanged is no change."""
        with self.batch():
            if inventory_rows.write(self._db, scan, resources):
                self._touch("resources")

    def forget_resources(self, cloud: str, account: str, region: str, *, keep_scan: str) -> None:
        """Drop what the newest complete scan of that account and region did not see."""
        with self.batch():
            if inventory_rows.forget(self._db, cloud, account, region, keep_scan):
                self._touch("resources")

    def lease(self, lease: Lease) -> None:
        with self.batch():
            self._db.execute("INSERT OR REPLACE INTO lease VALUES (?, ?)", (lease.id, _json(lease)))
            self._touch("leases")

    def acquisition(self, acquisition: Acquisition) -> None:
        with self.batch():
            self._db.execute(
                "INSERT OR REPLACE INTO acquisition VALUES (?, ?)", (acquisition.id, _json(acquisition))
            )
            self._touch("acquisitions")

    def steps(self, rows: Iterable[tuple[int, StepRow]]) -> None:
        with self.batch():
            self._db.executemany(
                "INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?)",
                [(row.acquisition, row.id, position, _json(row)) for position, row in rows],
            )
            self._touch("steps")

    def item(self, item: EvidenceItem) -> None:
        with self.batch():
            self._db.execute("INSERT OR REPLACE INTO item VALUES (?, ?)", (item.id, _json(item)))
            self._touch("items")

    def check(self, check: EvidenceCheck) -> None:
        """The newest re-verification of an item."""
        with self.batch():
            self._db.execute("INSERT OR REPLACE INTO evidence_check VALUES (?, ?)", (check.item, _json(check)))
            self._touch("checks")

    def guide(self, run: GuideRun) -> None:
        """A playbook that is followed."""
        with self.batch():
            self._db.execute("INSERT OR REPLACE INTO guide VALUES (?, ?)", (run.id, _json(run)))
            self._touch("guides")

    def event(self, line: int, body: dict[str, Any] | None, text: str) -> None:
        """One custody line; ``body`` is None for a fragment, ``text`` its JSON (or escaped bytes)."""
        view = body or {}
        with self.batch():
            self._db.execute(
                "INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    line,
                    view.get("seq"),
                    view.get("ts", ""),
                    view.get("op", "fragment"),
                    view.get("phase", ""),
                    (view.get("actor") or {}).get("id", ""),
                    view.get("acq"),
                    view.get("item"),
                    view.get("lease"),
                    view.get("summary", "not an event: a fragment of an interrupted write"),
                    text,
                ),
            )
            self._touch("events")

    def rows(self, table: str, kind: type[Any]) -> list[Any]:
        """All bodies of ``account``, ``resource``, ``lease``, ``acquisition`` or ``item``."""
        if table not in {"account", "resource", "lease", "acquisition", "item", "step"}:
            raise ValueError(table)
        return [msgspec.json.decode(row[0], type=kind) for row in self._db.execute(f"SELECT body FROM {table}")]  # noqa: S608

    def find(self, kind: str, resource: str, account: str | None) -> Resource | None:
        """The resource of that kind and id, in that account if one is named."""
        row = self._db.execute(
            "SELECT body FROM resource WHERE kind = ? AND id = ? AND (? IS NULL OR account = ?) LIMIT 1",
            (kind, resource, account, account),
        ).fetchone()
        return msgspec.json.decode(row[0], type=Resource) if row else None

    def clear(self, *tables: str) -> None:
        """Empty tables before they are rebuilt from the log."""
        with self.batch():
            for table in tables:
                if table not in {
                    "event",
                    "lease",
                    "acquisition",
                    "step",
                    "item",
                    "scan",
                    "evidence_check",
                    "guide",
                }:
                    raise ValueError(table)
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608
                self._touch(table.removeprefix("evidence_") + "s")

    def close(self) -> None:
        self._db.close()


def _replace(path: Path, revision: int) -> None:
    """A new file at that path, with what an earlier one has of the inventory."""
    fresh = path.with_name(f"{path.name}.new")
    _remove(fresh)
    os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        with closing(sqlite3.connect(fresh, isolation_level=None)) as db:
            harden(db)
            db.execute("PRAGMA journal_mode=OFF")
            db.execute("PRAGMA synchronous=OFF")
            db.executescript(schema())
            file = carry(path, db)
            if file is not None:
                topics = [(topic, revision) for topic in ("accounts", "scans", "resources")]
                db.executemany("INSERT INTO revision VALUES (?, ?)", topics)
            # Rows of another file are not those of the one before, though they have the same numbers.
            db.execute("INSERT INTO revision VALUES ('file', ?)", (file or secrets.randbits(61) + 1,))
            db.execute("INSERT INTO revision VALUES ('made', ?)", (revision,))
            db.execute("PRAGMA journal_mode=WAL")
        # First the old one: no reader may meet one file with what belongs beside the other.
        _remove(path)
        fresh.replace(path)
    except sqlite3.Error as error:
        _remove(fresh)
        raise OSError(f"{path} cannot be made anew: {error}") from None


def _remove(path: Path) -> None:
    for suffix in ("", *SIDECARS):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
