"""The organisation: root, organisational units and accounts, derived from the scenario.

The forensics account acts as delegated administrator, so it may read the organisation. The management
account is named by DescribeOrganization alone: a scenario lists the accounts that an examiner works with.
"""

from __future__ import annotations

import base64
import binascii
import random
import string
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from providers.emulators.aws.errors import ApiError
from providers.emulators.scenario.model import AwsAccount

_JOINED = datetime(2024, 3, 4, 9, 0, tzinfo=UTC).timestamp()
_LETTERS = string.ascii_lowercase + string.digits
_PAGE = 20


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """The root (``parent`` is "") or an organisational unit. ``place`` is its path of names."""

    id: str
    name: str
    parent: str
    place: str


class Organization:
    """Ids have the vendor's form (o-…, r-…, ou-…) and derive from ``seed``."""

    def __init__(self, accounts: Sequence[AwsAccount], seed: int) -> None:
        self._chance = random.Random(f"{seed}:organization")  # noqa: S311 - repeatable, not secret
        self.id = f"o-demo{self._letters(6)}"
        self.management = "".join(self._chance.choice(string.digits[1:]) for _ in range(12))
        self.root = Unit(id=f"r-{self._letters(4)}", name="Root", parent="", place="")
        self.units: dict[str, Unit] = {"": self.root}
        self.accounts = {account.id: account for account in accounts}
        for account in accounts:
            self._unit(account.ou)

    def _letters(self, count: int) -> str:
        return "".join(self._chance.choice(_LETTERS) for _ in range(count))

    def _unit(self, place: str) -> Unit:
        if place not in self.units:
            above, _, name = place.rpartition("/")
            parent = self._unit(above)
            id_ = f"ou-{self.root.id[2:]}-{self._letters(8)}"
            self.units[place] = Unit(id=id_, name=name, parent=parent.id, place=place)
        return self.units[place]

    def arn(self, kind: str, id_: str) -> str:
        return f"arn:aws:organizations::{self.management}:{kind}/{self.id}/{id_}"

    def _parent(self, id_: str) -> Unit:
        for unit in self.units.values():
            if unit.id == id_:
                return unit
        raise ApiError("ParentNotFoundException", "You specified parent that doesn't exist.")

    def call(self, action: str, params: Mapping[str, Any], left: Collection[str] = ()) -> dict[str, Any]:
        """The answer of one read of the Organizations API; ApiError with the service's code.

        Accounts of ``left`` are members no more: they are not listed, and those who ask for one are told that it
        is not in the organisation (Organizations API Reference, DescribeAccount).
        """
        members = {id_: account for id_, account in self.accounts.items() if id_ not in left}
        if action == "DescribeOrganization":
            return {"Organization": self._described()}
        if action == "DescribeAccount":
            account = members.get(_text(params, "AccountId"))
            if account is None:
                raise ApiError("AccountNotFoundException", "You specified an account that doesn't exist.")
            return {"Account": self._account(account)}
        if action == "DescribeOrganizationalUnit":
            return {"OrganizationalUnit": self._described_unit(_text(params, "OrganizationalUnitId"))}
        if action == "ListAccounts":
            return _page("Accounts", [self._account(account) for account in members.values()], params)
        if action == "ListRoots":
            root = {"Id": self.root.id, "Arn": self.arn("root", self.root.id), "Name": "Root", "PolicyTypes": []}
            return _page("Roots", [root], params)
        if action == "ListParents":
            return _page("Parents", [self._parent_of(_text(params, "ChildId"), members)], params)
        parent = self._parent(_text(params, "ParentId"))
        if action == "ListAccountsForParent":
            found = [self._account(one) for one in members.values() if self.units[one.ou] is parent]
            return _page("Accounts", found, params)
        found = [self._unit_shape(unit) for unit in self.units.values() if unit.parent == parent.id]
        return _page("OrganizationalUnits", found, params)

    def _described(self) -> dict[str, Any]:
        return {
            "Id": self.id,
            "Arn": f"arn:aws:organizations::{self.management}:organization/{self.id}",
            "FeatureSet": "ALL",
            "MasterAccountArn": self.arn("account", self.management),
            "MasterAccountId": self.management,
            "MasterAccountEmail": "management@example.com",
            "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
        }

    def _account(self, account: AwsAccount) -> dict[str, Any]:
        return {
            "Id": account.id,
            "Arn": self.arn("account", account.id),
            "Email": f"aws-{account.id}@example.com",
            "Name": account.name,
            "Status": "ACTIVE",
            "State": "ACTIVE",
            "JoinedMethod": "CREATED",
            "JoinedTimestamp": _JOINED,
        }

    def _unit_shape(self, unit: Unit) -> dict[str, Any]:
        return {"Id": unit.id, "Arn": self.arn("ou", unit.id), "Name": unit.name}

    def _described_unit(self, id_: str) -> dict[str, Any]:
        for unit in self.units.values():
            if unit.id == id_ and unit is not self.root:
                return self._unit_shape(unit)
        raise ApiError("OrganizationalUnitNotFoundException", "You specified an OU that doesn't exist.")

    def _parent_of(self, child: str, members: Mapping[str, AwsAccount]) -> dict[str, str]:
        if child in members:
            unit = self.units[members[child].ou]
            return {"Id": unit.id, "Type": "ROOT" if unit is self.root else "ORGANIZATIONAL_UNIT"}
        for unit in self.units.values():
            if unit.id == child and unit.parent:
                kind = "ROOT" if unit.parent == self.root.id else "ORGANIZATIONAL_UNIT"
                return {"Id": unit.parent, "Type": kind}
        raise ApiError("ChildNotFoundException", "You specified a child that doesn't exist.")


def _text(params: Mapping[str, Any], key: str) -> str:
    value = params.get(key)
    if not isinstance(value, str) or not value:
        raise ApiError("InvalidInputException", f"You specified an invalid value for {key}.")
    return value


def _page(name: str, items: list[dict[str, Any]], params: Mapping[str, Any]) -> dict[str, Any]:
    """A page of at most 20 items, the API's limit (Organizations API Reference, ListAccounts)."""
    count = params.get("MaxResults", _PAGE)
    if not isinstance(count, int) or not 1 <= count <= _PAGE:
        raise ApiError("InvalidInputException", "You specified an invalid value for MaxResults.")
    start = 0
    token = params.get("NextToken")
    if token is not None:
        try:
            start = int(base64.b64decode(token, validate=True))
        except (ValueError, TypeError, binascii.Error):
            raise ApiError("InvalidInputException", "You specified an invalid value for NextToken.") from None
    result: dict[str, Any] = {name: items[start : start + count]}
    if start + count < len(items):
        result["NextToken"] = base64.b64encode(str(start + count).encode()).decode()
    return result
