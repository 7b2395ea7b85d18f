"""What goes into a built disk: the files of a tree with owners, modes and times.

Git keeps neither times nor owners, so a tree ``disks/web-01`` may have a sheet ``disks/web-01.toml``::

    base = "debian"                           # a sibling tree (with its own sheet) that this one is laid over
    epoch = "2026-11-20T02:00:00Z"            # the time of everything of this tree that names no other
    removed = "2026-11-20T03:00:00Z"          # when the deleted files were removed
    directories = ["proc", "sys"]             # empty directories, which git does not keep
    [links]
    "bin" = "usr/bin"                         # symbolic links
    [[file]]
    path = "var/www/html/.cache.php"          # or a directory; its content is not touched
    time = "2026-11-20T02:31:07Z"             # birth, change, access and modification
    modified = "2026-09-01T08:00:00Z"         # modification alone, as touch(1) would leave it
    mode = "0644"
    owner = "33:33"
    [[generate]]                              # bulk that a repository should not hold
    path = "var/log/apache2/access.log.1"
    kind = "access-log"                       # access-log | auth-log | noise
    size_mib = 12
    time = "2026-11-19T23:59:58Z"             # a log's lines lead up to it
    host = "web-01"                           # the host that a log names

Without a sheet everything is root's, dated 2026-11-01T00:00:00Z; a directory has mode 0755, a file 0755
where its owner may execute it, else 0644. Generated content derives from the scenario's seed.
"""

from __future__ import annotations

import stat
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from providers.emulators.scenario.model import ScenarioError
from providers.emulators.scenario.positions import locate
from providers.emulators.scenario.reader import Source, Table

DEFAULT_EPOCH = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp())
_STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_KINDS = ("access-log", "auth-log", "noise")


class Entry(msgspec.Struct, kw_only=True):
    """One inode to be made. ``path`` has no leading slash; ``mode`` includes the file type."""

    path: str
    mode: int
    uid: int = 0
    gid: int = 0
    time: int = DEFAULT_EPOCH
    modified: int | None = None
    source: Path | None = None
    link: str = ""
    generate: str = ""
    host: str = ""
    size: int = 0


class Layout(msgspec.Struct, kw_only=True):
    """All entries, parents before children, in the order in which they are written."""

    entries: list[Entry]
    epoch: int
    removed: int


def read_layout(tree: Path) -> Layout:
    """The layout of ``tree`` with its sheet applied; ScenarioError where the sheet is wrong."""
    entries, epoch, removed = _read(tree, ())
    for entry in entries.values():
        if any(char in entry.path + entry.link for char in '"\\\n\r\t'):
            raise ScenarioError(
                f"{tree.name}: a name in it holds a quote, backslash or control", "rename that file"
            )
    return Layout(entries=[entries[name] for name in sorted(entries)], epoch=epoch, removed=removed)


def _read(tree: Path, above: tuple[str, ...]) -> tuple[dict[str, Entry], int, int]:
    """(entries by path, epoch, removed) of one tree over its base; ``above`` are the trees laid over it."""
    top = _sheet(tree)
    base = top.text("base", "", pattern=r"[^/.][^/]*", kind="the name of a sibling tree")
    under: dict[str, Entry] = {}
    if base:
        if base in (*above, tree.name) or not (tree.parent / base).is_dir():
            top.refuse("base", f"names {base}, which cannot lie under {tree.name}", "name another tree beside it")
        under = _read(tree.parent / base, (*above, tree.name))[0]
    epoch = _time(top, "epoch", DEFAULT_EPOCH)
    removed = _time(top, "removed", epoch)
    entries = {entry.path: entry for entry in _walk(tree, tree)}
    for name in top.texts("directories"):
        entries.setdefault(name, Entry(path=name, mode=stat.S_IFDIR | 0o755))
    for name, target in top.pairs("links").items():
        entries[name] = Entry(path=name, mode=stat.S_IFLNK | 0o777, link=target)
    for entry in entries.values():
        entry.time = epoch
    for made in top.each("generate", lambda table: _generated(table, epoch)):
        entries[made.path] = made
    for name in list(entries):
        _add_parents(entries, name, epoch)
    # A directory that both have keeps what the base says of it; a file is replaced.
    for name, entry in under.items():
        if name not in entries or stat.S_ISDIR(entry.mode):
            entries[name] = entry
    top.each("file", lambda table: _dress(table, entries))
    top.end()
    return entries, epoch, removed


def _sheet(tree: Path) -> Table:
    sheet = tree.parent / f"{tree.name}.toml"
    text = sheet.read_text(encoding="utf-8") if sheet.is_file() else ""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{sheet.name}: {error}", "mend the TOML at that place") from error
    return Table(Source(sheet, locate(text)), value, (), f"the sheet {sheet.name}")


def _walk(tree: Path, folder: Path) -> list[Entry]:
    found = []
    for path in sorted(folder.iterdir()):
        name = path.relative_to(tree).as_posix()
        if path.is_symlink():
            found.append(Entry(path=name, mode=stat.S_IFLNK | 0o777, link=str(path.readlink())))
        elif path.is_dir():
            found.append(Entry(path=name, mode=stat.S_IFDIR | 0o755))
            found.extend(_walk(tree, path))
        elif path.is_file():
            executable = bool(path.stat().st_mode & stat.S_IXUSR)
            mode = stat.S_IFREG | (0o755 if executable else 0o644)
            found.append(Entry(path=name, mode=mode, source=path, size=path.stat().st_size))
    return found


def _add_parents(entries: dict[str, Entry], name: str, epoch: int) -> None:
    while "/" in name:
        name = name.rpartition("/")[0]
        entries.setdefault(name, Entry(path=name, mode=stat.S_IFDIR | 0o755, time=epoch))


def _time(table: Table, key: str, default: int) -> int:
    text = table.text(key, "", pattern=_STAMP, kind="an RFC 3339 time in UTC")
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) if text else default


def _generated(table: Table, epoch: int) -> Entry:
    return Entry(
        path=table.text("path", pattern=r"[^/].*"),
        mode=stat.S_IFREG | 0o644,
        generate=table.choice("kind", "", _KINDS),
        size=int(table.number("size_mib", high=1024.0) * 2**20),
        time=_time(table, "time", epoch),
        host=table.text("host", "localhost", pattern=r"[a-z0-9-]+", kind="a host name"),
    )


def _dress(table: Table, entries: dict[str, Entry]) -> None:
    path = table.text("path")
    entry = entries.get(path)
    if entry is None:
        table.refuse("path", f"names {path}, and the tree has no such file", "create it or remove the entry")
    entry.time = _time(table, "time", entry.time)
    entry.modified = _time(table, "modified", 0) or None
    mode = table.text("mode", "", pattern=r"[0-7]{4}", kind='a mode as "0644"')
    if mode:
        entry.mode = stat.S_IFMT(entry.mode) | int(mode, 8)
    owner = table.text("owner", "", pattern=r"[0-9]+:[0-9]+", kind='an owner as "33:33"')
    if owner:
        entry.uid, entry.gid = (int(part) for part in owner.split(":"))
