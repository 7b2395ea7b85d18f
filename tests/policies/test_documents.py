"""What docs/iam says is what the embedded cloud enforces: what is proven is what an organisation rolls out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.policies.bench import FORENSICS, GUARDED, SOURCE, Bench

DOCUMENTS = Path(__file__).parents[2] / "docs" / "iam"
ROLE = "jumpbag-collect"
# A role's policies in the order in which the embedded cloud has them.
PARTS = ("collecting", "reading", "copying")
MANAGED_LIMIT = 6144
"""Characters of a managed policy, white space not counted (IAM User Guide, "IAM and AWS STS quotas")."""


def document(name: str, account: str, bench: Bench) -> dict[str, Any]:
    """The file with its placeholders filled in."""
    text = (DOCUMENTS / f"{name}.json").read_text("utf-8")
    values = {
        "EXTERNAL_ID": f"jumpbag-{bench.range.scenario.name}",
        "FORENSICS_ACCOUNT": FORENSICS,  # before ACCOUNT, which it contains
        "ACCOUNT": account,
    }
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    filled: dict[str, Any] = json.loads(text)
    return filled


@pytest.mark.parametrize(("account", "kind"), [(SOURCE, "source"), (GUARDED, "source"), (FORENSICS, "forensics")])
def test_the_collect_role_is_as_documented(account: str, kind: str, bench: Bench) -> None:
    role = bench.world.identities.role(f"arn:aws:iam::{account}:role/{ROLE}")
    assert role is not None
    assert document("collect-trust", account, bench) == role.trust
    assert [document(f"collect-{kind}-{part}", account, bench) for part in PARTS] == list(role.policies)


def test_the_base_identity_is_as_documented(bench: Bench) -> None:
    user = bench.world.identities.find(bench.clients.user["AccessKeyId"])
    assert user is not None
    assert list(user.entity.policies) == [document("base-identity", FORENSICS, bench)]
    responder = bench.world.identities.role(f"arn:aws:iam::{FORENSICS}:role/jumpbag-responder")
    assert responder is not None
    assert list(responder.policies) == [document("base-identity", FORENSICS, bench)]
    assert responder.trust == document("responder-trust", FORENSICS, bench)


@pytest.mark.parametrize(("account", "kind"), [(SOURCE, "source"), (FORENSICS, "forensics")])
def test_the_policy_of_the_evidence_key_is_as_documented(account: str, kind: str, bench: Bench) -> None:
    assert bench.thing(f"key {account} evidence").policy == document(f"evidence-key-{kind}", account, bench)


def test_every_file_is_compared_and_can_be_attached(bench: Bench) -> None:
    compared = {
        "collect-trust",
        "base-identity",
        "responder-trust",
        "evidence-key-source",
        "evidence-key-forensics",
    }
    compared |= {f"collect-{kind}-{part}" for kind in ("source", "forensics") for part in PARTS}
    assert {path.stem for path in DOCUMENTS.glob("*.json")} == compared
    for name in compared:
        text = json.dumps(document(name, SOURCE, bench), separators=(",", ":"))
        assert len(text) <= MANAGED_LIMIT, name
        assert f"`{name}.json`" in (DOCUMENTS / "README.md").read_text("utf-8"), f"{name} is not explained"
