"""``andon install``: from the program that runs to a service of this machine. Run again, it is an upgrade."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import socket
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import andon
from andon.app.installation import program
from andon.app.installation.layout import (
    COMMAND,
    COMMAND_TEXT,
    CURRENT,
    DATA,
    DOTENV,
    LOCATION,
    PROGRAM,
    REFERENCE,
    SETTINGS,
    TOML,
    UNIT,
    USER,
)
from andon.app.installation.machine import Machine
from andon.app.installation.reference import changes, reference_text
from andon.app.installation.unit import ports, unit_text
from andon.core import disk
from andon.core.errors import ConfigError, InUseError, StoreFull
from andon.core.settings.settings import Settings, environment_name, load_settings
from andon.core.settings.whereabouts import Whereabouts, running_services

#: Bytes that are left free on the disk of the program.
_SPARE = 128 * disk.MEBIBYTE

_TOML_TEXT = f"""\
# Settings of the Andon service. {REFERENCE.name} beside this file lists all of them with their defaults.
# Keys, passwords and tokens belong into .env. After a change: systemctl restart andon

data_dir = "{DATA}"
data_group = "{USER}"    # its members may read the database

# Provider that explains problems: "PLAYBOOK" needs no model, "OLLAMA" asks one on this machine where there is one.
# provider = "PLAYBOOK"

