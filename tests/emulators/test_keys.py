"""KMS through real clients: which keys there are, what their policies say, who may read about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from providers.emulators.aws.evaluate import Request, decide_on_resource
from tests.emulators.clients import CASE_TAGS, Clients, Keys, admin, await_until, permission, refused
from tests.emulators.packs import ACCOUNTS, FORENSICS, OTHER, REGION, WORKLOAD

FAR = "eu-central-1"
ALIASES = {
    "default": "alias/aws/ebs",
    "customer": "alias/jumpbag-volumes",
    "private": "alias/jumpbag-private",
    "evidence": "alias/jumpbag-evidence",
}


def arn(clients: Clients, account: str, kind: str, region: str = REGION) -> str:
    """The ARN of a key, asked of its own account."""
    kms = clients("kms", admin(clients, account), region)
    return str(kms.describe_key(KeyId=ALIASES[kind])["KeyMetadata"]["Arn"])


def policy(clients: Clients, account: str, kind: str) -> dict[str, Any]:
    kms = clients("kms", admin(clients, account))
    text = kms.get_key_policy(KeyId=arn(clients, account, kind), PolicyName="default")["Policy"]
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize("region", [REGION, FAR])
@pytest.mark.parametrize("account", [FORENSICS, WORKLOAD])
def test_every_kind_stands_where_there_are_instances(quiet: Clients, account: str, region: str) -> None:
    kms = quiet("kms", admin(quiet, account), region)
    found = {kind: kms.describe_key(KeyId=alias)["KeyMetadata"] for kind, alias in ALIASES.items()}
    assert len({one["Arn"] for one in found.values()}) == 4
    for kind, one in found.items():
        assert one["Arn"].startswith(f"arn:aws:kms:{region}:{account}:key/")
        assert one["KeyManager"] == ("AWS" if kind == "default" else "CUSTOMER")
        assert (one["KeyState"], one["Enabled"], one["KeySpec"]) == ("Enabled", True, "SYMMETRIC_DEFAULT")
        by_arn = kms.describe_key(KeyId=f"arn:aws:kms:{region}:{account}:{ALIASES[kind]}")["KeyMetadata"]
        assert by_arn == one == kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"]


def test_no_instances_no_keys_and_an_account_may_lack_the_evidence_key(serve: Callable[..., Clients]) -> None:
    accounts = [{**one, "evidence_key": False} if one["id"] == WORKLOAD else one for one in ACCOUNTS]
    clients = serve(accounts=accounts)
    kms = clients("kms", admin(clients, WORKLOAD))
    error = refused(kms.describe_key, KeyId="alias/jumpbag-evidence")
    assert (error["Code"], error["Status"]) == ("NotFoundException", 400)
    assert "alias/jumpbag-evidence is not found" in error["Message"]
    kms.describe_key(KeyId="alias/jumpbag-volumes")
    assert arn(clients, FORENSICS, "evidence")
    for other in (clients("kms", admin(clients, OTHER)), clients("kms", admin(clients, WORKLOAD), "us-east-1")):
        assert refused(other.describe_key, KeyId="alias/jumpbag-volumes")["Code"] == "NotFoundException"


def test_key_policies_say_who_decides(quiet: Clients) -> None:
    guest, host = f"arn:aws:iam::{FORENSICS}:root", f"arn:aws:iam::{WORKLOAD}:root"

    def principals(account: str, kind: str) -> list[str]:
        return [one["Principal"]["AWS"] for one in policy(quiet, account, kind)["Statement"]]

    assert principals(WORKLOAD, "customer") == principals(WORKLOAD, "evidence") == [host, guest, guest]
    assert principals(WORKLOAD, "private") == [host]
    assert principals(FORENSICS, "evidence") == principals(FORENSICS, "customer") == [guest]
    default = policy(quiet, WORKLOAD, "default")["Statement"][0]
    assert default["Principal"] == {"AWS": "*"}
    assert default["Condition"]["StringEquals"] == {
        "kms:CallerAccount": WORKLOAD,
        "kms:ViaService": f"ec2.{REGION}.amazonaws.com",
    }


def test_the_collect_role_reads_the_facts_of_its_own_account(quiet: Clients, keys: Keys) -> None:
    kms = quiet("kms", keys)
    for alias in ALIASES.values():
        found = kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"]
        assert json.loads(kms.get_key_policy(KeyId=found)["Policy"])["Statement"]
        assert kms.list_grants(KeyId=found)["Truncated"] is False
        assert quiet.last_call()["resources"] == [found]


def test_a_key_of_another_account(quiet: Clients) -> None:
    """Described where its policy lets one; its policy is for its own account alone (KMS API Reference)."""
    customer, private = arn(quiet, WORKLOAD, "customer"), arn(quiet, WORKLOAD, "private")
    for keys in (admin(quiet, FORENSICS), quiet.keys(FORENSICS)):
        kms = quiet("kms", keys)
        assert kms.describe_key(KeyId=customer)["KeyMetadata"]["AWSAccountId"] == WORKLOAD
        assert refused(kms.get_key_policy, KeyId=customer)["Code"] == "AccessDeniedException"
        assert refused(kms.list_grants, KeyId=customer)["Code"] == "AccessDeniedException"
        error = refused(kms.describe_key, KeyId=private)
        assert error["Code"] == "AccessDeniedException"
        assert "because no resource-based policy allows the kms:DescribeKey action" in error["Message"]
    # The key's policy lets the account decide, and the account's policy does not allow it.
    nobody = admin(quiet, FORENSICS, {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"})
    error = refused(quiet("kms", nobody).describe_key, KeyId=customer)
    assert "because no identity-based policy allows" in error["Message"]


def test_names_that_are_none(quiet: Clients) -> None:
    kms = quiet("kms", admin(quiet, WORKLOAD))
    far = arn(quiet, WORKLOAD, "customer", FAR)
    assert refused(kms.describe_key, KeyId=far)["Message"].endswith(f"Invalid arn {FAR}")
    here = arn(quiet, WORKLOAD, "customer")
    # An alias is for DescribeKey; the others take an id or an ARN.
    for call in (kms.get_key_policy, kms.list_grants):
        assert refused(call, KeyId=ALIASES["customer"])["Code"] == "NotFoundException"
    assert refused(kms.get_key_policy, KeyId=here, PolicyName="other")["Code"] == "NotFoundException"
    assert refused(kms.describe_key, KeyId="00000000-0000-0000-0000-000000000000")["Code"] == "NotFoundException"
    assert refused(kms.list_grants, KeyId=here, Marker="!?")["Code"] == "InvalidMarkerException"


def test_grants_of_copies_are_listed_and_paged(serve: Callable[..., Clients]) -> None:
    clients = serve()
    owner = admin(clients, WORKLOAD)
    snapshot = clients.snapshot(owner, clients.volume(owner, "secret-01"))
    source, target = arn(clients, WORKLOAD, "customer"), arn(clients, WORKLOAD, "evidence")
    kms = clients("kms", owner)
    assert kms.list_grants(KeyId=source)["Grants"] == kms.list_grants(KeyId=target)["Grants"] == []
    copies = [
        clients("ec2", owner).copy_snapshot(
            SourceSnapshotId=snapshot, SourceRegion=REGION, Encrypted=True, KmsKeyId=ALIASES["evidence"]
        )["SnapshotId"]
        for _ in range(3)
    ]
    for key, operation in ((source, "Decrypt"), (target, "GenerateDataKeyWithoutPlaintext")):
        grants = kms.list_grants(KeyId=key)["Grants"]
        assert [one["Constraints"]["EncryptionContextSubset"]["aws:ebs:id"] for one in grants] == copies
        assert all(operation in one["Operations"] for one in grants)
        assert {one["IssuingAccount"] for one in grants} == {f"arn:aws:iam::{WORKLOAD}:root"}
        assert len({one["GrantId"] for one in grants}) == 3
        first = kms.list_grants(KeyId=key, Limit=2)
        assert (len(first["Grants"]), first["Truncated"]) == (2, True)
        rest = kms.list_grants(KeyId=key, Limit=2, Marker=first["NextMarker"])
        assert [*first["Grants"], *rest["Grants"]] == grants
        assert kms.list_grants(KeyId=key, GrantId=grants[1]["GrantId"])["Grants"] == [grants[1]]
    # Who issued the grant is the caller's account, whose ever the key is.
    share(clients, owner, snapshot)
    other = admin(clients, FORENSICS)
    clients("ec2", other).copy_snapshot(SourceSnapshotId=snapshot, SourceRegion=REGION)
    newest = kms.list_grants(KeyId=source)["Grants"][-1]
    assert newest["IssuingAccount"] == f"arn:aws:iam::{FORENSICS}:root"
    # A copy that KMS refuses is granted nothing.
    before = len(kms.list_grants(KeyId=source)["Grants"])
    narrow = admin(clients, FORENSICS, {"Effect": "Allow", "Action": ["ec2:*", "kms:Describe*"], "Resource": "*"})
    clients("ec2", narrow).copy_snapshot(SourceSnapshotId=snapshot, SourceRegion=REGION)
    assert len(kms.list_grants(KeyId=source)["Grants"]) == before


def share(clients: Clients, owner: Keys, snapshot: str) -> None:
    clients("ec2", owner).modify_snapshot_attribute(SnapshotId=snapshot, **permission(FORENSICS))


def test_a_disabled_key_says_so_and_reads_nothing(serve: Callable[..., Clients]) -> None:
    clients = serve()
    keys = clients.keys()
    snapshot = clients.snapshot(keys, clients.volume(keys, "secret-01"))
    kms, ebs = clients("kms", keys), clients("ebs", keys)
    key = kms.describe_key(KeyId=ALIASES["customer"])["KeyMetadata"]["Arn"]
    block = ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"][0]
    read = {"SnapshotId": snapshot, "BlockIndex": block["BlockIndex"], "BlockToken": block["BlockToken"]}
    clients.range.faults(disabled_keys=[f"{WORKLOAD}:{REGION}:customer"])
    found = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (found["KeyState"], found["Enabled"]) == ("Disabled", False)
    assert kms.describe_key(KeyId=ALIASES["evidence"])["KeyMetadata"]["Enabled"]
    assert kms.get_key_policy(KeyId=key)["Policy"]
    for call, parameters in ((ebs.get_snapshot_block, read), (ebs.list_snapshot_blocks, {"SnapshotId": snapshot})):
        error = refused(call, **parameters)
        assert (error["Code"], error["Reason"]) == ("ValidationException", "INVALID_CUSTOMER_KEY")
        assert key in error["Message"]
    clients.range.faults(disabled_keys=None)
    assert ebs.get_snapshot_block(**read)["DataLength"] == 524288


@pytest.fixture(scope="module")
def shared(quiet: Clients) -> Iterator[tuple[Keys, str]]:
    """A snapshot of a volume under the private key, shared with the forensics account."""
    owner = admin(quiet, WORKLOAD)
    snapshot = quiet.snapshot(owner, quiet.volume(owner, "secret-01", "/dev/sdg"))
    share(quiet, owner, snapshot)
    yield owner, snapshot


def test_a_private_key_opens_nothing_elsewhere(quiet: Clients, shared: tuple[Keys, str]) -> None:
    owner, snapshot = shared
    other = admin(quiet, FORENSICS)
    assert quiet("ec2", other).describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["Encrypted"]
    error = refused(quiet("ebs", other).list_snapshot_blocks, SnapshotId=snapshot)
    assert (error["Code"], error["Reason"]) == ("AccessDeniedException", "DEPENDENCY_ACCESS_DENIED")
    assert "no resource-based policy allows the kms:Decrypt action" in error["Message"]
    assert quiet("ebs", owner).list_snapshot_blocks(SnapshotId=snapshot)["Blocks"]
    copy = quiet("ec2", other).copy_snapshot(SourceSnapshotId=snapshot, SourceRegion=REGION)["SnapshotId"]
    await_until(lambda: quiet.state(other, copy) == "error")


def test_a_session_policy_must_name_the_service(quiet: Clients) -> None:
    """EBS direct decrypts through EC2: kms:ViaService names EC2 in the snapshot's region."""
    keys = quiet.keys()
    snapshot = quiet.snapshot(keys, quiet.volume(keys, "secret-01", "/dev/sdf"), CASE_TAGS)

    def readable(**context: str) -> bool:
        allow = {"Effect": "Allow", "Action": ["ebs:*"], "Resource": "*"}
        decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*"}
        statements = [allow, decrypt | ({"Condition": {"StringEquals": context}} if context else {})]
        narrow = quiet.keys(Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))
        try:
            quiet("ebs", narrow).list_snapshot_blocks(SnapshotId=snapshot)
        except quiet("ebs", narrow).exceptions.AccessDeniedException:
            return False
        return True

    assert readable()
    assert readable(**{"kms:ViaService": f"ec2.{REGION}.amazonaws.com", "kms:CallerAccount": WORKLOAD})
    assert not readable(**{"kms:ViaService": f"ec2.{FAR}.amazonaws.com"})
    assert not readable(**{"kms:ViaService": f"ebs.{REGION}.amazonaws.com"})
    assert not readable(**{"kms:CallerAccount": FORENSICS})
    assert not readable(**{"kms:GrantIsForAWSResource": "true"})


