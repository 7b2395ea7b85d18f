"""Playbooks with the keys in force where their texts name commands."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import msgspec

from app.guided.load import Edition, Library
from app.guided.playbook import KEY, Step


def filled(library: Library, key: Callable[[str], str]) -> Library:
    """``library`` with ``key`` of each command that a step names."""
    editions = {ident: _edition(one, key) for ident, one in library.editions.items()}
    return dataclasses.replace(library, editions=editions)


def _edition(edition: Edition, key: Callable[[str], str]) -> Edition:
    steps = tuple(_step(step, key) for step in edition.playbook.steps)
    return dataclasses.replace(edition, playbook=msgspec.structs.replace(edition.playbook, steps=steps))


def _step(step: Step, key: Callable[[str], str]) -> Step:
    def put(text: str) -> str:
        def named(found: re.Match[str]) -> str:
            return key(found[1])

        return KEY.sub(named, text)

    return msgspec.structs.replace(step, text=put(step.text), dont=put(step.dont), on=put(step.on))
