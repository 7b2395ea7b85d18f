"""The files beside the log that a new case gets: folders, the public key, and how to check it all."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

from app.custody.body import keyid_of
from app.custody.log_file import System, Torn, sync_folder, write_durably
from app.custody.verify_log import public_pem
from app.faults import StorageFull, Usage


def own_text(name: str) -> bytes:
    """``VERIFY.md`` (a template) or ``verify.sh`` as this version has it."""
    return files("app.custody").joinpath(name).read_bytes()


def verify_md() -> bytes:
    """``VERIFY.md`` as it stands in a case: it gives the SHA-256 of ``verify.sh``."""
    digest = hashlib.sha256(own_text("verify.sh")).hexdigest()
    return own_text("VERIFY.md").replace(b"@VERIFY_SH_SHA256@", digest.encode("ascii"))


def lay_out(case_dir: Path, public: bytes, system: System) -> None:
    """``custody/`` and what it begins with. Usage if there is one already, StorageFull without room."""
    custody = case_dir / "custody"
    try:
        custody.mkdir(mode=0o700)
        for name in ("keys", "checkpoints"):
            (custody / name).mkdir(mode=0o700)
        sync_folder(case_dir)
    except FileExistsError:
        raise Usage(f"{custody} is there already", next="choose another folder") from None
    except OSError as error:
        raise Usage(f"{custody}: {error.strerror}", next="choose a folder that may be written") from None
    try:
        write_durably(custody / "keys" / f"{keyid_of(public)}.pem", public_pem(public), system)
        write_durably(custody / "VERIFY.md", verify_md(), system)
        write_durably(custody / "verify.sh", own_text("verify.sh"), system)
    except Torn as torn:
        raise StorageFull(f"{custody}: {torn.why}", next="make room on its disk") from None
