"""The configuration of a case: TOML, checked key by key, never a place for secrets.

An error names the file and the line (for broken TOML) or the key path, and the fix.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
import tomllib
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

from app.faults import Usage
from app.text import visible

_SECRET = re.compile(
    r"(secret|passw|passphrase|private_?key|access_?key|api_?key|session_?token|(^|_)(token|sas|pin)$)",
    re.IGNORECASE,
)
_EXAMINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@=,+-]{1,63}")
_PATH = 1024
"""Characters of a path."""
HIGHEST_PRICE = 1000
"""US dollars; what is more is a slip of the decimal point."""


class Examiner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``id`` is opaque: it goes into the custody log and to the cloud as SourceIdentity (2–64 characters).

    ``roster``: further examiners who may open the case; custody names whoever ordered something, SourceIdentity
    stays ``id``.
    """

    id: str = "examiner"
    roster: list[str] = []

    @property
    def everyone(self) -> tuple[str, ...]:
        """Each id once, ``id`` first."""
        return tuple(dict.fromkeys((self.id, *self.roster)))

    def check(self, examiner: str) -> str:
        """The id if it is one of this case; Usage otherwise."""
        if examiner not in self.everyone:
            raise Usage(
                f"{visible(examiner, cap=80)!r} is not an examiner of this case",
                next=f"case.toml has its roster: {', '.join(self.everyone)}",
            )
        return examiner


class CaseDefaults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``organization`` is the Source-Organization of evidence bags."""

    organization: str = "not stated"
    evidence_dir: str | None = None


class Signing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the custody signing key is protected at rest."""

    protection: Literal["keyring", "passphrase", "file"] = "passphrase"


class AgentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds of the agent, in seconds. ``workers`` 0 means one transfer process a core.

    ``approval_seconds``: how long an approval to acquire stands, across restarts of the agent.
    """

    idle_forget: int = 1800
    idle_exit: int = 3600
    max_lifetime: int = 86400
    approval_seconds: int = 86400
    workers: int = 0


class AwsAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    name: str = ""


class AwsEndpoints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Endpoints other than AWS's own. Plain http is refused off loopback."""

    sts: str | None = None
    ec2: str | None = None
    ebs: str | None = None
    organizations: str | None = None
    kms: str | None = None
    iam: str | None = None


class AwsPrices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What AWS bills, in US dollars; the defaults are list prices of us-east-1, as of 2025.

    ``read_1000_blocks``: GetSnapshotBlock, by the block; ``list_1000_requests``: ListSnapshotBlocks (EBS User
    Guide, "Pricing for EBS direct APIs"). ``store_gib_month``: snapshots in the standard tier;
    ``cross_region_gib``: a copy to another region (Amazon EBS pricing; Amazon EC2 pricing, data transfer).
    """

    read_1000_blocks: float = 0.003
    list_1000_requests: float = 0.0006
    store_gib_month: float = 0.05
    cross_region_gib: float = 0.02


class Aws(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Access to AWS. ``role`` is assumed in each account; ``tag`` makes a resource eligible.

    ``accounts`` absent: AWS Organizations is asked. ``regions`` empty: each account is asked.
    ``evidence_key`` is the alias of a customer managed KMS key that every account has in each region: in the
    forensics account what copies are encrypted under, elsewhere what a snapshot is encrypted under anew when its
    own key cannot be shared. ``evidence_region``: where copies go; absent, they stay in the source's region.
    ``prices`` are what plans reckon with.
    """

    forensics_account: str
    role: str
    tag: str = "Forensics=Enabled"
    external_id: str | None = None
    profile: str | None = None
    credentials_file: str | None = None
    config_file: str | None = None
    ca_bundle: str | None = None
    home_region: str = "us-east-1"
    regions: list[str] = []
    lease_seconds: int = 3600
    evidence_key: str = "alias/jumpbag-evidence"
    evidence_region: str | None = None
    accounts: list[AwsAccount] | None = None
    endpoints: AwsEndpoints = AwsEndpoints()
    prices: AwsPrices = AwsPrices()


