"""The ``[aws]`` table of a case, as the provider uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from app.config import Aws, check_endpoint, check_prices
from app.faults import Usage
from app.text import visible
from providers.aws import arns

SERVICES = ("sts", "ec2", "ebs", "organizations", "kms", "iam")


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked once when the provider opens; Usage names the key that is wrong."""

    aws: Aws
    tag_key: str
    tag_value: str
    endpoints: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Settings:
        """From the table that ``app.config`` has validated; it is checked again, for it is the last gate."""
        try:
            aws = msgspec.convert(dict(table), Aws)
        except msgspec.ValidationError as error:
            raise Usage(f"aws: {error}", next="see the annotated example in README.md") from None
        key, equals, value = aws.tag.partition("=")
        if not key or not equals:
            raise Usage(f"aws.tag {visible(aws.tag)!r} is not KEY=VALUE", next='for example "Forensics=Enabled"')
        arns.account(aws.forensics_account)
        for name in [aws.home_region, *aws.regions, *([aws.evidence_region] if aws.evidence_region else [])]:
            arns.region(name)
        for entry in aws.accounts or []:
            arns.account(entry.id)
        # The credentials file may come and go: without it a call says that credentials are needed.
        for what in ("ca_bundle", "config_file"):
            path = getattr(aws, what)
            if path is not None and not Path(path).expanduser().is_file():
                raise Usage(f"aws.{what}: there is no file {visible(path)}", next="name a file that exists")
        check_prices(aws.prices, "aws.prices")
        endpoints = {}
        for service in SERVICES:
            url = getattr(aws.endpoints, service)
            if url is not None:
                check_endpoint(url, f"aws.endpoints.{service}")
                endpoints[service] = url.rstrip("/")
        return cls(aws=aws, tag_key=key, tag_value=value, endpoints=endpoints)

    def destination(self, region: str) -> str:
        """Where a copy of a snapshot of ``region`` goes."""
        return self.aws.evidence_region or region

    def role(self, account: str) -> str:
        """The ARN of the role that is assumed in ``account``."""
        return arns.role(self.aws.home_region, account, self.aws.role)

    def path(self, name: str) -> str | None:
        """A configured file with ``~`` resolved."""
        value = getattr(self.aws, name)
        return None if value is None else str(Path(value).expanduser())

    def endpoint(self, service: str) -> str | None:
        """The configured endpoint, or None for AWS's own."""
        return self.endpoints.get(service)

    def public_endpoint(self, service: str, region: str) -> str:
        """The URL of a regional service, configured or AWS's own, without a final slash."""
        return self.endpoints.get(service) or f"https://{service}.{region}.{arns.dns_suffix(region)}"

    def loopback(self, service: str) -> bool:
        """Whether the service is answered on this machine, where no proxy belongs between."""
        host = urlsplit(self.endpoints.get(service, "")).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")
