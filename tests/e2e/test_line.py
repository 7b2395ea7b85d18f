"""The whole line, every program a process of its own: range, case, acquire, verify, and a stranger's tools."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dissect.target.filesystem import VirtualFilesystem  # noqa: F401 - proves that dissect is there
from dissect.target.volumes import disk as partitions  # noqa: F401

from tests.e2e.cloud import Cloud
from tests.e2e.packs import BLOCK, DELETED, GIB, PLANTED, Pack, padded_sha256
from tests.e2e.runner import Case, Jumpbag
from tests.e2e.waiting import until
from tests.tools import need
