"""What may be acquired: a resource that carries the forensics tag itself, key and value exactly."""

from __future__ import annotations

from collections.abc import Mapping

from app.text import visible
from providers.aws.settings import Settings


def judge(settings: Settings, tags: Mapping[str, str], account: str) -> tuple[bool, str | None]:
    """Whether these tags make a resource eligible; if not, which tag is amiss and who could change it."""
    key, wanted = settings.tag_key, settings.tag_value
    value = tags.get(key)
    if value == wanted:
        return True, None
    if value is not None:
        amiss = f'its tag {visible(key)} is "{visible(value, cap=60)}", not "{visible(wanted)}"'
    else:
        near = next((other for other in tags if other.casefold() == key.casefold()), None)
        if near is not None:
            amiss = f"its tag is written {visible(near)}, not {visible(key)} (AWS tells them apart)"
        else:
            amiss = f"it has no tag {visible(key)}"
    return False, (
        f"{amiss}; to set {visible(settings.aws.tag)} ask the owner of account {account} "
        "(anyone with ec2:CreateTags there): jumpbag does not tag sources"
    )
