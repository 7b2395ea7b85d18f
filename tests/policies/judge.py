"""Judge one: ``@cloud-copilot/iam-simulate`` in a node process of its own, asked one JSON line at a time.

It evaluates the policies with rules and vendor data (which condition keys an action knows) that share no line
with the embedded cloud. Its licence is the AGPL: a tool of the tests, never imported by or shipped with the
product.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.policies.asks import Ask, Document, Standing

HERE = Path(__file__).parent
PINNED = HERE / "node_modules" / "@cloud-copilot" / "iam-simulate" / "package.json"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``ignored`` are condition keys of the request that the vendor's data does not know for the action."""

    allowed: bool
    ignored: tuple[str, ...]


def missing() -> str:
    """What keeps judge one from sitting, or ""."""
    if shutil.which("node") is None:
        return "there is no node on the PATH"
    if not PINNED.is_file():
        return "the judge is not installed: run npm ci in tests/policies"
    return ""


class Judge:
    """One worker process. Not for several threads."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", str(HERE / "worker.mjs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE
        )
        self._asked = 0

    def close(self) -> None:
        """Ends the worker: it stops at the end of its input."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def ask(self, ask: Ask, standing: Standing) -> Verdict:
        """One request of one session; ValueError if the library finds the question itself malformed."""
        # The library tries a resource with a wildcard in every way that it could be meant. EC2 asks about the
        # snapshot that is to be made; any id stands for it.
        resource = ask.resource.replace("::snapshot/*", "::snapshot/snap-00000000000000000")
        simulation: dict[str, Any] = {
            "request": {
                "principal": standing.principal,
                "action": ask.action,
                "resource": {"resource": resource, "accountId": ask.account},
                "contextVariables": {**standing.context, **ask.context},
            },
            "identityPolicies": _named(standing.identity),
            "serviceControlPolicies": [{"orgIdentifier": "r-root", "policies": _named(standing.controls)}],
            "resourceControlPolicies": [],
        }
        if standing.session is not None:
            simulation["sessionPolicy"] = standing.session
        if ask.resource_policy is not None:
            simulation["resourcePolicy"] = ask.resource_policy
        answer = self._exchange(simulation)
        if "error" in answer:
            raise ValueError(f"{ask.action} on {resource}: {json.dumps(answer['error'])[:2000]}")
        return Verdict(answer["verdict"] == "Allowed", tuple(answer["ignored"]))

    def _exchange(self, simulation: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._asked += 1
        self._process.stdin.write(json.dumps({"id": self._asked, "simulation": simulation}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the judge's process ended with {self._process.wait(10)}")
        answer: dict[str, Any] = json.loads(line)
        assert answer["id"] == self._asked
        return answer


def _named(documents: Sequence[Document]) -> list[dict[str, Any]]:
    return [{"name": f"policy-{number}", "policy": document} for number, document in enumerate(documents)]
