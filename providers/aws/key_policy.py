"""What a KMS key policy says about one principal: yes, no, or unknown where it cannot be judged from outside.

A small reader, honest rather than clever. A deny wins over every allow. A statement that hangs on something that
is not known here (a condition on the organisation, on a tag, on an encryption context) makes the answer unknown.
Sources: AWS KMS Developer Guide, "Key policies in AWS KMS", "Allowing users in other accounts to use a KMS key",
"Default key policy", "AWS KMS condition keys"; IAM User Guide, "IAM JSON policy elements reference".
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.text import visible

Answer = Literal["yes", "no", "unknown"]
_ARN = re.compile(r"arn:aws[a-z-]*:(iam|sts)::([0-9]{12}):(.+)", re.DOTALL)
_POSITIVE = {
    "stringequals": "equals",
    "stringequalsignorecase": "folded",
    "stringlike": "like",
    "arnequals": "like",
    "arnlike": "like",
    "bool": "folded",
}
_NEGATED = {
    "stringnotequals": "equals",
    "stringnotequalsignorecase": "folded",
    "stringnotlike": "like",
    "arnnotequals": "like",
    "arnnotlike": "like",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``why`` is a clause about the key ("its policy does not allow …"); ``denied``: no grant mends it."""

    answer: Answer
    why: str = ""
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Asker:
    """Who would use a key, and through which service: the ARN of a role, its account, ``ec2.<region>.…``."""

    role: str
    account: str
    via: str

    def context(self, action: str) -> dict[str, str]:
        """The condition keys whose value is certain when EC2 or EBS uses the key for this role."""
        known = {
            "kms:calleraccount": self.account,
            "kms:viaservice": self.via,
            "aws:principalaccount": self.account,
            "aws:principalarn": self.role,
        }
        return known | ({"kms:grantisforawsresource": "true"} if action == "kms:CreateGrant" else {})


_ABSENT = frozenset({"kms:grantisforawsresource"})
"""Keys that are certainly not in the request when :meth:`Asker.context` does not hold them."""


def judge(
    policy: Mapping[str, Any],
    key: str,
    asker: Asker,
    actions: Iterable[str],
    granted: Collection[str] = (),
) -> Verdict:
    """Whether the policy of ``key`` (its ARN) lets ``asker`` do all of ``actions``; ``granted`` are allowed by a
    grant unless the policy denies them.

    A policy that names the account itself leaves it to the IAM policies of that account: that counts as yes.
    """
    denied, lacking = [], []
    unknown: dict[str, str] = {}
    for action in actions:
        said, doubt = _one(policy, key, asker, action)
        if said == "deny":
            denied.append(action)
        elif said == "none" and action not in granted:
            lacking.append(action)
        elif said == "doubtful deny" or (said == "doubtful allow" and action not in granted):
            unknown[action] = doubt
    if denied or lacking:
        parts = [f"denies {', '.join(denied)}"] if denied else []
        parts += [f"does not allow {', '.join(lacking)}"] if lacking else []
        return Verdict("no", f"its policy {' and '.join(parts)}", bool(denied))
    if unknown:
        return Verdict(
            "unknown", f"its policy makes {', '.join(unknown)} depend on {next(iter(unknown.values()))}"
        )
    return Verdict("yes")


def _one(policy: Mapping[str, Any], key: str, asker: Asker, action: str) -> tuple[str, str]:
    """``allow``, ``deny``, ``none``, ``doubtful allow`` or ``doubtful deny``, and what a doubt hangs on."""
    result, why = "none", ""
    rank = ("none", "doubtful allow", "allow", "doubtful deny", "deny")
    statements = policy.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        if not isinstance(statement, Mapping):
            said, doubt = "doubtful deny", "a statement that cannot be read"
        else:
            fits, doubt = _applies(statement, key, asker, action)
            if fits == "no":
                continue
            said = "allow" if statement.get("Effect") == "Allow" else "deny"
            said = f"doubtful {said}" if fits == "unknown" else said
        if rank.index(said) > rank.index(result):
            result, why = said, doubt
    return result, why


