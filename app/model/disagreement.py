"""What of a sealed item does not agree with the record, and what still does."""

from __future__ import annotations

import msgspec

MOST = 20
"""Files and ranges beyond so many are counted, not named."""


class OddFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the bag that is not as it was sealed. ``how``: "changed", "missing", "extra", "shorter", "longer",
    "not a file" (a link or a special file) or "an empty directory"."""

    name: str
    how: str


class ByteRange(msgspec.Struct, frozen=True, kw_only=True):
    """``bytes`` bytes from ``offset`` on."""

    offset: int
    bytes: int


class ImageDamage(msgspec.Struct, frozen=True, kw_only=True):
    """Where the image differs: ``blocks`` of ``of_blocks``, in ``runs`` runs, the first of them in ``ranges``.

    ``agree_bytes`` is how much of the ``sealed_bytes`` has the sealed digests, None where the image was not read
    to its end. ``found_bytes`` is how long it is now. What was cut off counts as differing.
    """

    blocks: int
    of_blocks: int
    runs: int
    ranges: tuple[ByteRange, ...]
    sealed_bytes: int
    found_bytes: int
    agree_bytes: int | None = None


class Disagreement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a check found besides its first finding. ``files`` do not agree, the first of them are ``names``.

    ``unjudged`` files may agree or not: the list that names them is not the sealed one, or they were not read.
    ``blind`` names the file for whose sake no block can be blamed: what tells the blocks is not as it was sealed.
    ``ended`` says why the bag was not read to its end, "" if it was.
    """

    files: int
    names: tuple[OddFile, ...]
    image: ImageDamage | None = None
    unjudged: int = 0
    blind: str = ""
    ended: str = ""
