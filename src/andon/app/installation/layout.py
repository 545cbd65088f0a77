"""Where an installed service has what."""

from __future__ import annotations

from pathlib import Path

#: User and group that the service runs as.
USER = "andon"
PROGRAM = Path("/opt/andon")
#: A link to the version that runs; the one before it lies beside it.
CURRENT = PROGRAM / "current"
SETTINGS = Path("/etc/andon")
TOML = SETTINGS / "andon.toml"
DOTENV = SETTINGS / ".env"
#: Every setting with its default, for people and for comparing two versions.
REFERENCE = SETTINGS / "andon.reference.toml"
#: Where commands look for the service, as :mod:`andon.core.settings.whereabouts` has it.
LOCATION = SETTINGS / "location"
DATA = Path("/var/lib/andon")
UNIT = Path("/etc/systemd/system/andon.service")
COMMAND = Path("/usr/local/bin/andon")

#: What the command's file begins with, so that it is known as ours.
COMMAND_TEXT = f"""#!/bin/sh
# `andon` of the installed service; made by `andon install`.
exec {CURRENT}/bin/andon "$@"
"""
