"""Packages of Debian laid out in a directory of their own: nothing is installed, and no daemon of the machine is touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import gettempdir

#: Where packages are kept between two runs.
CACHE = Path(os.environ.get("PRODUCERS_CACHE") or Path(gettempdir()) / f"andon-producers-{os.getuid()}")
RSYSLOG = ("rsyslog", "libestr0", "libfastjson4", "liblognorm5")
SYSLOG_NG = ("syslog-ng-core", "libivykis0", "libpcre3", "libnet1", "libwrap0", "libjson-c5")


@cache
def unpacked(packages: Sequence[str]) -> Path:
    """The root of a tree that holds ``packages`` of the machine's own release."""
    root = CACHE / packages[0]
    if not (root / ".done").exists():
        archives = CACHE / "archives" / packages[0]
        archives.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", *packages], cwd=archives, check=True)
        for archive in archives.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", archive, root], check=True)
        (root / ".done").touch()
    return root


def libraries(root: Path) -> dict[str, str]:
    """The environment in which programs of this tree find their libraries."""
    places = [root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu", root / "usr/lib/syslog-ng"]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, places))}


def version_of(package: str, root: Path) -> str:
    """The version of a package in this tree."""
    archive = next((CACHE / "archives" / root.name).glob(f"{package}_*.deb"))
    return archive.name.split("_")[1].replace("%3a", ":")