ROLE = "arn:aws:iam::222222222222:role/r"
KEY = "arn:aws:kms:eu-west-1:222222222222:key/k"


def resource(effect: str, principal: str) -> dict[str, Any]:
    return {"Effect": effect, "Principal": {"AWS": principal}, "Action": "kms:*", "Resource": "*"}


ALLOW = {"Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]}
DENY = {"Statement": [{"Effect": "Deny", "Action": "kms:*", "Resource": "*"}]}
NONE: dict[str, Any] = {"Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}
ROOT = "arn:aws:iam::222222222222:root"


@pytest.mark.parametrize(
    ("why", "statements", "identity", "session", "owner"),
    [
        # Named: the key's policy is enough in its own account
        ("", [resource("Allow", ROLE)], NONE, None, WORKLOAD),
        ("", [resource("Allow", "*")], NONE, None, WORKLOAD),
        # The account is named: its own policies decide
        ("", [resource("Allow", ROOT)], ALLOW, None, WORKLOAD),
        ("", [resource("Allow", WORKLOAD)], ALLOW, None, WORKLOAD),
        ("no identity-based policy", [resource("Allow", ROOT)], NONE, None, WORKLOAD),
        # Nobody is named, or somebody else
        ("no resource-based policy", [], ALLOW, None, WORKLOAD),
        ("no resource-based policy", [resource("Allow", f"{ROLE}2")], ALLOW, None, WORKLOAD),
        ("no resource-based policy", [resource("Allow", "arn:aws:iam::111111111111:root")], ALLOW, None, WORKLOAD),
        # Over the border both sides must allow
        ("", [resource("Allow", ROOT)], ALLOW, None, OTHER),
        ("", [resource("Allow", ROLE)], ALLOW, None, OTHER),
        ("no identity-based policy", [resource("Allow", ROLE)], NONE, None, OTHER),
        ("no identity-based policy", [resource("Allow", "*")], NONE, None, OTHER),
        # A deny wins, whosever it is
        ("deny in a resource-based", [resource("Allow", ROLE), resource("Deny", ROOT)], ALLOW, None, WORKLOAD),
        ("deny in a resource-based", [resource("Allow", ROOT), resource("Deny", ROLE)], ALLOW, None, WORKLOAD),
        ("deny in an identity-based", [resource("Allow", ROLE)], DENY, None, WORKLOAD),
        ("deny in a session", [resource("Allow", ROLE)], ALLOW, DENY, WORKLOAD),
        # A session policy narrows in any case
        ("no session policy", [resource("Allow", ROLE)], ALLOW, NONE, WORKLOAD),
        ("no session policy", [resource("Allow", ROOT)], ALLOW, NONE, OTHER),
    ],
)
def test_whose_policies_must_allow(
    why: str, statements: list[Any], identity: dict[str, Any], session: dict[str, Any] | None, owner: str
) -> None:
    request = Request(action="kms:Decrypt", resource=KEY, context={})
    document = {"Version": "2012-10-17", "Statement": statements}
    decision = decide_on_resource(request, document, owner, (ROLE,), WORKLOAD, [identity], session)
    assert (decision.allowed, why in decision.why) == (not why, True)
