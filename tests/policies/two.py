"""Judge two: the embedded AWS. Over the wire through the real SDK where a call can be made, else its evaluator."""

from __future__ import annotations

from botocore.exceptions import ClientError

from providers.emulators.aws.actions import LEVELS
from providers.emulators.aws.evaluate import Request, decide, decide_on_resource
from tests.policies.asks import Ask, Document, Standing
from tests.policies.bench import Bench
from tests.policies.calls import Call
from tests.policies.table import Case

REFUSALS = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
"""What EC2, STS and IAM, and the services that speak JSON call a refusal (EC2 API Reference, "Error codes for the
Amazon EC2 API"; IAM User Guide, "Troubleshoot access denied error messages")."""


def over_the_wire(bench: Bench, case: Case, call: Call, session: Document | None) -> bool:
    """Whether the call goes through. A rehearsed one (DryRun) that would is allowed; AssertionError for an error
    that is no decision."""
    assert call.wire is not None, f"{case.name}: there is nothing to call"
    service, region, operation, given = call.wire
    keys = bench.clients.user
    if case.role != "examiner":
        keys = bench.session(case.role, case.by, session, case.case)
    try:
        getattr(bench.clients(service, keys, region), operation)(**given)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code == "DryRunOperation" or code in REFUSALS, f"{case.name}: {error}"
        return bool(code == "DryRunOperation")
    return True


def directly(ask: Ask, standing: Standing) -> bool:
    """What the evaluator says to one request of a session, without the embedded cloud's own reading of a call."""
    context = {key.lower(): value for key, value in {**standing.context, **ask.context}.items()}
    request = Request(action=ask.action, resource=ask.resource, context=context)
    if ask.action not in LEVELS:
        return False
    if ask.resource_policy is None:
        return decide(request, standing.identity, standing.session, standing.controls).allowed
    entity = str(standing.context["aws:PrincipalArn"])
    return decide_on_resource(
        request,
        ask.resource_policy,
        ask.account,
        (standing.principal, entity),
        standing.account,
        standing.identity,
        standing.session,
        standing.controls,
    ).allowed
