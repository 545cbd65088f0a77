"""The optional extras: whether the library behind one is installed, and the command that installs it.

No registry has Andon itself, so ``pip install 'andon[…]'`` works nowhere: the command depends on what Andon runs in.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import shlex
import sys
from pathlib import Path

import andon
from andon.core.errors import ConfigError
from andon.core.settings.providers import PROVIDERS

#: The module that each extra is installed for.
MODULES = {known.extra: known.module for known in PROVIDERS.values() if known.extra} | {
    "apprise": "apprise",
    "mcp": "mcp",
    "opcua": "asyncua",
    "parquet": "pyarrow",
    "postgres": "psycopg",
}
#: Where the image has Andon, in an environment without pip and on a file system that cannot be written.
IMAGE = Path("/opt/andon")


def require(extra: str, user: str) -> None:
    """Raises ConfigError where the library behind ``extra`` is missing. Imports nothing of it but parent packages.

    ``user`` begins the sentence: what needs the library.
    """
    if not _installed(MODULES[extra]):
        raise missing(extra, user)


def missing(extra: str, user: str) -> ConfigError:
    """The error that ``user`` needs the library behind ``extra``, with the command that installs it."""
    return ConfigError(
        f"{user} needs the library {MODULES[extra]}, which is not installed: run `{install_command(extra)}`"
    )


def install_command(extra: str) -> str:
    """The shell command that adds ``extra`` to the Andon that runs.

    In a checkout's own environment it installs what the lock pins, for the image it is run beside docker-compose.yml,
    and anywhere else it installs the libraries that Andon's metadata name for the extra.
    """
    checkout = Path(andon.__file__).resolve().parents[2]
    prefix = Path(sys.prefix)
    if prefix.resolve() == (checkout / ".venv").resolve():
        return f"make -C {shlex.quote(str(checkout))} setup EXTRAS={extra}"
    has_pip = _installed("pip")
    if prefix == IMAGE and not has_pip:
        return f"EXTRAS={extra} docker compose up -d --build"
    python = shlex.quote(sys.executable)
    pip = f"{python} -m pip" if has_pip else f"python3 -m pip --python {python}"
    needed = _requirements(extra) or [f"{checkout}[{extra}]"]
    return f"{pip} install {shlex.join(needed)}"


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:  # a parent package is missing, or somebody forbids it
        return False


def _requirements(extra: str) -> list[str]:
    """What the metadata list for the extra; nothing where Andon runs from its sources without being installed."""
    try:
        listed = importlib.metadata.requires("andon") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    of_extra = re.compile(rf"""(.+?)\s*;\s*extra == ["']{re.escape(extra)}["']""")
    return [found[1] for line in listed if (found := of_extra.fullmatch(line))]
