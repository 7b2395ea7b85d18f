"""Condition blocks: operators, set operators, policy variables.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators", "Multivalued context keys",
"Policy variables" and "AWS global condition context keys".

A key or an operator that is not known here raises :class:`Unknown`; the evaluator then denies.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

Context = Mapping[str, str | list[str]]
"""Keys in lower case; a list is a multivalued key."""

_NAMES = """
    aws:currenttime aws:epochtime aws:multifactorauthage aws:multifactorauthpresent aws:principalaccount
    aws:principalarn aws:principalisawsservice aws:principalorgid aws:principaltype aws:requestedregion
    aws:resourceaccount aws:resourceorgid aws:securetransport aws:sourceidentity aws:sourceip aws:tagkeys
    aws:tokenissuetime aws:useragent aws:userid aws:username aws:viaawsservice
    ebs:description ebs:parentsnapshot ebs:volumesize
    ec2:add/group ec2:add/userid ec2:attribute ec2:availabilityzone ec2:createaction ec2:encrypted
    ec2:instanceid ec2:instancetype ec2:owner ec2:parentsnapshot ec2:parentvolume ec2:region
    ec2:remove/group ec2:remove/userid ec2:snapshotcooloffperiod ec2:snapshotid ec2:snapshotlockduration
    ec2:snapshottime ec2:volumeid ec2:volumeiops
    ec2:volumesize ec2:volumethroughput ec2:volumetype ec2:attribute/kmskeyid ec2:sourceregion
    kms:calleraccount kms:grantisforawsresource kms:keyorigin kms:keyspec kms:keyusage kms:requestalias
    kms:resourcealiases kms:viaservice
    organizations:serviceprincipal
    sts:externalid sts:rolesessionname sts:sourceidentity sts:transitivetagkeys sts:durationseconds
