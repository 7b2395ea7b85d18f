"""What may be loaded where: measured in fresh processes."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("boto3", "botocore", "aiobotocore", "dbos", "sqlalchemy", "pycurl", "moto", "aiohttp", "providers")


def loaded(code: str) -> set[str]:
    """Top-level modules that a fresh process has after running ``code``."""
    script = code + "\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_user_interface_loads_no_sdk_and_no_engine() -> None:
    modules = loaded("import jumpbag, app.cli.main, screens.launch, screens.root, app.client.launch")
    assert "textual" in modules
    tops = {name.partition(".")[0] for name in modules}
    assert not tops & set(HEAVY)
    assert not {name for name in modules if name.startswith(("app.agent", "app.acquisition", "app.transfer"))}


def test_info_loads_no_textual() -> None:
    code = (
        "import contextlib, io, sys, jumpbag\nsys.argv = ['jumpbag', 'info']\n"
        "with contextlib.redirect_stdout(io.StringIO()) as told:\n    assert jumpbag.main() == 0\n"
        "assert 'keymap' in told.getvalue()"
    )
    modules = loaded(code)
    assert "screens.command.keymap" in modules  # it is judged as the screens judge it
    assert not {name.partition(".")[0] for name in modules} & {"textual", "rich", *HEAVY}


def test_the_agent_loads_no_textual() -> None:
    modules = loaded("import app.agent.__main__, app.agent.case_agent, app.agent.methods, app.acquisition.engine")
    assert "dbos" in modules
    assert not {name.partition(".")[0] for name in modules} & {"textual", "rich", "screens", "moto", "providers"}
