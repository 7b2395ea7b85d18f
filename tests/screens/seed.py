"""A case to look at, written through the read model (``python -m tests.screens.demo DIR`` shows it)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from app.case.readmodel import ReadModel
from app.clock import stamp, stamp_us
from app.model import (
    Account,
    Acquisition,
    Attachment,
    Coverage,
    Digest,
    Effect,
    EvidenceItem,
    Lease,
    Resource,
)
from app.model.view import AgentFacts, CaseFacts, CustodyFacts, EvidenceCheck, Scan, StepRow

GIB = 1024**3
NOW = datetime(2026, 11, 23, 14, 3, 21, tzinfo=UTC)
HOME, PAYMENTS, SHOP, DATA, LEGACY, SANDBOX = (str(digit) * 12 for digit in (1, 2, 3, 4, 5, 6))
REGION = "eu-west-1"
ROLE = "arn:aws:iam::222222222222:role/forensics-collect"
WEB, XVDA, XVDF = "i-0a1b2c3d4e5f60718", "vol-0f3c9a1b2c4d5e6f7", "vol-07aa61d2f0b9c8e3d"


def accounts() -> list[Account]:
    return [
        Account(cloud="aws", id=HOME, name="forensics", forensics=True, reachable=True),
        Account(cloud="aws", id=PAYMENTS, name="payments-prod", path="Workloads/Prod", reachable=True),
        Account(cloud="aws", id=SHOP, name="shop-prod", path="Workloads/Prod", reachable=True),
        Account(cloud="aws", id=DATA, name="data-lake", path="Workloads/Data", reachable=None),
        Account(
            cloud="aws", id=LEGACY, name="legacy", path="Workloads/Data", reachable=False, reason="role missing"
        ),
        Account(cloud="aws", id=SANDBOX, name="sandbox-ml", path="Sandbox", reachable=True),
    ]


def _instance(account: str, ident: str, name: str, tagged: bool, app: str, state: str = "running") -> Resource:
    tags = {"Name": name, "app": app} | ({"Forensics": "Enabled"} if tagged else {})
    return Resource(
        cloud="aws",
        account=account,
        region=REGION,
        kind="instance",
        id=ident,
        name=name,
        tags=tags,
        eligible=tagged,
        reason=None if tagged else WHY,
        attributes={"type": "m6i.large", "state": state, "launched": "2026-03-02T08:11:00Z"},
    )


WHY = "not tagged Forensics=Enabled; the account's owner can add the tag"


def _disk(
    account: str, ident: str, gib: int, held: Resource, device: str, tagged: bool = True, kms: str = "none"
) -> Resource:
    return Resource(
        cloud="aws",
        account=account,
        region=REGION,
        kind="volume",
        id=ident,
        name=f"{held.name}:{device}",
        tags=({"Forensics": "Enabled"} if tagged else {}) | {"app": held.tags.get("app", "")},
        eligible=tagged,
        reason=None if tagged else WHY,
        size_bytes=gib * GIB,
        attached_to=Attachment(id=held.id, name=held.name, device=device),
        attributes={
            "type": "gp3",
            "state": "in-use",
            "encrypted": "false" if kms == "none" else "true",
            "kms": kms,
        },
    )


def resources() -> list[Resource]:
    web = _instance(PAYMENTS, WEB, "web-01", True, "shop")
    api = _instance(PAYMENTS, "i-0b7e4410c2d35aa91", "api-01", True, "ledger")
    db = _instance(PAYMENTS, "i-0bbb92c1d3e4f5a60", "db-02", False, "db")
    cron = _instance(PAYMENTS, "i-0cc18d2e6f7a8b9c1", "cron-01", False, "batch", "stopped")
    out = [web, api, db, cron]
    out += [
        _disk(PAYMENTS, XVDA, 8, web, "/dev/xvda", kms="default"),
        _disk(PAYMENTS, XVDF, 50, web, "/dev/xvdf"),
        _disk(PAYMENTS, "vol-0001d2c3b4a596877", 120, api, "/dev/xvda", kms="customer"),
        _disk(PAYMENTS, "vol-0d93b1a2c3f4e5d60", 500, db, "/dev/xvda", tagged=False),
        _disk(PAYMENTS, "vol-0d93b1a2c3f4e5d61", 2048, db, "/dev/xvdb", tagged=False),
        _disk(PAYMENTS, "vol-0e11aa22bb33cc44d", 30, cron, "/dev/xvda", tagged=False),
        Resource(
            cloud="aws",
            account=PAYMENTS,
            region=REGION,
            kind="snapshot",
            id="snap-09aa11bb22cc33dd4",
            name="nightly web-01",
            tags={"backup": "nightly"},
            reason=WHY,
            size_bytes=8 * GIB,
        ),
    ]
    for number in range(1, 25):
        held = _instance(SHOP, f"i-0f{number:015x}", f"shop-{number:02d}", number % 9 == 0, "storefront")
        out.append(held)
        out.append(_disk(SHOP, f"vol-0f{number:015x}", 20, held, "/dev/xvda", tagged=number % 9 == 0))
    held = _instance(SANDBOX, "i-0dd0000000000ab12", "notebook", False, "ml")
    return [*out, held, _disk(SANDBOX, "vol-0dd0000000000ab12", 1024, held, "/dev/sda1", tagged=False)]


def acquisitions(now: datetime) -> list[Acquisition]:
    def one(ident: str, **more: Any) -> Acquisition:
        base: dict[str, Any] = {
            "id": ident,
            "kind": "disk",
            "cloud": "aws",
            "account": PAYMENTS,
            "route": "copy",
            "state": "running",
            "step": "download the blocks",
            "step_no": 6,
            "step_count": 9,
            "updated": stamp(now),
        }
        return Acquisition(**(base | more))

    return [
        one(
            "A-0004",
            target="vol-0e11aa22bb33cc44d",
            target_name="cron-01 /dev/xvda",
            state="cancelled",
            step="share with the forensics account",
            step_no=4,
        ),
        one(
            "A-0005",
            target="vol-0c11d2c3b4a596877",
            target_name="gw-01 /dev/xvda",
            state="done",
            step="seal",
            step_no=9,
            bytes_done=8 * GIB,
            bytes_total=8 * GIB,
            item="E-0005",
            route="direct",
            sha256="3fa9c1d27be04f1988aa01c5d2e3f4a5b6c7d8e9fa0b1c2d3e4f5a6b7c8d9e0f",
        ),
        one(
            "A-0006",
            target="vol-0001d2c3b4a596877",
            target_name="api-01 /dev/xvda",
            state="waiting_for_credentials",
            error="your AWS SSO session ended 14:01",
            next="run aws sso login --profile ir; it goes on by itself",
            bytes_done=73 * GIB,
            bytes_total=120 * GIB,
            lease="L-0002",
        ),
        one(
            "A-0007",
            target=XVDA,
            target_name="web-01 /dev/xvda",
            bytes_done=int(5.04 * GIB),
            bytes_total=8 * GIB,
            rate=412 * 1024**2,
            eta_s=130,
            lease="L-0003",
        ),
        one(
            "A-0008",
            target=XVDF,
            target_name="web-01 /dev/xvdf",
            step="wait until the snapshot is complete",
            step_no=2,
            percent=41,
            lease="L-0004",
        ),
    ]


def leases(now: datetime) -> list[Lease]:
    def one(ident: str, scope: str, account: str, minutes: float, state: Any = "live", note: str = "") -> Lease:
        return Lease(
            id=ident,
            cloud="aws",
            account=account,
            principal=f"arn:aws:sts::{account}:assumed-role/forensics-collect/IR-42.{ident}",
            scope=scope,
            issued=stamp(now - timedelta(minutes=20)),
            expires=stamp(now + timedelta(minutes=minutes)),
            state=cast(Any, state),
            note=note,
        )

    return [
        one("L-0001", "observe", PAYMENTS, -62, "expired"),
        one("L-0002", "A-0006 collect", PAYMENTS, -2, "refused", "the SSO session ended"),
        one("L-0003", "A-0007 collect", PAYMENTS, 11.7, note="clamped to 3,600 s: role chaining"),
        one("L-0004", "A-0008 collect", PAYMENTS, 41),
        one("L-0005", "observe", HOME, 58),
    ]


STEPS = (
    ("s1", "snapshot the volume", "ec2:CreateSnapshot", "collect", "done"),
    ("s2", "wait until the snapshot is complete", "ec2:DescribeSnapshots", "observe", "done"),
    ("s3", "re-encrypt under a shareable key", "ec2:CopySnapshot", "collect", "done"),
    ("s4", "share with the forensics account", "ec2:ModifySnapshotAttribute", "share", "done"),
    ("s5", "copy under the forensics key", "ec2:CopySnapshot", "collect", "done"),
    ("s6", "download the blocks", "ebs:GetSnapshotBlock", "observe", "running"),
    ("s7", "hash the whole image", "local:sha256", "observe", "todo"),
    ("s8", "unshare and delete the copy on the way", "ec2:DeleteSnapshot", "modify", "todo"),
    ("s9", "seal the evidence bag", "local:bagit", "collect", "todo"),
)


def step_rows(now: datetime) -> list[tuple[int, StepRow]]:
    out: list[tuple[int, StepRow]] = []
    for place, (ident, title, call, effect, state) in enumerate(STEPS):
        began = now - timedelta(minutes=12 - place * 2, seconds=place * 7)
        out.append(
            (
                place,
                StepRow(
                    acquisition="A-0007",
                    id=ident,
                    title=title,
                    call=call,
                    effect=cast(Effect, effect),
                    state=cast(Any, state),
                    request_id=f"5f2c91aa-77b0-4c1e-9d3e-00000000000{place}" if state == "done" else None,
                    started=stamp_us(began) if state != "todo" else None,
                    ended=stamp_us(began + timedelta(seconds=1.4 + place * 31)) if state == "done" else None,
                    retries=2 if ident == "s5" else 0,
                    note="throttled twice" if ident == "s5" else "",
                ),
            )
        )
    return out


_STORY = (
    ("session.attach", "fact", "ex-07", None, "Examiner ex-07 attached with the screens."),
    (
        "plan.approve",
        "fact",
        "ex-07",
        "A-0007",
        "Approved: disk of web-01, route copy, because the default key cannot be shared.",
    ),
    (
        "lease.issue",
        "intent",
        "agent",
        "A-0007",
        "About to assume forensics-collect in payments-prod for 3,600 s.",
    ),
    ("lease.issue", "result", "agent", "A-0007", "Lease L-0003 issued, ends 15:02:59."),
    ("snapshot.create", "intent", "agent", "A-0007", f"About to snapshot {XVDA} in payments-prod."),
    ("snapshot.create", "result", "agent", "A-0007", "Snapshot snap-09c1f2 made."),
    ("snapshot.share", "intent", "agent", "A-0007", "About to share snap-09c1f2 with the forensics account."),
    ("snapshot.share", "failed", "agent", "A-0007", "Sharing refused: throttled; it is tried again."),
    ("evidence.read", "intent", "agent", "A-0007", "About to read 4,096 blocks of snap-0b77aa."),
)


def event(line: int, moment: datetime) -> dict[str, Any]:
    op, phase, actor, acq, summary = _STORY[(line - 1) % len(_STORY)]
    body: dict[str, Any] = {
        "v": 1,
        "log": "7f1d2c3b-0000-4000-8000-00000000002a",
        "seq": line,
        "prev": f"{line:064x}",
        "ts": stamp_us(moment),
        "mono_ns": str(line * 10**9),
        "boot_id": "b3c1",
        "clk": {"sync": True, "max_err_us": 412},
        "op": op,
        "phase": phase,
        "corr": f"c-{line}",
        "actor": {"id": actor},
        "summary": summary,
        "host": {"name": "jump-1", "machine_id_hash": f"{7:064x}", "uid": 1000, "ssh_client": "198.51.100.4"},
        "tool": {"name": "jumpbag", "version": "0.1.0", "python": "3.11.7"},
    }
    if acq:
        body |= {"acq": acq, "cloud": "aws", "account": PAYMENTS, "region": REGION}
    return body


def add_events(model: ReadModel, first: int, last: int, now: datetime) -> None:
    with model.batch():
        for line in range(first, last + 1):
            body = event(line, now - timedelta(seconds=max(0, 214 - line)))
            model.event(line, body, json.dumps(body))


def facts(model: ReadModel, now: datetime) -> None:
    """The case, its agent and its record."""
    with model.batch():
        model.fact(
            "case",
            CaseFacts(
                id="IR-42",
                title="web-intrusion",
                ticket="SEC-981",
                path="/cases/IR-42",
                examiner="ex-07",
                role=ROLE,
                evidence_dir="/evidence/IR-42 (ext4, 812 GiB free, encrypted at rest)",
                protection="file",
                endpoints=("aws 127.0.0.1",),
            ),
        )
        model.fact(
            "agent",
            AgentFacts(
                pid=4242, state="detached", beat=stamp_us(now), caller="arn:aws:iam::111111111111:user/ex-07"
            ),
        )
        model.fact("custody", CustodyFacts(events=214, lines=214, checkpointed_to=200, key="9f1c2d3e4b5a6978"))


def arm(model: ReadModel, minutes: float | None = 15, now: datetime = NOW) -> None:
    """Open the write window of the demonstration case for so long; None closes it."""
    until = stamp(now + timedelta(minutes=minutes)) if minutes is not None else None
    facts = AgentFacts(
        pid=4242,
        state="detached",
        beat=stamp_us(now),
        caller="arn:aws:iam::111111111111:user/ex-07",
        armed_until=until,
        armed_by="ex-07" if until else "",
    )
    model.fact("agent", facts)


def seed_armed(path: Path) -> ReadModel:
    """The demonstration case with its write window open."""
    model = seed(path)
    arm(model)
    return model


def seed(path: Path, now: datetime = NOW) -> ReadModel:
    """Write the demonstration case; the model stays open so that more can be written."""
    model = ReadModel(path)
    facts(model, now)
    with model.batch():
        model.accounts(accounts())
        for account in (PAYMENTS, SHOP, SANDBOX, HOME):
            model.scan(
                Scan(cloud="aws", account=account, region=REGION, state="done", found=9, error=None, at=stamp(now))
            )
        model.scan(
            Scan(cloud="aws", account=DATA, region=REGION, state="running", found=0, error=None, at=stamp(now))
        )
        model.resources("s-1", resources())
        for acquisition in acquisitions(now):
            model.acquisition(acquisition)
        for lease in leases(now):
            model.lease(lease)
        model.steps(step_rows(now))
        model.item(
            EvidenceItem(
                id="E-0005",
                acquisition="A-0005",
                kind="disk",
                path="evidence/E-0005",
                bytes=8 * GIB,
                sha256="3fa9" * 16,
                sealed=stamp(now),
                source="vol-0c11d2c3b4a596877",
                digests=tuple(
                    Digest(of=of, alg="sha256", hex=hexdigits, bytes=size, stage=stage)
                    for stage in ("rest", "reverify")
                    for of, hexdigits, size in (
                        ("tagmanifest-sha256.txt", "5be2c704" * 8, 308),
                        ("data/disk.raw", "3fa9" * 16, 8 * GIB),
                        ("blocks.tsv", "90ad41f6" * 8, 1_146_902),
                    )
                ),
                coverage=Coverage(expected_bytes=8 * GIB, read_bytes=8 * GIB),
            )
        )
        model.check(
            EvidenceCheck(
                item="E-0005",
                state="ok",
                bytes_done=8 * GIB + 1_148_344,
                bytes_total=8 * GIB + 1_148_344,
                started=stamp(now - timedelta(minutes=9)),
                ended=stamp(now - timedelta(minutes=8)),
            )
        )
    add_events(model, 1, 214, now)
    return model
