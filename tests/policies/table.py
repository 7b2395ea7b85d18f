"""The decisions: what the session policies of real plans allow, and what they refuse.

Each is made under a role that may do everything (``wide``), so that it is the session policy alone that decides;
those of the roles themselves are in ``table_roles``. A denied case may say which condition it ``guards``: without
that condition in the policy it would be allowed, and a test takes it out to see that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.policies.bench import CASE, ELSEWHERE, FORENSICS, OTHER_CASE, SOURCE, STRANGER, WIDE

BROWSE = "browse"


@dataclass(frozen=True, slots=True)
class Case:
    """``policy`` is "<plan> <account>/<effect>" of a generated one, "browse <account>", or "" for none at all.

    ``judge`` says how judge two is asked: "wire" is the call itself through the SDK against the embedded cloud,
    "direct" its evaluator with the same request; ``why`` then says why.
    """

    name: str
    policy: str
    operation: str
    what: Mapping[str, Any]
    allowed: bool
    guards: str = ""
    role: str = WIDE
    account: str = ""
    case: str = CASE
    judge: str = "wire"
    why: str = ""

    @property
    def by(self) -> str:
        """The account that the call is made from."""
        return self.account or self.policy.rsplit(" ", 1)[1].partition("/")[0]


def yes(name: str, policy: str, operation: str, /, **what: Any) -> Case:
    return Case(name, policy, operation, what, True)


def no(name: str, policy: str, operation: str, guards: str = "", /, **what: Any) -> Case:
    return Case(name, policy, operation, what, False, guards)


def kms(name: str, policy: str, allowed: bool, guards: str = "", /, **what: Any) -> Case:
    """A KMS action that EC2 does in the caller's name, or that the caller would try on his own."""
    why = "EC2 calls KMS in the caller's name: there is no such call to make through an SDK"
    return Case(name, policy, "kms", what, allowed, guards, judge="direct", why=why)


def untagged(name: str, policy: str, operation: str, /, **what: Any) -> Case:
    """A session without the tag of its case, which no trust policy here lets in."""
    why = "the trust policy refuses a session without the tag, so there is none to call with"
    return Case(name, policy, operation, what, False, case="", judge="direct", why=why)


_COLLECT, _SHARE, _OBSERVE = f"{SOURCE}/collect", f"{SOURCE}/share", f"{SOURCE}/observe"
_MODIFY, _DESTROY = f"{SOURCE}/modify", f"{SOURCE}/destroy"
_TAG, _OWN, _NEW = "aws:ResourceTag/Forensics", "aws:ResourceTag/ir-case", "aws:RequestTag/ir-case"
_VIA, _FOR = "kms:ViaService", "kms:GrantIsForAWSResource"

_create = f"direct plain {_COLLECT}"
CREATE = [
    yes("create: the volume of the plan, tagged with the case", _create, "create", volume="plain"),
    no("create: another tagged volume", _create, "create", volume="customer"),
    no("create: the volume of the plan, its tag taken off since", f"withdrawn direct {_COLLECT}", "create", _TAG,
       volume="withdrawn"),
    no("create: a volume without the tag", _create, "create", volume="untagged"),
    no("create: a volume whose tag has another value", _create, "create", volume="mistagged"),
    no("create: without the tag of the case", _create, "create", _NEW, volume="plain", case=""),
    no("create: with the tag of another case", _create, "create", _NEW, volume="plain", case=OTHER_CASE),
    untagged("create: a session without a case", _create, "create", volume="plain"),
    no("create: setting the case on a snapshot that is there", _create, "retag", "ec2:CreateAction",
       thing="snapshot of another case"),
    no("create: setting the forensics tag on an untagged volume", _create, "retag",
       thing="volume untagged", key="Forensics", value="Enabled"),
    no("create: setting the case on a volume", _create, "retag", thing="volume plain"),
    no("create: taking the case off a snapshot", _create, "untag", thing="snapshot plain"),
    no("create: then sharing it", _create, "share", snapshot="plain"),
    no("create: then reading it", _create, "index", snapshot="plain"),
    no("create: then deleting it", _create, "delete", snapshot="plain"),
    no("create: then locking it", _create, "lock", snapshot="plain"),
    no("create: copying instead", _create, "copy", snapshot="plain"),
    no("create: all volumes of an instance at once", _create, "create_all", instance="plain"),
    no("create: writing a snapshot from nothing", _create, "write_snapshot"),
    no("create: terminating the instance", _create, "terminate", instance="plain"),
    yes("create: looking for what it made", _create, "describe", what="Snapshots"),
    no("create: looking around", _create, "describe", what="Instances"),
]  # fmt: skip