# time_zone = "Europe/Berlin"
# site_name = "Plant North"
"""
_DOTENV_TEXT = """\
# Secrets of the Andon service, readable by root and the group andon: NAME=value on each line, such as
# API_KEY=...
"""


@dataclass(frozen=True)
class Wishes:
    """What the person wants: another interpreter; whether the service is started."""

    python: Path | None = None
    start: bool = True


def install(machine: Machine, wishes: Wishes) -> None:
    """All steps. Each leaves the machine so that this can be run again. Raises AndonError with one sentence."""
    python = program.usable_python(wishes.python)
    _refuse_early(machine, python)
    settings = _settings(machine)
    unit = unit_text(settings)
    files = program.pieces()
    _require_room(machine, files)
    try:
        machine.make_user()
        version = _program(machine, files, python)
        _settings_files(machine)
        machine.directory(DATA, 0o750, USER, USER)
        machine.file(COMMAND, COMMAND_TEXT, 0o755)
        machine.file(UNIT, unit)
        _switch(machine, version)
    except OSError as error:
        if disk.no_room(error):
            raise StoreFull(
                f"the disk is full at {error.filename or PROGRAM}; the partial installation is removed and the "
                "previous one still runs: free some disk space and run this again"
            ) from None
        raise ConfigError(
            f"{error.filename or 'a file'} cannot be written ({error.strerror}): correct that and run this again, "
            "which continues where it stopped"
        ) from None
    _start(machine, wishes)


def _refuse_early(machine: Machine, python: Path) -> None:
    """Whatever speaks against it is said before anything is done."""
    if not machine.staged and os.geteuid() != 0 and not machine.dry_run:
        raise ConfigError("installing a service needs root: put `sudo` in front of the same command")
    if machine.staged and not machine.root.is_dir():
        raise ConfigError(f"{machine.root} is not a directory: create it, or correct --root")
    if reason := program.out_of_reach(python):
        remedy = "set another Python of the same version with --python, such as /usr/bin/python3"
        if not machine.staged:
            raise ConfigError(f"the service could not start its Python: {reason}; {remedy}")
        machine.tell(f"note: {reason}; {remedy}")
    command = machine.at(COMMAND)
    if os.path.lexists(command) and _first_line_but_one(command) != COMMAND_TEXT.splitlines()[1]:
        raise InUseError(f"{COMMAND} exists and was not created by `andon install`: move it away and run this again")
    if not machine.staged:
        for service in running_services():
            raise InUseError(
                f"an `andon run` that was started by hand runs in {service}: stop it first, and copy what you want to "
                f"keep of its .env and andon.toml to {SETTINGS}"
            )


def _first_line_but_one(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()[1]
    except (OSError, IndexError):
        return ""


def _settings(machine: Machine) -> Settings:
    """The settings that the service will have, and whether their ports are free. Raises ConfigError, InUseError."""
    with _files_only():
        if machine.at(TOML).exists():
            settings = load_settings(Whereabouts(machine.at(SETTINGS), USER))
        else:
            settings = load_settings(Whereabouts(machine.at(SETTINGS), USER), **tomllib.loads(_TOML_TEXT))
    if not machine.staged and not _active(machine):
        _require_ports(settings)
    return settings


@contextlib.contextmanager
def _files_only() -> Iterator[None]:
    """The environment of whoever installs says nothing about the service."""
    names = {environment_name(field) for field in Settings.model_fields} | {"ANDON_CONFIG"}
    taken = {name: os.environ.pop(name) for name in list(os.environ) if name.upper() in names}
    try:
        yield
    finally:
        os.environ.update(taken)


def _require_ports(settings: Settings) -> None:
    for port in sorted(ports(settings)):
        if port <= 0:
            continue
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    continue
                raise InUseError(
                    f"port {port} is taken by another program (`ss -ltnp sport = :{port}` names it): stop that "
                    f"program, or set another port in {TOML} and run this again"
                ) from None


def _require_room(machine: Machine, files: list[program.Piece]) -> None:
    wanted = program.size(files) + _SPARE
    free = disk.free_bytes(machine.at(PROGRAM), wanted)
    if free < wanted:
        raise StoreFull(
            f"{PROGRAM} needs {wanted >> 20} MiB, but its disk has only {free >> 20} MiB free: free some disk space; "
            "nothing was changed"
        )


def _program(machine: Machine, files: list[program.Piece], python: Path) -> Path:
    """Put the program beside the one that runs; what is half made is removed. Raises OSError and ConfigError."""
    place = PROGRAM / f"{andon.__version__}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
    made = machine.at(place)

    def make() -> None:
        made.parent.mkdir(parents=True, exist_ok=True)
        made.mkdir(mode=0o755)
        try:
            program.build(made, python, files, place)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise

    machine.step(f"{place}: Andon {andon.__version__} with {len(program.needed()) - 1} packages, on {python}", make)
    return place


def _settings_files(machine: Machine) -> None:
    """Settings are written once and never again; what a new version brings is told."""
    machine.directory(SETTINGS, 0o755)
    for place, text in ((TOML, _TOML_TEXT), (DOTENV, _DOTENV_TEXT)):
        if machine.at(place).exists():
            machine.tell(f"{place} kept as it is")
        else:
            machine.file(place, text, 0o640, USER)
    before = machine.at(REFERENCE)
    if before.exists():
        for line in changes(before.read_text(encoding="utf-8"), reference_text()):
            machine.tell(f"new in this version: {line}")
    machine.file(REFERENCE, reference_text())
    machine.file(LOCATION, json.dumps({"directory": str(SETTINGS), "user": USER}) + "\n")


def _switch(machine: Machine, version: Path) -> None:
    """The new program is the current one from here on; of the others the last is kept, as the way back."""
    current = machine.at(CURRENT)
    before = Path(os.path.basename(os.readlink(current))) if current.is_symlink() else None

    def switch() -> None:
        aside = current.with_name(".current")
        aside.unlink(missing_ok=True)
        aside.symlink_to(version.name)
        aside.replace(current)

    machine.step(f"{CURRENT} is {version.name}" + (f", which was {before}" if before else ""), switch)
    if machine.dry_run:
        return
    for old in sorted(machine.at(PROGRAM).iterdir()):
        if old.is_dir() and not old.is_symlink() and old.name not in {version.name, str(before)}:
            shutil.rmtree(old, ignore_errors=True)


def _active(machine: Machine) -> bool:
    return machine.systemd and machine.asks("systemctl", "is-active", "--quiet", "andon")


def _start(machine: Machine, wishes: Wishes) -> None:
    if machine.staged:
        verb = "would be installed" if machine.dry_run else "laid"
        machine.tell(
            f"{verb} in {machine.root}: the user {USER}, file owners and the service are not set up; do that on the "
            "target machine"
        )
        return
    if not machine.systemd:
        machine.tell(
            f"no systemd runs on this machine, so nothing was started: start it in {SETTINGS} with `setpriv --reuid "
            f"{USER} --regid {USER} --init-groups {COMMAND} run`, or with your own supervisor"
        )
        return
    machine.step("systemd has loaded the unit", lambda: machine.run("systemctl", "daemon-reload"))
    if not wishes.start:
        machine.tell("not started: `systemctl enable --now andon` does that, and `systemctl restart andon` an upgrade")
        return
    machine.step(
        "the service starts when the machine starts", lambda: machine.run("systemctl", "enable", "--quiet", "andon")
    )

    def start() -> None:
        try:
            machine.run("systemctl", "restart", "andon")
        except ConfigError:
            lines = machine.run("journalctl", "-u", "andon", "-n", "20", "-o", "cat", "--no-pager").splitlines()
            said = next((line for line in reversed(lines) if line.startswith("andon: ")), lines[-1] if lines else "")
            raise ConfigError(
                f"everything is installed, but the service does not start: {said.removeprefix('andon: ')[-600:]} "
                "(`journalctl -u andon` says more)"
            ) from None

    machine.step("the service is running: `andon doctor` checks all of it", start)
