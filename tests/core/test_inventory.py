"""The inventory in SQL against plain Python: order, filter, what stands under what, and rows that stay."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from app.case.readmodel import ReadModel
from app.client.feed import Feed
from app.client.filtering import Filter, Term, parse
from app.client.inventory import AMOUNTS, FIELDS, FLAGS, Inventory, Query, Selection
from app.model import Account, AccountKey, Attachment, Resource

NAMES = {("aws", "1"): "Payments-Prod", ("aws", "12"): "", ("gcp", "1"): "shop"}
TEXT = st.text(alphabet="abW%_\\\x1f\x1d\x1e=é:1 ", max_size=4)
STATES = ("locked", "untagged")
WORDS = st.sampled_from(
    [*STATES, "a", "ab", "W", "%", "_", "\\", "pay", "prod", "disk", "volume", "r1", "é", "x=a", "/d1"]
)


@st.composite
def inventories(draw: st.DrawFn) -> list[Resource]:
    found: dict[tuple[str, ...], Resource] = {}
    for number in range(draw(st.integers(0, 14))):
        cloud, account = draw(st.sampled_from(sorted(NAMES)))
        kind = draw(st.sampled_from(["instance", "instance", "volume", "volume", "volume", "snapshot", "bucket"]))
        held = None
        if kind == "volume" and draw(st.booleans()):
            held = Attachment(
                id=f"i-{draw(st.integers(0, 4))}", name=draw(TEXT), device=f"/d{draw(st.integers(1, 3))}"
            )
        ident = f"i-{draw(st.integers(0, 4))}" if kind == "instance" else f"{kind}-{number}"
        one = Resource(
            cloud=cloud,  # type: ignore[arg-type]
            account=account,
            region=draw(st.sampled_from(["r1", "R2"])),
            kind=kind,  # type: ignore[arg-type]
            id=ident,
            name=draw(TEXT),
            tags=draw(st.dictionaries(st.sampled_from(["x", "a\x1e", "é"]), TEXT, max_size=2)),
            eligible=draw(st.booleans()),
            reason=draw(st.sampled_from([None, "not tagged", "elsewhere"])),
            size_bytes=draw(st.sampled_from([None, 0, 1 << 30, 8 << 30, 1 << 40])),
            attached_to=held,
            attributes=draw(st.sampled_from([{}, {"state": "Running"}, {"state": "untagged eligible"}])),
        )
        found[key(one)] = one
    return list(found.values())


TERMS = st.one_of(
    WORDS.map(lambda word: Term("word", value=word.lower())),
    st.tuples(st.sampled_from(FIELDS), WORDS).map(lambda pair: Term("field", pair[0], pair[1].lower())),
    st.tuples(st.sampled_from(["x", "a\x1e", "y"]), st.none() | TEXT).map(lambda pair: Term("tag", *pair)),
    st.sampled_from(FLAGS).map(lambda name: Term("flag", name)),
    st.tuples(st.sampled_from(["<", "<=", ">", ">=", "="]), st.sampled_from([0, 1 << 30, 8 << 30])).map(
        lambda pair: Term("amount", "size", *pair)
    ),
)
FILTERS = st.builds(
    lambda terms, inverted: Filter(tuple(terms), inverted and bool(terms)),
    st.lists(TERMS, max_size=3),
    st.booleans(),
)
COLUMNS = ("name", "kind", "size", "id", "account", "region", "state")
SCOPES = st.none() | st.sampled_from(sorted(NAMES))


@contextmanager
def case() -> Iterator[tuple[ReadModel, Inventory]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.sqlite"
        model, feed = ReadModel(path), Feed(path)
        model.accounts(Account(cloud=cloud, id=ident, name=name) for (cloud, ident), name in NAMES.items())  # type: ignore[arg-type]
        yield model, Inventory(feed)
        feed.close()
        model.close()


# What is meant, in plain Python


def key(one: Resource) -> tuple[str, ...]:
    return (one.cloud, one.account, one.region, one.kind, one.id)


def head(one: Resource, resources: list[Resource]) -> Resource | None:
    """The instance that a disk stands under."""
    if one.kind != "volume" or one.attached_to is None:
        return None
    wanted = (one.cloud, one.account, one.region, "instance", one.attached_to.id)
    return next((two for two in resources if key(two) == wanted), None)


def plain(text: str) -> str:
    return "".join(char if char >= " " else " " for char in text)


def place(one: Resource, resources: list[Resource]) -> tuple[str, ...]:
    above = head(one, resources)
    if above is not None and one.attached_to is not None:
        return (*place(above, resources), one.attached_to.device, one.id)
    rank = "012 4"[["instance", "volume", "snapshot", "", "bucket"].index(one.kind)]
    return (one.cloud, one.account, one.region, rank, plain(one.name.lower()), one.id)


def names(one: Resource) -> list[str]:
    held = one.attached_to
    known = f"{held.name or held.id} {held.device}" if held else one.name or one.id
    return [known.lower(), *([one.name.lower()] if one.name else [])]


def state(one: Resource) -> str:
    locked = "untagged locked not tagged" if "tag" in (one.reason or "tag") else "locked"
    return f"{'eligible' if one.eligible else locked} {one.attributes.get('state', '')}".lower()


def holds(term: Term, one: Resource, marked: bool) -> bool:
    value, account = term.value or "", NAMES[one.cloud, one.account].lower()
    kinds = ["volume", "disk"] if one.kind == "volume" else [one.kind]
    if term.kind == "flag":
        wants_tag = not one.eligible and one.reason in (None, "not tagged")
        return {
            "eligible": one.eligible, "untagged": wants_tag, "locked": not one.eligible, "marked": marked,
        }[term.name]  # fmt: skip
    if term.kind == "tag":
        return term.name in one.tags and term.value in (None, one.tags[term.name])
    if term.kind == "amount":
        compare: dict[str, Callable[[int, int], bool]] = {
            "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__, "=": int.__eq__,
        }  # fmt: skip
        return one.size_bytes is not None and compare[value](one.size_bytes, term.number)
    fields = {
        "kind": kinds,
        "account": [one.account, account],
        "region": [one.region.lower()],
        "name": names(one),
        "id": [one.id.lower()],
        "state": [state(one)],
        "cloud": [one.cloud, *(["google"] if one.cloud == "gcp" else [])],
    }
    if term.kind == "field":
        return any(value in text for text in fields[term.name])
    held = [one.attached_to.name.lower(), one.attached_to.device] if one.attached_to else []
    tags = [f"{name}={text}".lower() for name, text in one.tags.items()]
    words = [
        *fields["name"],
        one.id,
        " ".join(kinds),
        one.account,
        account,
        one.region.lower(),
        *held,
        state(one),
        *tags,
    ]
    return any(value in text for text in words)


def expected(
    resources: list[Resource], query: Query, marked: set[tuple[str, ...]]
) -> tuple[list[Resource], set[tuple[str, ...]]]:
    """What is shown, and what of that matches."""
    here = [one for one in resources if query.scope in (None, (one.cloud, one.account))]
    order = sorted(here, key=lambda one: place(one, resources))
    terms = query.filter.terms

    def fits(one: Resource, terms: tuple[Term, ...]) -> bool:
        return all(holds(term, one, key(one) in marked) for term in terms)

    hits = [one for one in order if not terms or fits(one, terms) != query.filter.inverted]
    if query.eligible:
        hits = [one for one in hits if one.eligible]
    shown = {key(one) for one in hits}
    if (terms or query.eligible) and not query.filter.inverted:
        about = tuple(term for term in terms if term.kind != "word" and term.name not in ("name", "id"))
        shown |= {key(above) for one in hits if (above := head(one, resources)) is not None}
        if about != terms:
            found = {key(one) for one in hits}
            below = [one for one in order if (above := head(one, resources)) is not None and key(above) in found]
            shown |= {key(one) for one in below if fits(one, about) and (one.eligible or not query.eligible)}
    return [one for one in order if key(one) in shown], {key(one) for one in hits}


def listed(inventory: Inventory, selection: Selection) -> list[Resource]:
    found = inventory.rows(selection.rows)
    return [found[row] for row in selection.rows]


@settings(max_examples=100, deadline=None)
@given(inventories(), SCOPES, FILTERS, st.booleans(), st.randoms(use_true_random=False))
def test_order_and_filter_are_those_of_plain_python(
    resources: list[Resource], scope: AccountKey | None, wanted: Filter, eligible: bool, random: object
) -> None:
    with case() as (model, inventory):
        pages = list(resources)
        random.shuffle(pages)  # type: ignore[attr-defined]
        for start in range(0, len(pages), 5):  # disks may come before their instances
            model.resources("s", pages[start : start + 5])
        everything = inventory.select(Query())
        assert listed(inventory, everything) == sorted(resources, key=lambda one: place(one, resources))
        marks = [row for row in everything.rows if row % 2]
        known = inventory.rows(marks)
        query = Query(scope, eligible, wanted, marks=frozenset(marks))
        selection = inventory.select(query)
        rows, hits = expected(resources, query, {key(one) for one in known.values()})
        assert listed(inventory, selection) == rows
        assert selection.hits == len(hits)
        matching = [index for index, one in enumerate(rows) if key(one) in hits]
        assert [index for index in range(len(rows)) if selection.matches(index)] == matching
        assert selection.first_match == (matching[0] if matching else 0)
        for index, one in enumerate(rows):
            above = head(one, resources)
            assert selection.nested(index) == (above is not None and above in rows)
            assert selection.find(selection.rows[index]) == index
        there = {row for row, one in known.items() if one.eligible and one.kind in ("instance", "volume")}
        assert selection.marks == there
        assert selection.hidden == len(there.difference(selection.rows))
        markable = set(inventory.markable(query))
        assert markable <= set(selection.rows)
        assert all(
            one.eligible and one.kind in ("instance", "volume") for one in inventory.rows(markable).values()
        )


@settings(max_examples=40, deadline=None)
@given(inventories(), st.sampled_from(COLUMNS), st.booleans(), SCOPES)
def test_a_column_sorts_as_python_does(
    resources: list[Resource], column: str, descending: bool, scope: AccountKey | None
) -> None:
    def value(one: Resource) -> object:
        named = "\x1f".join(dict.fromkeys(text for text in (names(one)[0], one.name.lower()) if text))
        return {
            "name": named,
            "kind": "disk" if one.kind == "volume" else one.kind,
            "size": one.size_bytes or 0,
            "id": one.id.lower(),
            "account": ((NAMES[one.cloud, one.account] or one.account).lower(), f"{one.cloud}:{one.account}"),
            "region": one.region.lower(),
            "state": state(one),
        }[column]

    with case() as (model, inventory):
        model.resources("s", resources)
        selection = inventory.select(Query(scope, sort=column, descending=descending))
        order = sorted(resources, key=lambda one: place(one, resources))
        order = [one for one in order if scope in (None, (one.cloud, one.account))]
        order.sort(key=value, reverse=descending)  # type: ignore[arg-type]
        if column == "size":
            order.sort(key=lambda one: one.size_bytes is None)
        assert listed(inventory, selection) == order
        assert not any(selection.parents)


@settings(max_examples=40, deadline=None)
@given(st.lists(inventories(), min_size=2, max_size=4))
def test_rows_keep_their_numbers_over_scans_and_are_never_given_again(scans: list[list[Resource]]) -> None:
    with case() as (model, inventory):
        ever: dict[int, tuple[str, ...]] = {}
        before: dict[tuple[str, ...], int] = {}
        for number, resources in enumerate(scans):
            model.resources(f"s-{number}", resources)
            for cloud, account in NAMES:
                for region in ("r1", "R2"):
                    model.forget_resources(cloud, account, region, keep_scan=f"s-{number}")
            selection = inventory.select(Query(marks=frozenset(before.values())))
            assert listed(inventory, selection) == sorted(resources, key=lambda one: place(one, resources))
            now = {key(one): row for row, one in inventory.rows(selection.rows).items()}
            for name, row in now.items():
                assert before.get(name, row) == row  # it stays
                assert ever.setdefault(row, name) == name  # and no other ever has it
            assert selection.marks <= set(now.values())
            before = now


def test_what_a_scan_sees_unchanged_is_no_change() -> None:
    one = Resource(cloud="aws", account="1", region="r1", kind="instance", id="i-1", name="a")
    with case() as (model, inventory):
        feed = inventory._feed
        model.resources("s-1", [one])
        first = feed.poll()
        assert first is not None and first.inventory.total == 1
        model.resources("s-2", [one])
        model.forget_resources("aws", "1", "r1", keep_scan="s-2")
        feed.poll()
        assert feed.snapshot.inventory is first.inventory
        model.resources("s-3", [msgspec.structs.replace(one, eligible=True)])
        second = feed.poll()
        assert second is not None and second.inventory.revision > first.inventory.revision
        assert second.inventory.accounts == {("aws", "1"): (1, 1)} and second.inventory.eligible == 1


def test_an_instance_with_its_disks_a_name_and_devices() -> None:
    def disk(number: int) -> Resource:
        held = Attachment(id="i-1", name="Web", device=f"/dev/xvd{number}")
        return Resource(
            cloud="aws", account="1", region="r1", kind="volume", id=f"vol-{number}", name="", attached_to=held
        )

    web = Resource(cloud="aws", account="1", region="r1", kind="instance", id="i-1", name="Web")
    with case() as (model, inventory):
        model.resources("s", [disk(2), web, disk(1)])
        rows = inventory.select(Query()).rows
        resources, held = inventory.families([rows[1]])
        assert resources == [disk(1)]
        assert [(one.instance, list(one.disks)) for one in held] == [(web, [disk(1), disk(2)])]
        assert inventory.named("VOL-2") == [disk(2)] and inventory.named("web") == [web]
        assert inventory.named("web /dev/xvd1", kind="volume") == [disk(1)]
        assert inventory.named("vol-2", kind="instance") == [] == inventory.named("vol-2", account=("aws", "12"))
        assert inventory.devices([(("aws", "1"), "i-1")]) == {"vol-1": "/dev/xvd1", "vol-2": "/dev/xvd2"}
        assert list(inventory.every()) == [web, disk(1), disk(2)]


def test_a_read_model_of_an_earlier_version_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "case.sqlite"
    with sqlite3.connect(path) as old:
        old.executescript(
            "CREATE TABLE revision (topic TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
            "CREATE TABLE resource (cloud TEXT, account TEXT, region TEXT, kind TEXT, id TEXT, name TEXT,"
            " eligible INTEGER, scan TEXT, body TEXT, PRIMARY KEY (cloud, account, region, kind, id));"
            "CREATE TABLE odd (x);"
            "INSERT INTO revision VALUES ('resources', 7);"
            "INSERT INTO resource VALUES ('aws', '1', 'r1', 'instance', 'i-old', 'x', 1, 's', '{}');"
        )
    old.close()
    feed = Feed(path)
    feed.poll()
    assert feed.snapshot.inventory.total == 0  # no agent has run on it since: it has nothing that can be shown
    model = ReadModel(path)
    model.resources("s", [Resource(cloud="aws", account="1", region="r1", kind="instance", id="i-1", name="a")])
    snapshot = feed.poll()
    assert snapshot is not None and snapshot.inventory.total == 1 and snapshot.inventory.file
    model.close()
    again = ReadModel(path)  # made anew: the inventory is carried over
    assert [one.id for one in again.rows("resource", Resource)] == ["i-1"]
    again.close()


def test_what_cannot_be_read_is_empty_and_says_so(tmp_path: Path) -> None:
    inventory = Inventory(Feed(tmp_path / "case.sqlite"))
    selection = inventory.select(Query(marks=frozenset({7})))
    assert len(selection) == 0 and not selection.known and selection.marks == {7}  # no mark is lost by it
    assert inventory.rows([7]) == {} and list(inventory.every()) == [] and inventory.families([7]) == ([], [])


def test_a_file_made_anew_has_another_name(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        ReadModel(tmp_path / name).close()
        feed = Feed(tmp_path / name)
        feed.poll()
        made.append(feed.snapshot.inventory.file)
        feed.close()
    assert made[0] != made[1] and all(made)


def test_the_filter_language() -> None:
    def terms(text: str) -> tuple[Term, ...]:
        return parse(text, fields=FIELDS, flags=FLAGS, amounts=AMOUNTS, tags=True).terms

    assert terms('Web tag=Cost:7 tag="A B" eligible') == (
        Term("word", value="web"), Term("tag", "Cost", "7"), Term("tag", "A B"), Term("flag", "eligible"),
    )  # fmt: skip
    assert terms("size>1.5K size<=8GiB SIZE=2t") == (
        Term("amount", "size", ">", 1536),
        Term("amount", "size", "<=", 8 << 30),
        Term("amount", "size", "=", 2 << 40),
    )
    assert terms("size>") == () and terms("a>b") == (Term("word", value="a>b"),)
    assert terms("size<8191P") == (Term("amount", "size", "<", 8191 << 50),)
    nines = "9" * 309
    for odd in ("size>x", "size>8193P", f"size<={1 << 63}", f"size>{nines}", f"size={nines}.9k", f"size<{nines}p"):
        assert terms(odd) == () and "amount of bytes" in parse(odd, fields=(), amounts=AMOUNTS).problem


def test_bare_words_of_the_state_are_what_state_finds() -> None:
    def volume(ident: str, **more: Any) -> Resource:
        return Resource(cloud="aws", account="1", region="r1", kind="volume", id=ident, name="", **more)

    there = [
        volume("may", eligible=True),
        volume("lacks", reason="it has no tag Forensics; ask the owner"),
        volume("told-nothing"),
        volume("held", reason="another case has it", attributes={"state": "untagged"}),
        volume("untagged-locked-eligible", eligible=True),
    ]
    with case() as (model, inventory):
        model.resources("s", there)

        def found(text: str, inverted: bool = False) -> set[str]:
            wanted = parse(text, fields=FIELDS, flags=FLAGS, tags=True, inverted=inverted)
            return {one.id for one in listed(inventory, inventory.select(Query(filter=wanted)))}

        assert found("untagged") == {"lacks", "told-nothing"} == found('"not tagged"')
        assert found("LOCKED") == {"lacks", "told-nothing", "held"} == found("state=locked")
        assert found("eligible") == {"may", "untagged-locked-eligible"} == found("state=eligible")
        assert found("locked") == found("eligible", inverted=True)
        assert found("state=untagged") == {"lacks", "told-nothing", "held"}  # "held" by the cloud's own word
        assert found("untagg") == {"lacks", "told-nothing", "held", "untagged-locked-eligible"}  # any other word
        assert found("locked untagged") == found("untagged") and found("eligible locked") == set()


def test_a_filter_says_in_few_words_what_it_did_not_understand() -> None:
    def problem(text: str, tags: bool = True) -> str:
        return parse(text, fields=FIELDS, amounts=AMOUNTS, tags=tags).problem

    assert problem("web app=Shop moon=1") == "no field app: try tag=app:Shop"
    assert problem('"cost center=7 8" web') == problem("cost") == ""
    assert problem('app="a b"') == 'no field app: try "tag=app:a b"'
    assert problem("Acount=pay") == "no field Acount: try account=pay"
    assert problem("moon=1", tags=False).startswith("no field moon: there is account, cloud, id")
    assert problem('web "db') == "a quote is open"
    assert problem('app=shop "x') == "no field app: try tag=app:shop; a quote is open"


def test_a_filter_fits_plain_rows() -> None:
    row = {"name": "Payments-Prod", "id": "222"}
    for text, fits in (
        ("pay 22", True),
        ("name=22", False),
        ("id=22 prod", True),
        ("home", False),
        ("tag=a", False),
    ):
        wanted = parse(text, fields=("name", "id"), flags=("home",), tags=True)
        assert wanted.fits(row) is fits, text
        turned = parse(text, fields=("name", "id"), flags=("home",), tags=True, inverted=True)
        assert turned.fits(row) is not fits, text
    assert parse("home", fields=(), flags=("home",)).fits(row, {"home"}) and Filter().fits({})