def _applies(statement: Mapping[str, Any], key: str, asker: Asker, action: str) -> tuple[Answer, str]:
    """Whether a statement is about this request; for unknown, what that hangs on."""
    doubt = ""
    for answer, about in (
        _action(statement, action),
        _resource(statement, key),
        _principal(statement, asker),
        _condition(statement.get("Condition", {}), asker.context(action)),
    ):
        if answer == "no":
            return "no", ""
        if answer == "unknown":
            doubt = doubt or about
    return ("unknown", doubt) if doubt else ("yes", "")


def _action(statement: Mapping[str, Any], action: str) -> tuple[Answer, str]:
    if "NotAction" in statement:
        return _yes(not any(_like(text, action, fold=True) for text in _texts(statement["NotAction"]))), ""
    return _yes(any(_like(text, action, fold=True) for text in _texts(statement.get("Action")))), ""


def _resource(statement: Mapping[str, Any], key: str) -> tuple[Answer, str]:
    """In a key policy ``*`` means the key itself (AWS KMS Developer Guide, "Key policies in AWS KMS")."""
    if "NotResource" in statement:
        return "unknown", "a statement with NotResource"
    return _yes(any(_like(text, key) for text in _texts(statement.get("Resource", "*")))), ""


def _principal(statement: Mapping[str, Any], asker: Asker) -> tuple[Answer, str]:
    if "NotPrincipal" in statement:
        return "unknown", "a statement with NotPrincipal"
    named = statement.get("Principal")
    if isinstance(named, Mapping):
        named = named.get("AWS", [])
    answers = [_is(text, asker) for text in _texts(named)]
    if "yes" in answers:
        return "yes", ""
    if "unknown" in answers:
        return "unknown", "which session of the role it is"
    return "no", ""


def _is(named: str, asker: Asker) -> Answer:
    if named in ("*", asker.account, asker.role):
        return "yes"
    found = _ARN.fullmatch(named)
    if found is None or found[2] != asker.account:
        return "no"
    if (found[1], found[3]) == ("iam", "root"):
        return "yes"
    ours = asker.role.rpartition("/")[2]
    return "unknown" if found[1] == "sts" and found[3].startswith(f"assumed-role/{ours}/") else "no"


def _condition(block: Any, context: Mapping[str, str]) -> tuple[Answer, str]:
    if not isinstance(block, Mapping):
        return "unknown", "a condition that cannot be read"
    doubt = ""
    for operator, keys in block.items():
        if not isinstance(keys, Mapping):
            return "unknown", "a condition that cannot be read"
        for key, values in keys.items():
            answer = _holds(str(operator), str(key), _texts(values), context)
            if answer == "no":
                return "no", ""
            if answer == "unknown":
                doubt = doubt or f"the condition {visible(operator, cap=40)} on {visible(key, cap=80)}"
    return ("unknown", doubt) if doubt else ("yes", "")


def _holds(operator: str, key: str, patterns: list[str], context: Mapping[str, str]) -> Answer:
    name = operator.lower()
    optional = name.endswith("ifexists")
    name = name.removesuffix("ifexists")
    found = context.get(key.lower())
    if found is None and key.lower() not in _ABSENT:
        return "unknown"
    if name == "null":
        return _yes(any((text.lower() == "true") == (found is None) for text in patterns))
    how = _POSITIVE.get(name) or _NEGATED.get(name)
    if how is None or any("${" in text for text in patterns):
        return "unknown"
    if found is None:
        return _yes(optional or name in _NEGATED)
    if how == "like":
        fits = any(_like(text, found) for text in patterns)
    elif how == "folded":
        fits = any(text.lower() == found.lower() for text in patterns)
    else:
        fits = found in patterns
    return _yes(fits != (name in _NEGATED))


def _yes(value: bool) -> Answer:
    return "yes" if value else "no"


def _texts(value: object) -> list[str]:
    """A policy element as a list of texts; booleans are written as JSON writes them."""
    found = value if isinstance(value, list) else [] if value is None else [value]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in found]


def _like(pattern: str, text: str, *, fold: bool = False) -> bool:
    """``*`` and ``?`` are wildcards. Patterns are hostile: matched without backtracking over them."""
    if fold:
        pattern, text = pattern.lower(), text.lower()
    at = start = 0
    star = -1
    for_star = 0
    while start < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, for_star = at, start
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[start]):
            at += 1
            start += 1
        elif star >= 0:
            for_star += 1
            at, start = star + 1, for_star
        else:
            return False
    return pattern[at:].strip("*") == ""