class Guided(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``playbooks``: directories with further playbooks, relative to the case. ``offer``: the id of the one that a
    new case offers."""

    playbooks: list[str] = []
    offer: str = ""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a configuration file may say."""

    examiner: Examiner = Examiner()
    case: CaseDefaults = CaseDefaults()
    signing: Signing = Signing()
    agent: AgentSettings = AgentSettings()
    guided: Guided = Guided()
    aws: Aws | None = None

    def overridden(self) -> tuple[str, ...]:
        """Endpoints that are not the cloud's own, as the context bar shows them."""
        if self.aws is None:
            return ()
        hosts = {urlsplit(url).hostname or "?" for url in msgspec.structs.astuple(self.aws.endpoints) if url}
        return tuple(f"aws {host}" for host in sorted(hosts))


def load(path: Path) -> Config:
    """The configuration in ``path``; Usage naming the place and the fix."""
    return msgspec.convert(read_table(path), Config)


def read_table(path: Path) -> dict[str, Any]:
    """The checked TOML table of ``path``."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise Usage(f"no configuration at {path}", next="name another with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"cannot read {path}: {error}", next="check the file and its permissions") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Usage(f"{path}: {error}", next="mend the TOML on that line") from None
    _check_guided(check(table, str(path)).guided, str(path))
    return table


def check(table: dict[str, Any], source: str) -> Config:
    """Validate a table; ``source`` names it in errors."""
    _no_secrets(table, source, "")
    _known(table, Config, source, "")
    try:
        config = msgspec.convert(table, Config)
    except msgspec.ValidationError as error:
        said = str(error).replace("`$.", "`").replace("`$`", "the top level")
        raise Usage(f"{source}: {said}", next=f"{_wanted(str(error))}see {_EXAMPLE}") from None
    named = {"examiner.id": config.examiner.id}
    named |= {f"examiner.roster[{place}]": id_ for place, id_ in enumerate(config.examiner.roster)}
    for where, id_ in named.items():
        if not _EXAMINER.fullmatch(id_) or id_ == "agent":  # as the custody log calls the agent itself
            raise Usage(
                f"{source}: {where} {visible(id_)!r} is not an id",
                next="use 2 to 64 letters, digits and _ . @ = , + - (not agent)",
            )
    if config.aws is not None:
        _check_aws(config.aws, source)
    return config


_EXAMPLE = "the annotated example in README.md"
_WORDS = {
    str: "text in quotes",
    int: "a whole number, without quotes",
    float: "a number, without quotes",
    bool: "true or false",
    list: "a list in [brackets]",
    dict: "a table",
}


def _wanted(error: str) -> str:
    """What to write where msgspec found ``error``, as the head of a ``next``; empty if it is not known."""
    missing = re.search(r"missing required field `(\w+)`", error)
    if missing:
        return f"add the key {missing[1]}: "
    place = re.search(r" - at `\$\.?([^`]*)`$", error)
    kind: Any = Config
    for part in re.findall(r"\w+|\[[0-9]+\]", place[1] if place else ""):
        kind = _value_of(kind)
        if part.startswith("["):
            kind = get_args(kind)[0]
        else:
            kind = next(field.type for field in msgspec.structs.fields(kind) if field.encode_name == part)
    kind = _value_of(kind)
    if get_origin(kind) is Literal:
        return f"write one of {', '.join(json.dumps(value) for value in get_args(kind))}: "
    plain = get_origin(kind) or kind
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        plain = dict
    return f"write {_WORDS[plain]}: " if plain in _WORDS else ""


def _value_of(annotation: Any) -> Any:
    """``X`` of ``X | None``, anything else as it is."""
    if get_origin(annotation) in (UnionType, Union):
        return next(inner for inner in get_args(annotation) if inner is not type(None))
    return annotation


def _check_guided(guided: Guided, source: str) -> None:
    """Names that no directory can have. A case that was made with one opens all the same, and lists the fault."""
    for place, entry in enumerate(guided.playbooks):
        where = f"{source}: guided.playbooks[{place}] {visible(entry, cap=80)!r}"
        if not entry or len(entry) > _PATH or any(char < " " or char == "\x7f" for char in entry):
            raise Usage(
                f"{where} is no path", next=f"name a directory in 1 to {_PATH} characters, without controls"
            )
        if entry.startswith("~") and not entry.startswith("~/"):
            raise Usage(f"{where} names another user's home", next="write the path itself, or begin it with ~/")


def _check_aws(aws: Aws, source: str) -> None:
    for account in [aws.forensics_account, *(entry.id for entry in aws.accounts or [])]:
        if not re.fullmatch(r"[0-9]{12}", account):
            raise Usage(
                f"{source}: aws: {visible(account)!r} is not an account id", next="account ids have 12 digits"
            )
    if "=" not in aws.tag or aws.tag.startswith("="):
        raise Usage(
            f"{source}: aws.tag {visible(aws.tag)!r} is not KEY=VALUE", next='for example "Forensics=Enabled"'
        )
    if not re.fullmatch(r"[\w+=,.@/-]{1,512}", aws.role):
        raise Usage(
            f"{source}: aws.role {visible(aws.role)!r} is not a role name", next="give the name, not the ARN"
        )
    if not re.fullmatch(r"alias/(?!aws/)[A-Za-z0-9/_-]{1,250}", aws.evidence_key):
        raise Usage(
            f"{source}: aws.evidence_key {visible(aws.evidence_key)!r} is not the alias of a key of your own",
            next='write it like "alias/jumpbag-evidence"',
        )
    if not 900 <= aws.lease_seconds <= 43200:
        raise Usage(f"{source}: aws.lease_seconds is {aws.lease_seconds}", next="STS takes 900 to 43200")
    for name in AwsEndpoints.__struct_fields__:
        url = getattr(aws.endpoints, name)
        if url is not None:
            check_endpoint(url, f"{source}: aws.endpoints.{name}")
    check_prices(aws.prices, f"{source}: aws.prices")


def check_prices(prices: AwsPrices, what: str) -> None:
    """Refuse what can be no price, infinity and NaN among it; Usage."""
    for name, value in msgspec.structs.asdict(prices).items():
        if not 0 <= value <= HIGHEST_PRICE:
            raise Usage(f"{what}.{name} is {value}", next=f"give US dollars, from 0 to {HIGHEST_PRICE}")


def check_endpoint(url: str, what: str) -> None:
    """Refuse an endpoint that is not https, unless it is loopback; Usage."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Usage(f"{what}: {visible(url)!r} is not an https URL", next="write https://host[:port]")
    if parts.username or parts.password or parts.query:
        raise Usage(f"{what} holds more than a host and a path", next="credentials never stand in a URL")
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise Usage(f"{what}: plain http to {visible(parts.hostname)} is refused", next="use https")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _no_secrets(value: Any, source: str, path: str) -> None:
    if isinstance(value, dict):
        for key, child in value.items():
            where = f"{path}.{key}" if path else key
            if _SECRET.search(key):
                raise Usage(
                    f"{source}: {visible(where)} looks like a secret",
                    next="take it out: credentials come from a profile, keys from the key store",
                )
            _no_secrets(child, source, where)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _no_secrets(child, source, f"{path}[{index}]")


def _known(value: Any, kind: Any, source: str, path: str) -> None:
    """Name unknown keys, with the nearest known one, before the type check does so less kindly."""
    if isinstance(value, list):
        for index, child in enumerate(value):
            _known(child, kind, source, f"{path}[{index}]")
        return
    if not isinstance(value, dict) or not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key, child in value.items():
        where = f"{path}.{key}" if path else key
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(fields))}"
            raise Usage(f"{source}: unknown key {visible(where)}", next=hint)
        _known(child, _struct_in(fields[key]), source, where)


def _struct_in(annotation: Any) -> Any:
    """The struct inside ``X``, ``X | None`` or ``list[X]``."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _struct_in(inner)
        if found is not None:
            return found
    return None
