"""parliament reads every generated session policy and every role document: a finding fails, unless it is known."""

from __future__ import annotations

import importlib
import json
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from tests.policies.asks import Document
from tests.policies.bench import FORENSICS, SOURCE, Bench


class Accepted(NamedTuple):
    """A finding that stands, in which of all cases, and why."""

    issue: str
    where: Callable[[str, Any, Document], bool]
    why: str


def _names_both(name: str, detail: Any, document: Document) -> bool:
    """Whether other statements of the document name the resources that this one is said to lack."""
    return all(
        any(
            lacked["action"] in _listed(statement["Action"])
            and any(_kind(lacked["required_format"]) in resource for resource in _listed(statement["Resource"]))
            for statement in document["Statement"]
        )
        for lacked in detail
    )


def _kind(form: str) -> str:
    """ ":volume/" of "arn:*:ec2:*:*:volume/*"."""
    return ":" + form.rsplit(":", 1)[1].partition("/")[0] + "/"


ACCEPTED = (
    Accepted(
        "RESOURCE_MISMATCH",
        _names_both,
        "CreateSnapshot(s) and their volumes, instances and snapshots: each resource has a statement of its own, "
        "since their conditions differ, and the policy as a whole names all of them",
    ),
    Accepted(
        "UNKNOWN_CONDITION_FOR_ACTION",
        lambda name, detail, document: any(
            f"Unknown condition {key} for action ec2:CopySnapshot" in str(detail)
            for key in ("ec2:Owner", "ec2:ParentVolume")
        ),
        "parliament's data are of April 2025; the keys of CopySnapshot's source came later that month, and judge "
        "one, whose data are newer, knows them",
    ),
    Accepted(
        "INVALID_ARN",
        lambda name, detail, document: "arn:aws:iam::aws:policy/" in json.dumps(document),
        "policies that AWS manages belong to the account named aws",
    ),
    Accepted(
        "RESOURCE_STAR",
        lambda name, detail, document: (
            "/jumpbag-responder " in name and all(one.startswith("organizations:") for one in detail)
        ),
        "the base identity reads the whole tree of the organisation, and changes nothing in it",
    ),
)


def _linter() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own age: escapes in strings, pkg_resources
            return importlib.import_module("parliament")
    except ImportError:
        reason = "parliament is not installed: it is one of the development dependencies"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.mark.slow
def test_no_policy_has_a_finding(bench: Bench, policies: Mapping[str, Document]) -> None:
    parliament = _linter()
    found, used = [], set[Accepted]()
    for name, document in {**policies, **_roles(bench)}.items():
        for finding in parliament.analyze_policy_string(json.dumps(document)).findings:
            for accepted in ACCEPTED:
                if accepted.issue == finding.issue and accepted.where(name, finding.detail, document):
                    used.add(accepted)
                    break
            else:
                found.append(f"{name}: {finding.issue} {finding.detail}")
    assert not found
    assert used == set(ACCEPTED), "accepted, but not found any more"


def test_the_linter_finds_what_is_wrong() -> None:
    parliament = _linter()
    wrong = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "ec2:MakeSnapshot", "Resource": "*"},
            {"Effect": "Allow", "Action": "ec2:DeleteSnapshot", "Resource": "arn:aws:s3:::bucket"},
            {
                "Effect": "Allow",
                "Action": "ec2:DeleteSnapshot",
                "Resource": "arn:aws:ec2:eu-west-1::snapshot/*",
                "Condition": {"StringEquals": {"s3:prefix": "x"}},
            },
        ],
    }
    issues = {finding.issue for finding in parliament.analyze_policy_string(json.dumps(wrong)).findings}
    assert {"UNKNOWN_ACTION", "RESOURCE_MISMATCH", "UNKNOWN_CONDITION_FOR_ACTION"} <= issues


def _roles(bench: Bench) -> dict[str, Document]:
    """The policies of the roles and the base identity, and the trust policies in the form of identity policies.

    A trust policy names who may enter and has no resource, for it is about the role that it hangs on.
    """
    found: dict[str, Document] = {}
    names = {SOURCE: ("jumpbag-collect",), FORENSICS: ("jumpbag-collect", "jumpbag-responder")}
    for account, roles in names.items():
        for name in roles:
            role = bench.world.identities.role(f"arn:aws:iam::{account}:role/{name}")
            assert role is not None
            found |= {f"{role.arn} {number}": policy for number, policy in enumerate(role.policies)}
            statements = [
                {key: value for key, value in statement.items() if key != "Principal"} | {"Resource": role.arn}
                for statement in role.trust["Statement"]
            ]
            found[f"{role.arn} trust"] = {**role.trust, "Statement": statements}
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
