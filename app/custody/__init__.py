"""The custody log ``jumpbag-log/1``: written, signed, checkpointed, and verified.

What is used from outside: :class:`Ledger` writes, :func:`verify` checks, :func:`create_key` and
:func:`load` keep the signing key, :mod:`app.custody.merkle` makes the roots of logs and disks.
"""

from app.custody.disk import CannotRead
from app.custody.host import Host
from app.custody.keys import PROTECTIONS, Signer, create_key, load
from app.custody.ledger import Ledger
from app.custody.merkle import Tree, blocks_root, leaf_hash, zeros_digest
from app.custody.verify import CheckedItem, OpenIntent, Verification, verify
from app.custody.verify_bag import BagReport, check_bag, inspect_bag
from app.custody.writer import Entry

__all__ = [
    "PROTECTIONS",
    "BagReport",
    "CannotRead",
    "CheckedItem",
    "Entry",
    "Host",
    "Ledger",
    "OpenIntent",
    "Signer",
    "Tree",
    "Verification",
    "blocks_root",
    "check_bag",
    "create_key",
    "inspect_bag",
    "leaf_hash",
    "load",
    "verify",
    "zeros_digest",
]
