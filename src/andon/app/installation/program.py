"""The program that runs, with all it needs, copied to where a service has it: no network, no package manager."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import andon
from andon.app.installation.unit import HIDDEN
from andon.core.errors import ConfigError

_REQUIREMENT = re.compile(r"\s*([\w.-]+)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""\bextra\s*==\s*["']([\w.-]+)["']""")
#: What only developers need of Andon.
_NOT_INSTALLED = frozenset({"dev"})


class Piece(NamedTuple):
    """A file that is copied, and where it goes below the new environment."""

    source: Path
    target: Path


def needed() -> list[Distribution]:
    """What is installed here of what Andon needs, extras included, tools of developers left out; Andon itself last."""
    own = distribution("andon")
    extras = frozenset(own.metadata.get_all("Provides-Extra") or ()) - _NOT_INSTALLED - {"all"}
    found: dict[str, Distribution] = {}
    seen = set()
    waiting = list(_required(own, extras))
    while waiting:
        name, asked = waiting.pop()
        if (name, asked) in seen or name == "andon":
            continue
        seen.add((name, asked))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # for another platform, or an extra that is not installed
            continue
        waiting += _required(found[name], asked)
    return [found[name] for name in sorted(found)] + [own]


def _required(of: Distribution, extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    for line in of.requires or ():
        wanted = _EXTRA.search(line)
        named = _REQUIREMENT.match(line)
        if named and (wanted is None or _plain(wanted[1]) in map(_plain, extras)):
            yield _plain(named[1]), frozenset(part.strip() for part in (named[2] or "").split(",") if part.strip())


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pieces() -> list[Piece]:
    """Every file of the new environment, but for its Python and its scripts."""
    site = Path(sysconfig.get_path("purelib"))
    prefix, inside = Path(sys.prefix), site.relative_to(sys.prefix)
    found = []
    for each in needed():
        own = each.metadata["Name"] == "andon"
        for file in each.files or ():
            source = Path(os.path.normpath(str(file.locate())))
            if not source.is_file() or not source.is_relative_to(prefix):
                continue
            if source.is_relative_to(site):
                wanted = not own or (source.parent.name.endswith("-info") or "licenses" in source.parts)
                if wanted and not (own and source.name in ("RECORD", "direct_url.json")):
                    found.append(Piece(source, inside / source.relative_to(site)))
            elif not own and not _is_script(source):
                found.append(Piece(source, source.relative_to(prefix)))
    package = Path(andon.__file__).parent
    own_files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return found + [Piece(path, inside / "andon" / path.relative_to(package)) for path in own_files]


def _is_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"#!"


def size(files: list[Piece]) -> int:
    """Bytes that the copy takes."""
    return sum(piece.source.stat().st_size for piece in files)


def build(target: Path, python: Path, files: list[Piece], shown: Path) -> None:
    """Make the environment ``target``, which will be known as ``shown``, and see that it works.

    Raises OSError, and ConfigError where what was copied does not run.
    """
    made = {target}
    for piece in files:
        place = target / piece.target
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(place.parent)
        shutil.copyfile(piece.source, place)
        status = piece.source.stat()
        place.chmod(0o755 if status.st_mode & 0o100 else 0o644)
        os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))  # compiled files name it
    programs = target / "bin"
    programs.mkdir(exist_ok=True)
    (target / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n")
    for name in ("python", "python3"):
        (programs / name).symlink_to(python)
    script = programs / "andon"
    script.write_text(
        f"#!{shown}/bin/python -I\n"
        '"""The command line of Andon."""\nimport sys\n\nfrom andon.app.cli import main\n\nsys.exit(main())\n'
    )
    script.chmod(0o755)
    for made_directory, _, _ in os.walk(target):
        os.chmod(made_directory, 0o755)  # noqa: S103 - a program that everybody may start
    _compiled(target)
    require_working(target)


def require_working(target: Path) -> None:
    """Raise ConfigError where the environment does not run."""
    done = subprocess.run(
        [target / "bin" / "python", "-I", "-m", "andon", "version"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConfigError(f"the copy in {target} does not run: {(done.stderr or done.stdout).strip()[-500:]}")


def _compiled(target: Path) -> None:
    """Compile Andon itself, since the service may not write beside its program; libraries are compiled already."""
    package = next(target.glob("lib/python*/site-packages"))
    command = [str(target / "bin" / "python"), "-I", "-m", "compileall", "-q", str(package / "andon")]
    subprocess.run(command, capture_output=True, check=False)


def usable_python(named: Path | None) -> Path:
    """The interpreter that a service can run: ``named``, or the one that this runs on. Raises ConfigError."""
    own: str = getattr(sys, "_base_executable", sys.executable)
    path = named or Path(own)
    try:
        said = _version_of(str(path))
    except (OSError, subprocess.SubprocessError):
        raise ConfigError(f"{path} is not a Python that can be started: set another one with --python") from None
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
    if said != wanted:
        raise ConfigError(f"{path} is Python {said}, but this Andon is installed for {wanted}: set one of that version")
    return path


@functools.cache
def _version_of(path: str) -> str:
    script = "import sys; print('{0}.{1}'.format(*sys.version_info))"
    done = subprocess.run([path, "-I", "-c", script], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.strip()


def out_of_reach(python: Path) -> str | None:
    """Why a service cannot start this interpreter; None where it can."""
    for path in (python.absolute(), Path(os.path.realpath(python))):
        if any(path.is_relative_to(hidden) for hidden in HIDDEN):
            return f"{path} is in a directory that a service cannot see"
        for above in path.parents:
            if not above.stat().st_mode & 0o001:
                return f"{above} is closed to other users, and {path} is inside it"
    return None
