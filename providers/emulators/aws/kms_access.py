"""May this caller use this key? The key's own policy, the caller's policies, and the state of the key.

Sources: AWS KMS Developer Guide ("Troubleshooting key access", "Allowing users in other accounts to use a KMS
key", "AWS KMS condition keys", "Key states of AWS KMS keys"); IAM User Guide ("Cross-account policy evaluation
logic", "AWS global condition context keys"). Grants are not looked at here: in this cloud EC2 alone is ever
granted one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from providers.emulators.aws.actions import LEVELS
from providers.emulators.aws.evaluate import Decision, Request, decide_on_resource
from providers.emulators.aws.identities import Principal
from providers.emulators.aws.kms_keys import Key

if TYPE_CHECKING:
    from providers.emulators.aws.world import World


def question(
    world: World, principal: Principal, key: Key, action: str, *, via: str = "", alias: str = ""
) -> Request:
    """The request to KMS. ``via`` is the region of the EC2 that calls on the caller's behalf, "" if nobody does.

    ``alias`` is the alias by which the caller named the key.
    """
    context = world.context(principal, key.region)
    context |= {
        "aws:resourceaccount": key.account,
        "kms:calleraccount": principal.account,
        "kms:resourcealiases": [key.alias],
        "kms:keyorigin": "AWS_KMS",
        "kms:keyspec": "SYMMETRIC_DEFAULT",
        "kms:keyusage": "ENCRYPT_DECRYPT",
    }
    if alias:
        context["kms:requestalias"] = alias
    if via:
        # A service calls with the caller's credentials, but from an address of its own.
        del context["aws:sourceip"]
        context |= {"kms:viaservice": f"ec2.{via}.amazonaws.com", "aws:viaawsservice": "true"}
        if action == "kms:CreateGrant":
            context["kms:grantisforawsresource"] = "true"
    return Request(action=action, resource=key.arn, context=context)


def decide_key(world: World, principal: Principal, key: Key, request: Request) -> Decision:
    """Key policy ∩ the caller's own policies: see :func:`evaluate.decide_on_resource`."""
    if request.action not in LEVELS:
        return Decision(allowed=False, why="because the embedded cloud has no rule for this action")
    return decide_on_resource(
        request,
        key.policy,
        key.account,
        (principal.arn, principal.entity.arn),
        principal.account,
        principal.entity.policies,
        principal.session_policy,
        world.controls(principal.account),
    )


def disabled(world: World, key: Key) -> bool:
    """Whether the fault ``disabled_keys`` names the key: its metadata stay readable, nothing else works."""
    return key.fault_name in world.faults.now.disabled_keys
