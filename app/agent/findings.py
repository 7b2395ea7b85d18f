"""What a check found, as the sentence that goes into the record."""

from __future__ import annotations

from app.custody.body import SEALED_IMAGE
from app.model.disagreement import Disagreement, ImageDamage

_NAMED = 3


def in_words(found: Disagreement, first: str) -> str:
    """All that does not agree and whether the rest does, to follow a colon. ``first`` is the first finding, and
    stands alone where no file is to blame."""
    parts = [_image(found.image)] if found.image else []
    files = [one for one in found.names if found.image is None or one.name != SEALED_IMAGE]
    parts += [f"{one.name} is {one.how}" for one in files[:_NAMED]]
    more = found.files - (found.image is not None) - len(files[:_NAMED])
    if more > 0:
        parts.append(f"{more:,} more file{'s do' if more > 1 else ' does'} not agree")
    return f"{', '.join(parts) or first}; {_rest(found)}."


def _rest(found: Disagreement) -> str:
    if found.ended:
        return f"it was not read to its end, {found.ended}"
    if found.unjudged:
        files = "1 file" if found.unjudged == 1 else f"{found.unjudged:,} files"
        return f"{files} cannot be judged, since what lists them is not as it was sealed"
    return "everything else agrees" if found.files else "each file is as it was sealed"


def _image(image: ImageDamage) -> str:
    length = ""
    if image.found_bytes != image.sealed_bytes:
        length = f"{SEALED_IMAGE} has {image.found_bytes:,} bytes instead of {image.sealed_bytes:,}, and "
    blocks = f"{image.blocks:,} of {image.of_blocks:,} blocks of {'it' if length else SEALED_IMAGE} differ"
    spans = [f"{one.offset:,}-{one.offset + one.bytes - 1:,}" for one in image.ranges[:_NAMED]]
    if not spans:
        return length + blocks
    return f"{length}{blocks} (bytes {', '.join(spans)}{', …' if image.runs > len(spans) else ''})"