"""
_KEYS = frozenset(_NAMES.split())
_TAGGED = ("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/", "ec2:resourcetag/")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class Unknown(Exception):
    """A condition key or operator that the embedded cloud does not know."""


def known_key(key: str) -> bool:
    """Whether a condition key is one that the embedded cloud understands."""
    low = key.lower()
    return low in _KEYS or low.startswith(_TAGGED)


def expand(text: str, context: Context) -> tuple[str, list[bool]] | None:
    """``text`` with its variables put in, and which characters are literal; None if a variable has no value.

    The characters of a variable's value are literal: a tag ``*`` is no wildcard.
    """
    out, literal, at = "", [], 0
    for match in _VARIABLE.finditer(text):
        before = text[at : match.start()]
        name, _, default = (part.strip() for part in match[1].partition(","))
        if name in ("*", "?", "$"):
            value: str | list[str] | None = name
        else:
            if not known_key(name):
                raise Unknown(name)
            value = context.get(name.lower())
            if value is None and default:
                value = default.strip("'")
        if not isinstance(value, str):
            return None
        out += before + value
        literal += [False] * len(before) + [True] * len(value)
        at = match.end()
    rest = text[at:]
    return out + rest, literal + [False] * len(rest)


@functools.lru_cache(maxsize=4096)
def _glob(pattern: str, literal: tuple[bool, ...] | None, fold: bool) -> re.Pattern[str]:
    parts = []
    for index, char in enumerate(pattern):
        plain = literal is not None and literal[index]
        parts.append(".*" if char == "*" and not plain else "." if char == "?" and not plain else re.escape(char))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if fold else 0))


def like(pattern: str, value: str, context: Context | None = None, fold: bool = False) -> bool:
    """Wildcard match (``*``, ``?``) of the whole value; variables are put in when there is a context."""
    if context is None or "${" not in pattern:
        return _glob(pattern, None, fold).fullmatch(value) is not None
    expanded = expand(pattern, context)
    if expanded is None:
        return False
    return _glob(expanded[0], tuple(expanded[1]), fold).fullmatch(value) is not None


def _plain(pattern: str, context: Context) -> str | None:
    expanded = expand(pattern, context)
    return None if expanded is None else expanded[0]


def _equals(pattern: str, value: str, context: Context) -> bool:
    return _plain(pattern, context) == value


def _equals_fold(pattern: str, value: str, context: Context) -> bool:
    plain = _plain(pattern, context)
    return plain is not None and plain.lower() == value.lower()


def _matches(pattern: str, value: str, context: Context) -> bool:
    return like(pattern, value, context)


def _arn(pattern: str, value: str, context: Context) -> bool:
    # Each of the six parts is compared on its own: a wildcard does not reach over a colon.
    ours, theirs = pattern.split(":", 5), value.split(":", 5)
    return len(ours) == 6 == len(theirs) and all(like(p, v, context) for p, v in zip(ours, theirs, strict=True))


def _bool(pattern: str, value: str, context: Context) -> bool:
    return pattern.lower() == value.lower()


def _address(pattern: str, value: str, context: Context) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return False


def _seconds(text: str) -> float:
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return float(text)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _compare(read: Callable[[str], float], holds: Callable[[float, float], bool]) -> Callable[..., bool]:
    def test(pattern: str, value: str, context: Context) -> bool:
        plain = _plain(pattern, context)
        try:
            return plain is not None and holds(read(value), read(plain))
        except ValueError:
            return False

    return test


_OPERATORS: dict[str, Callable[[str, str, Context], bool]] = {
    "stringequals": _equals,
    "stringequalsignorecase": _equals_fold,
    "stringlike": _matches,
    "arnequals": _arn,
    "arnlike": _arn,
    "bool": _bool,
    "ipaddress": _address,
}
for _prefix, _read in (("numeric", float), ("date", _seconds)):
    _OPERATORS[f"{_prefix}equals"] = _compare(_read, lambda a, b: a == b)
    _OPERATORS[f"{_prefix}lessthan"] = _compare(_read, lambda a, b: a < b)
    _OPERATORS[f"{_prefix}lessthanequals"] = _compare(_read, lambda a, b: a <= b)
    _OPERATORS[f"{_prefix}greaterthan"] = _compare(_read, lambda a, b: a > b)
    _OPERATORS[f"{_prefix}greaterthanequals"] = _compare(_read, lambda a, b: a >= b)
_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "notipaddress": "ipaddress",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
}


def as_list(value: Any) -> list[Any]:
    """Policy elements may be one value or a list of them."""
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def holds(block: Mapping[str, Any], context: Context) -> bool:
    """Whether every operator and key of a Condition block holds. Unknown if one is not known."""
    result = True
    for name, keys in block.items():
        for key, values in keys.items():
            if not known_key(key):
                raise Unknown(key)
            result &= _one(name, [_text(value) for value in as_list(values)], context.get(key.lower()), context)
    return result


def _one(name: str, patterns: list[str], found: str | list[str] | None, context: Context) -> bool:
    operator, each = name.lower(), ""
    for prefix in ("forallvalues:", "foranyvalue:"):
        if operator.startswith(prefix):
            operator, each = operator.removeprefix(prefix), prefix
    if operator == "null":
        absent = found is None or found == []
        return any((pattern.lower() == "true") == absent for pattern in patterns)
    optional = operator.endswith("ifexists")
    operator = operator.removesuffix("ifexists")
    negated = operator in _NEGATED
    test = _OPERATORS.get(_NEGATED.get(operator, operator))
    if test is None:
        raise Unknown(name)

    def fits(value: str) -> bool:
        return any(test(pattern, value, context) for pattern in patterns) != negated

    values = [] if found is None else as_list(found)
    if each == "forallvalues:":
        return all(fits(value) for value in values)
    if each == "foranyvalue:":
        return any(fits(value) for value in values)
    if not values:
        # A missing key fails a positive operator and satisfies a negated one.
        return optional or negated
    return all(fits(value) for value in values) if negated else any(fits(value) for value in values)
