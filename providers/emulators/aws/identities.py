"""Who may call: users with access keys, roles, and the sessions that AssumeRole makes.

Sources: IAM User Guide ("IAM identifiers", "Reference policy elements"), STS API Reference.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Document = dict[str, Any]
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def unique_id(prefix: str) -> str:
    """An id such as AKIA… (access key of a user), ASIA… (of a session), AROA… (role), AIDA… (user)."""
    return prefix + "".join(secrets.choice(_LETTERS) for _ in range(16))


@dataclass(frozen=True, slots=True)
class Role:
    """``max_seconds`` is the role's MaxSessionDuration."""

    account: str
    name: str
    trust: Document
    policies: tuple[Document, ...]
    max_seconds: int = 3600
    id: str = field(default_factory=lambda: unique_id("AROA"))

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:role/{self.name}"


@dataclass(frozen=True, slots=True)
class User:
    account: str
    name: str
    policies: tuple[Document, ...]
    id: str = field(default_factory=lambda: unique_id("AIDA"))

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:user/{self.name}"


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller. For a user ``token``, ``issued`` and ``expires`` are empty: its key does not expire.

    ``arn`` is what GetCallerIdentity answers, ``entity_arn`` what policies compare (aws:PrincipalArn).
    ``session_policy`` None means that none was passed; ``transitive`` are keys of ``tags``.
    """

    access_key: str
    secret: str = field(repr=False)
    entity: User | Role
    arn: str
    user_id: str
    token: str = field(default="", repr=False)
    session: str | None = None
    issued: datetime | None = None
    expires: datetime | None = None
    session_policy: Document | None = None
    tags: dict[str, str] = field(default_factory=dict)
    transitive: frozenset[str] = frozenset()
    source_identity: str = ""

    @property
    def account(self) -> str:
        return self.entity.account

    @property
    def assumed(self) -> bool:
        return self.session is not None


class Identities:
    """All users' keys, roles and live sessions, by access key and ARN."""

    def __init__(self) -> None:
        self._by_key: dict[str, Principal] = {}
        self._roles: dict[str, Role] = {}

    def add_role(self, role: Role) -> None:
        self._roles[role.arn] = role

    def role(self, arn: str) -> Role | None:
        return self._roles.get(arn)

    def add_user(self, user: User) -> Principal:
        """Gives ``user`` an access key."""
        principal = Principal(unique_id("AKIA"), secrets.token_urlsafe(30), user, user.arn, user.id)
        self._by_key[principal.access_key] = principal
        return principal

    def find(self, access_key: str) -> Principal | None:
        return self._by_key.get(access_key)

    def open_session(
        self,
        role: Role,
        session: str,
        issued: datetime,
        expires: datetime,
        session_policy: Document | None,
        tags: dict[str, str],
        transitive: frozenset[str],
        source_identity: str,
    ) -> Principal:
        """A session of ``role`` with fresh credentials."""
        principal = Principal(
            access_key=unique_id("ASIA"),
            secret=secrets.token_urlsafe(30),
            entity=role,
            arn=f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session}",
            user_id=f"{role.id}:{session}",
            token=base64.b64encode(secrets.token_bytes(264)).decode(),
            session=session,
            issued=issued,
            expires=expires,
            session_policy=session_policy,
            tags=tags,
            transitive=transitive,
            source_identity=source_identity,
        )
        self._by_key[principal.access_key] = principal
        return principal
