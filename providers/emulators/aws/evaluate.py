"""Policy evaluation: identity (and resource) policies ∩ session policy ∩ service control policies; a deny wins.

Source: IAM User Guide, "Policy evaluation logic", "Cross-account policy evaluation logic", "IAM JSON policy
elements reference", "Grammar of the IAM JSON policy language". Conservative by design: a statement with a
condition key or operator that is not known never allows, and denies if its effect is Deny.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from providers.emulators.aws.conditions import Context, Unknown, as_list, holds, like
from providers.emulators.aws.identities import Document

Verdict = Literal["allow", "deny", "none"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One question: may this action be done on this one resource? A call may raise several."""

    action: str
    resource: str
    context: dict[str, str | list[str]]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """``why`` reads as the vendor's own explanation ("because no identity-based policy allows …")."""

    allowed: bool
    why: str = ""


def verdict(documents: Iterable[Document], request: Request) -> Verdict:
    """What a set of policies says together."""
    result: Verdict = "none"
    for document in documents:
        variables = document.get("Version") == "2012-10-17"
        for statement in as_list(document.get("Statement", [])):
            effect = _applies(statement, request, variables)
            if effect == "Deny":
                return "deny"
            if effect == "Allow":
                result = "allow"
    return result


def _applies(statement: Mapping[str, Any], request: Request, variables: bool) -> str | None:
    """The statement's effect if it applies, else None."""
    effect = statement.get("Effect")
    try:
        if not _action(statement, request.action):
            return None
        if not _resource(statement, request, variables):
            return None
        fits = holds(statement.get("Condition", {}), request.context)
    except Unknown:
        return "Deny" if effect == "Deny" else None
    return str(effect) if fits else None


def _action(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not any(like(name, action, fold=True) for name in as_list(statement["NotAction"]))
    return any(like(name, action, fold=True) for name in as_list(statement.get("Action", [])))


def _resource(statement: Mapping[str, Any], request: Request, variables: bool) -> bool:
    context: Context | None = request.context if variables else None
    if "NotResource" in statement:
        return not any(like(name, request.resource, context) for name in as_list(statement["NotResource"]))
    # A role's trust policy has no Resource: it is about the role it is attached to.
    return any(like(name, request.resource, context) for name in as_list(statement.get("Resource", "*")))


def decide(
    request: Request,
    identity: Iterable[Document],
    session: Document | None = None,
    controls: Iterable[Document] = (),
) -> Decision:
    """The decision within one account; ``controls`` are the account's service control policies."""
    verdicts = {
        "identity-based policy": verdict(identity, request),
        **_bounds(request, session, controls),
    }
    return _together(verdicts, request.action)


def decide_on_resource(
    request: Request,
    policy: Document,
    owner: str,
    arns: Iterable[str],
    account: str,
    identity: Iterable[Document],
    session: Document | None = None,
    controls: Iterable[Document] = (),
) -> Decision:
    """The decision where the resource, of account ``owner``, has a ``policy`` of its own, as a KMS key must.

    ``arns`` are the caller's own ARNs, ``account`` is the caller's. A statement that names the caller (or ``*``)
    allows by itself within one account; one that names the account leaves the decision to the account's own
    policies. Over an account's border both sides must allow (IAM User Guide, "Cross-account policy evaluation
    logic"). A session policy and the service control policies of the caller's account bound either.
    """
    named = verdict([_naming(policy, {*arns, "*"})], request)
    delegated = verdict([_naming(policy, {account, f"arn:aws:iam::{account}:root"})], request)
    own = verdict(identity, request)
    resource: Verdict = "none"
    if "deny" in (named, delegated):
        resource = "deny"
    elif "allow" in (named, delegated):
        resource = "allow"
    alone = named == "allow" and account == owner and own != "deny"
    verdicts: dict[str, Verdict] = {
        "resource-based policy": resource,
        "identity-based policy": "allow" if alone else own,
        **_bounds(request, session, controls),
    }
    return _together(verdicts, request.action)


def _bounds(request: Request, session: Document | None, controls: Iterable[Document]) -> dict[str, Verdict]:
    """What narrows and never widens."""
    controls = list(controls)
    return {
        "session policy": "allow" if session is None else verdict([session], request),
        "service control policy": "allow" if not controls else verdict(controls, request),
    }


def _together(verdicts: Mapping[str, Verdict], action: str) -> Decision:
    """Allowed if all allow; else the kind of policy that says no, as the vendor words it."""
    for kind, said in verdicts.items():
        if said == "deny":
            article = "an" if kind[0] in "aeiou" else "a"
            return Decision(allowed=False, why=f"with an explicit deny in {article} {kind}")
    for kind, said in verdicts.items():
        if said == "none":
            return Decision(allowed=False, why=f"because no {kind} allows the {action} action")
    return Decision(allowed=True)


def trusts(document: Document, principal_arns: Iterable[str], account: str, request: Request) -> bool:
    """Whether a trust policy allows ``request`` to a caller.

    ``principal_arns`` are the caller's own ARNs (user, or role and session); a policy that names the
    account, its root or ``*`` trusts every caller of that account whom the account's own policies allow.
    """
    names = {*principal_arns, account, f"arn:aws:iam::{account}:root", "*"}
    return verdict([_naming(document, names)], request) == "allow"


def _naming(document: Document, names: set[str]) -> Document:
    """The statements of a resource's policy whose Principal is one of ``names``."""
    statements = as_list(document.get("Statement", []))
    return {**document, "Statement": [one for one in statements if _names(one.get("Principal"), names)]}


def _names(principal: Any, names: set[str]) -> bool:
    if principal == "*":
        return "*" in names
    listed = as_list(principal.get("AWS", [])) if isinstance(principal, dict) else []
    return any(name in names for name in listed)


def parse_policy(text: str) -> Document | None:
    """A session policy's document, or None if it does not fit the grammar."""
    try:
        document = json.loads(text)
    except ValueError:
        return None
    if not isinstance(document, dict) or document.get("Version", "2008-10-17") not in ("2012-10-17", "2008-10-17"):
        return None
    if not set(document) <= {"Version", "Id", "Statement"}:
        return None
    statements = as_list(document.get("Statement", []))
    return document if statements and all(_grammatical(statement) for statement in statements) else None


def _grammatical(statement: Any) -> bool:
    allowed = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
    if not isinstance(statement, dict) or not set(statement) <= allowed:
        return False
    if statement.get("Effect") not in ("Allow", "Deny"):
        return False
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource")):
        if (one in statement) == (other in statement):
            return False
        values = as_list(statement.get(one, statement.get(other)))
        if not values or not all(isinstance(value, str) for value in values):
            return False
    condition = statement.get("Condition", {})
    return isinstance(condition, dict) and all(isinstance(keys, dict) for keys in condition.values())
