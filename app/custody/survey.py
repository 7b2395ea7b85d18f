"""Everything that does not agree with the seal, from one reading of the bag: which files, and which blocks.

Nothing is blamed on a list that is not itself as it was sealed. The seal names the tag manifest, the image and
``blocks.tsv``; the tag manifest names the manifest and ``bag-info.txt``, which tells how long a block is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.custody.body import SEALED_BLOCKS, SEALED_IMAGE, SEALED_TAGS
from app.custody.disk import Wrong
from app.custody.merkle import block_count
from app.custody.record import Seal
from app.custody.verify_bag import INFO, MANIFEST, BagReport, Progress, inspect_bag
from app.custody.verify_evidence import bound
from app.model.disagreement import MOST, ByteRange, Disagreement, ImageDamage, OddFile
from app.text import visible

_LOOK_EVERY = 4096  # findings: rows of blocks.tsv may be many where no byte is read


@dataclass(slots=True)
class _Blocks:
    """The blocks that differ, given in ascending order; the memory that it takes is bounded.

    ``sealed`` and ``found`` are lengths of the image in bytes.
    """

    size: int
    sealed: int
    found: int
    differ: int = 0
    runs: int = 0
    kept: list[tuple[int, int]] = field(default_factory=list)  # [first, end)
    end: int = 0

    @property
    def count(self) -> int:
        return block_count(self.size, self.sealed)

    @property
    def whole(self) -> int:
        """How many blocks are there in their full length."""
        return self.count if self.found >= self.sealed else self.found // self.size

    def add(self, first: int, end: int) -> None:
        if end <= first:
            return
        self.differ += end - first
        if not self.runs or first != self.end:
            self.runs += 1
            if self.runs <= MOST:
                self.kept.append((first, end))
        elif self.runs <= MOST:
            self.kept[-1] = self.kept[-1][0], end
        self.end = end

    def damage(self, *, read: bool) -> ImageDamage:
        """``read``: the image was read to its end."""
        self.add(self.whole, self.count)
        last_is_short = self.differ and self.end == self.count
        missing = self.count * self.size - self.sealed if last_is_short else 0
        return ImageDamage(
            blocks=self.differ,
            of_blocks=self.count,
            runs=self.runs,
            ranges=tuple(
                ByteRange(offset=first * self.size, bytes=min(end * self.size, self.sealed) - first * self.size)
                for first, end in self.kept
            ),
            sealed_bytes=self.sealed,
            found_bytes=self.found,
            agree_bytes=self.sealed - (self.differ * self.size - missing) if read else None,
        )


@dataclass(slots=True, kw_only=True)
class Survey(BagReport):
    """A report that goes on after what is wrong. ``first`` is the first finding in words, "" while all agrees:
    the same that the inspection ends with otherwise. Another thread may read it meanwhile.

    ``look`` is called now and then where much is compared and nothing read; what it raises ends the reading.
    """

    seal: Seal
    look: Callable[[], None] = lambda: None
    first: str = ""
    _ended: str = ""
    _blind: str = ""
    _blocks: _Blocks | None = None
    _told: int = 0

    def read(self, path: Path, case_id: str | None, progress: Progress | None = None) -> None:
        """Read every byte of the bag. CannotRead, or what ``progress`` raises, ends it; what was found until then
        is kept."""
        try:
            inspect_bag(path, progress=progress, report=self)
            bound(self, self.seal, case_id)
        except Wrong as error:  # it was changed while it was read
            self.wrong(str(error))
            self._ended = str(error)

    @property
    def named(self) -> frozenset[str]:
        return frozenset(self.seal.digests)

    def wrong(self, text: str) -> None:
        self.first = self.first or text

    def block(self, text: str, index: int | None) -> None:
        self.wrong(text)
        self._told += 1
        if self._told % _LOOK_EVERY == 0:
            self.look()
        if index is None:  # sealed as it is, and yet no table of blocks
            self._blocks, self._blind = None, SEALED_BLOCKS
        elif self._blocks is not None and index < self._blocks.whole:
            self._blocks.add(index, index + 1)

    def image_to_read(self, size: int, block_size: int) -> int | None:
        if self._not_as_sealed():
            return None
        sealed = self.seal.digests[SEALED_IMAGE][1]
        if size != sealed:
            self.wrong(f"{SEALED_IMAGE} has {size} bytes, the seal of line {self.seal.line} says {sealed}")
        self._blocks = _Blocks(block_size, sealed, size)
        return min(size, sealed)

    def findings(self, ended: str = "") -> Disagreement:
        """What does not agree; to be asked for once. ``ended``: why the bag was not read to its end."""
        odd, unjudged = self._judged()
        names = sorted(odd, key=lambda name: (name != SEALED_IMAGE, name))
        image, blind = None, ""
        if self._blocks is not None and SEALED_IMAGE in odd:
            image = self._blocks.damage(read=SEALED_IMAGE in self.digests)
        elif odd.get(SEALED_IMAGE) in ("changed", "shorter", "longer"):
            blind = self._blind or self._not_as_sealed()
        return Disagreement(
            files=len(odd),
            names=tuple(OddFile(name=visible(name), how=odd[name]) for name in names[:MOST]),
            image=image,
            unjudged=unjudged,
            blind=blind,
            ended=ended or self._ended,
        )

    def _judged(self) -> tuple[dict[str, str], int]:
        """How each file that does not agree differs, and how many files there is nothing to be said of."""
        if not self.walked:
            return {}, 0
        odd: dict[str, str] = dict.fromkeys(self.strange, "not a file")
        unjudged = 0
        expected: dict[str, tuple[str, int | None]] = {}
        for listed, found in ((self._tags, self.tags), (self._manifest, self.payload)):
            expected |= {name: (digest, None) for name, digest in (listed or {}).items()}
            for name in found - self.named - {SEALED_TAGS} - (listed or {}).keys():
                if listed is None:
                    unjudged += 1
                else:
                    odd[name] = "extra"
        expected |= self.seal.digests
        for name in expected.keys() - odd.keys():
            how = self._how(name, *expected[name])
            unjudged += how is None
            if how:
                odd[name] = how
        above = {name[:at] for name in odd for at, char in enumerate(name) if char == "/"}
        odd |= dict.fromkeys(self.empty - above, "an empty directory")
        return odd, unjudged

    def _how(self, name: str, sealed: str, size: int | None) -> str | None:
        """How a file differs, "" if it does not, None if that is not known."""
        if name not in self.tags and name not in self.payload:
            return "missing"
        found = self.digests.get(name)
        length = found[1] if found else None
        if name == SEALED_IMAGE and self._blocks is not None:
            length = self._blocks.found
        if size is not None and length is not None and length != size:
            return "shorter" if length < size else "longer"
        if found is None:
            return "changed" if name == SEALED_IMAGE and self._blocks and self._blocks.differ else None
        return "changed" if found[0] != sealed else ""

    @property
    def _tags(self) -> dict[str, str] | None:
        """What the tag manifest lists, if it is the one that was sealed."""
        return self.tag_manifest if self._sealed(SEALED_TAGS) else None

    @property
    def _manifest(self) -> dict[str, str] | None:
        """What the manifest lists, if it is the one that was sealed."""
        return self.manifest if self._vouched(MANIFEST) else None

    def _sealed(self, name: str) -> bool:
        return name in self.seal.digests and self.digests.get(name) == self.seal.digests[name]

    def _vouched(self, name: str) -> bool:
        found = self.digests.get(name)
        return found is not None and (self._tags or {}).get(name) == found[0]

    def _not_as_sealed(self) -> str:
        """The first of the files that tell the blocks which is not as it was sealed, "" if all are."""
        if SEALED_IMAGE not in self.seal.digests or not self._sealed(SEALED_BLOCKS):
            return SEALED_BLOCKS
        if not self._sealed(SEALED_TAGS):
            return SEALED_TAGS
        return "" if self._vouched(INFO) else INFO
