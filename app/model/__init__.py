"""The nouns of an acquisition, as frozen structs that travel as JSON."""

from app.model.acquisition import ENDED, PACE_S, Acquisition, Coverage, Digest, EvidenceItem, Gap, State
from app.model.inventory import Account, AccountKey, Attachment, Cloud, Resource, ResourceKind
from app.model.lease import Lease, LeaseState
from app.model.plan import (
    EFFECTS,
    Cost,
    Effect,
    Estimate,
    ItemSpec,
    LeaseSpec,
    Permission,
    Plan,
    PlanWarning,
    Step,
    StepKind,
    Target,
    TransferSpec,
)

__all__ = [
    "EFFECTS",
    "ENDED",
    "PACE_S",
    "Account",
    "AccountKey",
    "Acquisition",
    "Attachment",
    "Cloud",
    "Cost",
    "Coverage",
    "Digest",
    "Effect",
    "Estimate",
    "EvidenceItem",
    "Gap",
    "ItemSpec",
    "Lease",
    "LeaseSpec",
    "LeaseState",
    "Permission",
    "Plan",
    "PlanWarning",
    "Resource",
    "ResourceKind",
    "State",
    "Step",
    "StepKind",
    "Target",
    "TransferSpec",
]