_all = f"instance direct {_COLLECT}"
CREATE_ALL = [
    yes("create all: the instance of the plan", _all, "create_all", instance="triple"),
    yes("create all: without its boot volume", _all, "create_all", instance="triple", without_boot=True),
    no("create all: another tagged instance", _all, "create_all", instance="customer"),
    no("create all: the instance of the plan, its tag taken off since", f"withdrawn instance {_COLLECT}",
       "create_all", _TAG, instance="withdrawn"),
    no("create all: an untagged instance", _all, "create_all", instance="untagged"),
    no("create all: without the tag of the case", _all, "create_all", _NEW, instance="triple", case=""),
    no("create all: with the tag of another case", _all, "create_all", instance="triple", case=OTHER_CASE),
    no("create all: one volume alone", _all, "create", volume="triple"),
    no("create all: setting the case later", _all, "retag", "ec2:CreateAction", thing="snapshot of another case"),
]  # fmt: skip

_copy = f"copy customer {FORENSICS}/collect"
_copy_plain = f"copy plain {FORENSICS}/collect"
_copy_again = f"copy default {FORENSICS}/collect"
_again = f"copy default {_COLLECT}"
COPY = [
    yes("copy: the shared snapshot of the plan's volume", _copy, "copy", snapshot="customer"),
    yes("copy: an unencrypted one", _copy_plain, "copy", snapshot="plain"),
    no("copy: of another volume of the same account", _copy, "copy", "ec2:ParentVolume", snapshot="customer 1"),
    no("copy: of a third owner", _copy, "copy", snapshot="of a stranger"),
    no("copy: of a third owner, where the source is a copy itself", _copy_again, "copy", "ec2:Owner",
       snapshot="of a stranger"),
    no("copy: without the tag of the case", _copy, "copy", _NEW, snapshot="customer", case=""),
    no("copy: with the tag of another case", _copy, "copy", snapshot="customer", case=OTHER_CASE),
    no("copy: into another region", _copy, "copy", snapshot="customer", to=ELSEWHERE),
    no("copy: setting the case later", _copy, "retag", "ec2:CreateAction",
       thing="snapshot of another case in the forensics account"),
    no("copy: then sharing it", _copy, "share", snapshot="in the forensics account", account=STRANGER),
    no("copy: then deleting it", _copy, "delete", snapshot="in the forensics account"),
    no("copy: then reading it", _copy, "index", snapshot="in the forensics account"),
    no("copy: a snapshot of one's own account", _copy, "create", volume="home"),
    untagged("copy: a session without a case", _copy, "copy", snapshot="customer"),
    yes("re-encrypt: the snapshot of the plan's volume", _again, "copy", snapshot="default"),
    no("re-encrypt: of another volume", _again, "copy", "ec2:ParentVolume", snapshot="customer"),
    no("re-encrypt: without the tag of the case", _again, "copy", snapshot="default", case=""),
]  # fmt: skip

_share = f"copy customer {_SHARE}"
SHARE = [
    yes("share: with the forensics account", _share, "share", snapshot="customer"),
    no("share: with a third account", _share, "share", "ec2:Add/userId", snapshot="customer", account=STRANGER),
    no("share: with the forensics account and a third", _share, "share",
       snapshot="customer", account=(FORENSICS, STRANGER)),
    no("share: with everybody", _share, "publish", snapshot="customer"),
    no("share: with the forensics account and everybody", _share, "publish", snapshot="customer", also=FORENSICS),
    Case("share: with the forensics account and everybody, asked at once", _share, "publish",
         {"snapshot": "customer", "also": FORENSICS, "at_once": True}, False, "ec2:Add/group", judge="direct",
         why="the embedded cloud asks about each apart; should EC2 ask once, this is the question"),
    no("share: of another case", _share, "share", _OWN, snapshot="of another case"),
    no("share: an untagged snapshot", _share, "share", snapshot="untagged"),
    untagged("share: a session without a case", _share, "share", snapshot="customer"),
    yes("share: looking with whom it is shared", _share, "shares", snapshot="customer"),
    no("share: looking with whom another case's is shared", _share, "shares", _OWN, snapshot="of another case"),
    no("share: creating", _share, "create", volume="customer"),
    no("share: copying", _share, "copy", snapshot="customer"),
    no("share: tagging", _share, "retag", thing="snapshot of another case"),
    no("share: deleting", _share, "delete", snapshot="transport"),
    no("share: reading", _share, "index", snapshot="plain"),
    yes("unshare: from the forensics account", _share, "share", snapshot="customer", verb="Remove"),
    no("unshare: from a third account", _share, "share", "ec2:Remove/userId",
       snapshot="customer", account=STRANGER, verb="Remove"),
    no("unshare: of another case", _share, "share", snapshot="of another case", verb="Remove"),
]  # fmt: skip

