"""uvicorn without its command line is whole for everybody else in the process."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import andon.app.http_server
assert "uvicorn.main" not in sys.modules and "click" not in sys.modules
import uvicorn
from andon.app.bare_uvicorn import Server
assert uvicorn.Server is Server and uvicorn.Config.__name__ == "Config"
from uvicorn.main import run
assert run.__module__ == "uvicorn.main" and "click" in sys.modules
"""


def test_the_server_comes_without_the_command_line_which_is_there_for_who_asks() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
