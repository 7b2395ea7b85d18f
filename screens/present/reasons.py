"""Why something is held or has failed, in the room there is: the cause stays, what names the call goes first."""

from __future__ import annotations

import re

from rich.cells import cell_len

from screens.present.cells import fit
from screens.present.look import Look

_CALL = re.compile(r"[a-z][a-z0-9-]*:[A-Z]\w+\b")
_CODES = re.compile(r" (\([^()]*\)|\[[^][]*\])$")  # the bracket holds codes and request ids
_ONLY_CODES = re.compile(r" (\((request [^()]*|[A-Z]\w+)\)|\[[^][]*\])$")
_SERVICE = re.compile(r"^denied: [\w-]+:(?=[A-Z]\w+$)")
_SAYS = r"(?:AWS says )?[\"'“]?"
_DENIED = re.compile(
    rf"(?:denied[:,]? )?{_SAYS}(?:You are not authorized to perform this operation\. )?"
    rf"User: \S+ is not authorized to perform: (?P<call>[\w-]+:\w+)(?: on resource: [^\s\"'”,;)]+)?[\"'”]?"
)
"""How AWS words a refusal (IAM User Guide, "Troubleshoot access denied error messages")."""


def brief(error: str) -> str:
    """Why it failed, without the call, what it was about and the request's id.

    >>> brief("ec2:CopySnapshot on snap-1 in account 2: denied: the role may not [AccessDenied, request 5f2c]")
    'denied: the role may not'
    """
    error = _DENIED.sub(lambda found: f"denied: {found['call']}", error)
    first, separator, rest = error.partition(": ")
    if separator and _CALL.match(first):
        error = rest
    return _ONLY_CODES.sub("", error) or error


def why(error: str, room: int, look: Look) -> str:
    """An error in at most ``room`` cells. When it is cut, the call and its object go first: why it failed stays,
    and of a refusal what is refused.

    >>> from screens.present.look import UNICODE
    >>> why("ec2:CreateSnapshot on vol-1 in account 2: denied: the role may not", 24, UNICODE)
    'denied: the role may not'
    """
    if cell_len(error) <= room:
        return error
    error = _DENIED.sub(lambda found: f"denied: {found['call']}", error)
    if cell_len(error) <= room:
        return error
    first, separator, rest = error.partition(": ")
    if separator and _CALL.match(first):
        error = rest
    if cell_len(error) > room:
        error = _CODES.sub("", error) or error
    if cell_len(error) > room:
        error = _SERVICE.sub("denied: ", error)
    return fit(error, min(cell_len(error), room), look)