_delete = f"copy default {_DESTROY}"
_lock = f"locked direct {_MODIFY}"
KEEP = [
    yes("delete: a transport copy of the case", _delete, "delete", snapshot="transport"),
    no("delete: an original of the case", _delete, "delete", "aws:ResourceTag/jumpbag:transport",
       snapshot="default"),
    no("delete: a transport copy of another case", _delete, "delete", _OWN,
       snapshot="transport of another case"),
    no("delete: an untagged snapshot", _delete, "delete", snapshot="untagged"),
    no("delete: marking an original as transport first", _delete, "retag",
       thing="snapshot plain", key="jumpbag:transport", value="yes"),
    no("delete: unlocking", _delete, "unlock", snapshot="transport"),
    untagged("delete: a session without a case", _delete, "delete", snapshot="transport"),
    yes("lock: a snapshot of the case", _lock, "lock", snapshot="plain"),
    no("lock: of another case", _lock, "lock", _OWN, snapshot="of another case"),
    no("lock: taking a lock off again", _lock, "unlock", snapshot="plain"),
    no("lock: deleting", _lock, "delete", snapshot="transport"),
    yes("lock: looking whether it is locked", _lock, "describe", what="LockedSnapshots"),
]  # fmt: skip

_read = f"direct plain {_OBSERVE}"
_read_under = f"direct customer {_OBSERVE}"
_read_home = f"copy customer {FORENSICS}/observe"
_S, _E, _K = f"{SOURCE} customer", f"{SOURCE} evidence", f"{FORENSICS} evidence"
READ = [
    yes("read: the index of a snapshot of the case", _read, "index", snapshot="plain"),
    yes("read: a block of it", _read, "block", snapshot="plain"),
    no("read: the index of another case's", _read_under, "index", _OWN, snapshot="of another case", key=_S),
    no("read: a block of another case's", _read_under, "block", _OWN, snapshot="of another case", key=_S),
    no("read: an untagged snapshot", _read, "index", snapshot="untagged"),
    untagged("read: a session without a case", _read, "index", snapshot="plain"),
    yes("read: an encrypted one", _read_under, "index", snapshot="customer", key=_S),
    no("read: an encrypted one with a lease for an unencrypted", _read, "index", snapshot="customer", key=_S),
    no("read: under another key", _read_under, "index", snapshot="default", key=f"{SOURCE} default"),
    yes("read: in the forensics account, a copy of the case", _read_home, "index",
        snapshot="in the forensics account"),
    no("read: in the forensics account, another case's", _read_home, "index",
       snapshot="of another case in the forensics account"),
    no("read: sharing", _read, "share", snapshot="plain"),
    no("read: creating", _read, "create", volume="plain"),
    no("read: deleting", _read, "delete", snapshot="plain"),
    kms("read: EC2 decrypts under the volume's key", _read_under, True, action="Decrypt", key=_S),
    kms("read: decrypting oneself", _read_under, False, _VIA, action="Decrypt", key=_S, via=""),
    kms("read: EC2 of another region decrypts", _read_under, False, action="Decrypt", key=_S, via=ELSEWHERE),
    kms("read: another key of the account", _read_under, False, action="Decrypt", key=_E),
]  # fmt: skip

