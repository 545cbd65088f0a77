"""``andon uninstall``: takes the service away; what it stored and how it was set up stay unless somebody says so."""

from __future__ import annotations

from pathlib import Path

from andon.app.installation.layout import COMMAND, CURRENT, DATA, LOCATION, PROGRAM, SETTINGS, UNIT, USER
from andon.app.installation.machine import Machine
from andon.core.errors import ConfigError


def is_installed(machine: Machine) -> bool:
    """Whether there is anything to take away."""
    return any(machine.at(place).exists() for place in (PROGRAM, UNIT, LOCATION, COMMAND))


def uninstall(machine: Machine, *, purge: bool) -> None:
    """Stop the service and remove its program, unit and command; with ``purge`` settings, data and user as well.

    Raises ConfigError.
    """
    if machine.systemd and machine.at(UNIT).exists():
        machine.step("the service is stopped", lambda: machine.run("systemctl", "disable", "--quiet", "--now", "andon"))
    try:
        for place in (UNIT, COMMAND, LOCATION, CURRENT, PROGRAM):
            machine.remove(place)
        if purge:
            machine.remove(SETTINGS)
            machine.remove(DATA)
    except OSError as error:
        raise ConfigError(
            f"{error.filename} cannot be removed ({error.strerror}): correct that and run this again"
        ) from None
    if machine.systemd:
        machine.step("systemd has unloaded the unit", lambda: machine.run("systemctl", "daemon-reload"))
    if purge and not machine.staged:
        machine.step(f"user {USER} removed", lambda: machine.asks("userdel", USER))
    if not purge:
        kept = [str(place) for place in (SETTINGS, DATA) if machine.at(place).exists()]
        machine.tell(f"kept: {' and '.join(kept) or 'nothing'}" + _user_kept(machine))


def _user_kept(machine: Machine) -> str:
    return "" if machine.staged else f", and the user {USER} who owns them"


def root_of(given: Path | None) -> Path:
    """The root that is meant."""
    return Path("/") if given is None else given.absolute()
