"""Scenario packs: a directory with ``scenario.toml`` and the files that it names."""

from providers.emulators.scenario.disks import DiskStore
from providers.emulators.scenario.model import Disk, Faults, Scenario, ScenarioError
from providers.emulators.scenario.parse import load

__all__ = ["Disk", "DiskStore", "Faults", "Scenario", "ScenarioError", "load"]
