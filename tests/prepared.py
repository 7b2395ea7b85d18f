"""Read models as somebody else may have prepared them: each takes the path of a sound one and spoils it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
_LIE = (
    "CREATE TRIGGER lie AFTER INSERT ON evidence_check WHEN json_extract(NEW.body, '$.state') = 'bad' BEGIN "
    "UPDATE evidence_check SET body = json_set(NEW.body, '$.state', 'ok', '$.reason', NULL) "
    "WHERE item = NEW.item; END"
)
_HANG = f"CREATE TRIGGER hang AFTER INSERT ON event BEGIN SELECT ({ENDLESS} SELECT count(*) FROM c); END"
_VIEW = (
    "DROP TABLE scan; CREATE VIEW scan AS "
    f"{ENDLESS} SELECT x cloud, x account, x region, x state, x found, x error, x at, x good FROM c"
)
FOREIGN = {"lying trigger": _LIE, "endless trigger": _HANG, "endless view": _VIEW}
"""The file has something that the agent does not make."""

_TOUCH = "UPDATE revision SET value = value + 1"
ROWS = {
    "account": f"INSERT INTO account VALUES ('zz', '1', 99, '{{\"cloud\": 1}}'); {_TOUCH}",
    "revision": "INSERT INTO revision VALUES ('zz', 'abc')",
    "scan": f"INSERT INTO scan VALUES ('zz', x'00ff', 'r', 'nonsense', 'many', 5, 7, 9); {_TOUCH}",
    "event": f"INSERT INTO event (line, summary, body) VALUES ({1 << 62}, x'00', '{{}}'); {_TOUCH}",
}
"""The tables are right, a row is not, and no poll can read it."""

BODIES = {
    "empty body": f"UPDATE resource SET body = '{{}}'; {_TOUCH}",
    "deep body": f"UPDATE resource SET body = '{{\"tags\":' || printf('%.200000c', '['); {_TOUCH}",
    "blob": f"UPDATE resource SET body = x'ff00'; {_TOUCH}",
}
"""Only who asks for the rows meets them."""

EVERY = {**FOREIGN, **ROWS, **BODIES}


def spoil(read_model: Path, sql: str) -> None:
    """Do what is prepared to a read model that nobody writes, or somebody does."""
    with closing(sqlite3.connect(read_model, isolation_level=None, timeout=30)) as db:
        db.executescript(sql)


@contextmanager
def out_of_reach(read_model: Path) -> Iterator[None]:
    """Meanwhile there is a link at its path, which no reader follows."""
    away = read_model.with_name("away")
    read_model.rename(away)
    read_model.symlink_to(away)
    try:
        yield
    finally:
        away.replace(read_model)


def endless(db: sqlite3.Connection) -> int:
    """A question that SQLite would answer in some years."""
    many = json.dumps([0] * 1000)
    query = f"SELECT count(*) FROM {', '.join(['json_each(?)'] * 7)}"
    return int(db.execute(query, [many] * 7).fetchone()[0])