_TO = ("ReEncryptTo", "GenerateDataKeyWithoutPlaintext", "DescribeKey")
KEYS = [
    *(kms(f"copy: {action} under the source's key", _copy, True, action=action, key=_S)
      for action in ("Decrypt", "ReEncryptFrom", "DescribeKey")),
    *(kms(f"copy: {action} under the source's key, oneself", _copy, False, _VIA, action=action, key=_S, via="")
      for action in ("Decrypt", "ReEncryptFrom", "DescribeKey")),
    kms("copy: a grant on the source's key for EC2", _copy, True, action="CreateGrant", key=_S, for_service=True),
    # Here the key's own policy asks for the same, so the session policy is not alone in refusing.
    kms("copy: a grant on the source's key for somebody", _copy, False,
        action="CreateGrant", key=_S, for_service=False),
    kms("copy: a grant on the source's key, oneself", _copy, False, _VIA,
        action="CreateGrant", key=_S, via="", for_service=True),
    *(kms(f"copy: {action} under the evidence key", _copy, True, action=action, key=_K) for action in _TO),
    *(kms(f"copy: {action} under the evidence key, oneself", _copy, False, _VIA, action=action, key=_K, via="")
      for action in _TO),
    kms("copy: a grant on the evidence key for EC2", _copy, True, action="CreateGrant", key=_K, for_service=True),
    kms("copy: a grant on the evidence key for somebody", _copy, False, _FOR,
        action="CreateGrant", key=_K, for_service=False),
    kms("copy: decrypting under the evidence key", _copy, False, action="Decrypt", key=_K),
    kms("copy: encrypting anew under the source's key", _copy, False, action="ReEncryptTo", key=_S),
    kms("copy: a key that the plan does not name", _copy, False, action="Decrypt", key=f"{FORENSICS} customer"),
    kms("copy: any key of the source account", _copy, False, action="Decrypt", key=_E),
    kms("copy: a source without encryption needs nothing of the source's key", _copy_plain, False,
        action="Decrypt", key=_S),
    kms("copy: nor the right to re-encrypt to the evidence key", _copy_plain, False, action="ReEncryptTo", key=_K),
    kms("re-encrypt: EC2 decrypts under the default key", _again, True,
        action="Decrypt", key=f"{SOURCE} default"),
    kms("re-encrypt: EC2 encrypts under the evidence key of the account", _again, True,
        action="ReEncryptTo", key=_E),
    kms("re-encrypt: the forensics account's EC2 decrypts what was encrypted anew", _copy_again, True,
        action="Decrypt", key=_E),
    kms("re-encrypt: the forensics account and the default key", _copy_again, False,
        action="Decrypt", key=f"{SOURCE} default"),
    kms("re-encrypt: the evidence key of the forensics account", _again, False, action="ReEncryptTo", key=_K),
]  # fmt: skip

_browse = f"{BROWSE} {SOURCE}"
LOOK = [
    yes("browse: instances", _browse, "describe", what="Instances"),
    yes("browse: volumes", _browse, "describe", what="Volumes"),
    yes("browse: the policy of a key", _browse, "look_up_key", action="GetKeyPolicy", key=_S),
    yes("browse: the grants of a key", _browse, "look_up_key", action="ListGrants", key=_S),
    yes("browse: a key's state", _browse, "look_up_key", action="DescribeKey", key=_S),
    no("browse: creating a snapshot", _browse, "create", volume="plain"),
    no("browse: sharing one", _browse, "share", snapshot="plain"),
    no("browse: tagging", _browse, "retag", thing="volume untagged", key="Forensics", value="Enabled"),
    no("browse: deleting", _browse, "delete", snapshot="transport"),
    no("browse: reading blocks", _browse, "index", snapshot="plain"),
    yes("browse: whether a tagged instance may be terminated", _browse, "attribute", instance="triple"),
    no("browse: the user data of an untagged instance", _browse, "attribute", _TAG, instance="untagged"),
    no("browse: the console", _browse, "console", instance="triple"),
    no("browse: terminating", _browse, "terminate", instance="plain"),
    kms("browse: decrypting", _browse, False, action="Decrypt", key=_S),
    kms("browse: a grant", _browse, False, action="CreateGrant", key=_S, for_service=True),
]

_inspect = f"instance direct {SOURCE}/inspect"
COLLECT = [
    yes("collect: the console of the instance", _inspect, "console", instance="triple"),
    yes("collect: a picture of it", _inspect, "console", instance="triple", screenshot=True),
    yes("collect: its user data", _inspect, "attribute", instance="triple"),
    no("collect: the console of an untagged instance", _inspect, "console", instance="untagged"),
    no("collect: the user data of another instance", _inspect, "attribute", instance="customer"),
    yes("collect: the role of the instance", _inspect, "iam", action="GetRole", of="web"),
    no("collect: another role", _inspect, "iam", action="GetRole", of="jumpbag-collect"),
    no("collect: the policies of another role", _inspect, "iam", action="ListRolePolicies", of=WIDE),
    no("collect: another instance profile", _inspect, "iam", action="GetInstanceProfile", of="batch"),
    yes("collect: security groups", _inspect, "describe", what="SecurityGroups"),
    yes("collect: network interfaces", _inspect, "describe", what="NetworkInterfaces"),
    no("collect: creating a snapshot", _inspect, "create", volume="triple"),
    no("collect: sharing", _inspect, "share", snapshot="plain"),
    no("collect: reading blocks", _inspect, "index", snapshot="plain"),
]

TABLE: list[Case] = [*CREATE, *CREATE_ALL, *COPY, *SHARE, *KEEP, *READ, *KEYS, *LOOK, *COLLECT]
