"""Make one archive that installs Andon as a service on a machine without a network (`make bundle`).

It has the locked wheels for the platform and Python that this runs on, Andon's own, pip, an installer, the unit to look
at, checksums, an SBOM (CycloneDX) and the licences. The same commit, wheels and Python give the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import uuid
import zipfile
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: What installs the wheels, as no Python of Debian's brings it. It is in no lock: nothing of it is left on the machine.
PIP = "pip==26.3 --hash=sha256:f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13\n"
_INSTALLER = Path(__file__).with_name("bundle_install.sh")
_LICENCE = re.compile(r"(^|/)(LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*$", re.IGNORECASE)


def main() -> None:
    """Make it in the directory that is named, ``dist`` otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    out: Path = parser.parse_args().out
    with tempfile.TemporaryDirectory(prefix="andon-bundle-") as name:
        print(f"made: {bundle(Path(name), out)}")


def bundle(work: Path, out: Path) -> Path:
    """Make the archive; ``work`` is an empty directory."""
    moment = int(os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct"))
    wheels = work / "wheels"
    _fetch(work, wheels)
    own = _own_wheel(work, wheels, moment)
    version = own.name.split("-")[1]
    name = f"andon-{version}-linux-{platform.machine()}-cp{sys.version_info.major}{sys.version_info.minor}"
    tree = work / name
    shutil.move(wheels, tree / "wheels")
    lock = (ROOT / "requirements-runtime.lock").read_text()
    own_hash = _sha256(tree / "wheels" / own.name)
    (tree / "bundle.lock").write_text(f"{lock}\nandon=={version} --hash=sha256:{own_hash}\n")
    text = _INSTALLER.read_text().replace("@MACHINE@", platform.machine())
    (tree / "install").write_text(text.replace("@PYTHON@", f"{sys.version_info.major}.{sys.version_info.minor}"))
    (tree / "install").chmod(0o755)
    for each in ("LICENSE", "THIRD-PARTY.md", "docs/installing.md"):
        shutil.copy(ROOT / each, tree)
    (tree / "andon.service").write_text(_unit())
    packages = sorted((tree / "wheels").glob("*.whl"))
    _licences(packages, tree / "licences")
    (tree / "sbom.cdx.json").write_text(json.dumps(sbom(packages, version, moment), indent=1) + "\n")
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    sums = "".join(f"{_sha256(path)}  {path.relative_to(tree)}\n" for path in files)
    (tree / "SHA256SUMS").write_text(sums)
    out.mkdir(parents=True, exist_ok=True)
    archive = out / f"{name}.tar.gz"
    _pack(tree, archive, moment)
    (out / f"{name}.tar.gz.sha256").write_text(f"{_sha256(archive)}  {archive.name}\n")
    return archive


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(ROOT), *arguments],  # noqa: S607 - the git of whoever makes it
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def _pip(*arguments: str | Path, **environment: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, arguments)]
    subprocess.run(command, check=True, env=os.environ | environment)


def _fetch(work: Path, wheels: Path) -> None:
    """The locked wheels and pip, every hash checked."""
    pip = work / "pip.lock"
    pip.write_text(PIP)
    for lock in (ROOT / "requirements-runtime.lock", pip):
        _pip("download", "-q", "--require-hashes", "--no-deps", "--only-binary=:all:", "-r", lock, "-d", wheels)


def _own_wheel(work: Path, wheels: Path, moment: int) -> Path:
    """Andon's wheel, of what git knows: nothing that lies about in the checkout."""
    source = work / "source"
    for line in _git("ls-files", "--", "src", "pyproject.toml", "README.md", "LICENSE", "THIRD-PARTY.md").splitlines():
        if (ROOT / line).is_file():
            (source / line).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / line, source / line)
    _pip("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels, source, SOURCE_DATE_EPOCH=str(moment))
    return next(wheels.glob("andon-*.whl"))


def _unit() -> str:
    """The unit as it is for a first installation."""
    from andon.app.installation.unit import unit_text
    from andon.core.settings.settings import load_settings

    return unit_text(load_settings(data_dir="/var/lib/andon", nats_port=4222, http_port=8420))


def _metadata(wheel: Path) -> tuple[Message, zipfile.ZipFile]:
    packed = zipfile.ZipFile(wheel)
    name = next(each for each in packed.namelist() if each.endswith(".dist-info/METADATA") and each.count("/") == 1)
    return HeaderParser().parsestr(packed.read(name).decode("utf-8", "replace")), packed


def _licences(packages: list[Path], place: Path) -> None:
    """What each wheel has of licences and notices."""
    for wheel in packages:
        _, packed = _metadata(wheel)
        with packed:
            found = [name for name in packed.namelist() if ".dist-info/" in name and _LICENCE.search(name)]
            for name in found:
                target = place / wheel.name.split("-")[0] / name.partition(".dist-info/")[2].replace("/", "-")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(packed.read(name))


def sbom(packages: list[Path], version: str, moment: int) -> dict[str, object]:
    """A CycloneDX 1.6 document of the wheels."""
    components = [_component(wheel) for wheel in packages]
    own = next(each for each in components if each["name"] == "andon")
    others = [each for each in components if each is not own]
    content = json.dumps(components, sort_keys=True)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'andon {version} {content}')}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z"),
            "component": own,
        },
        "components": others,
    }


def _component(wheel: Path) -> dict[str, object]:
    said, packed = _metadata(wheel)
    packed.close()
    name, version = re.sub(r"[-_.]+", "-", said["Name"]).lower(), said["Version"]
    component: dict[str, object] = {
        "type": "application" if name == "andon" else "library",
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name}@{version}",
        "hashes": [{"alg": "SHA-256", "content": _sha256(wheel)}],
    }
    if summary := said["Summary"]:
        component["description"] = summary
    if licence := _licence(said):
        component["licenses"] = [licence]
    return component


def _licence(said: Message) -> dict[str, object] | None:
    """What the wheel says of its licence: an SPDX expression, or words of its own."""
    if expression := said["License-Expression"]:
        return {"expression": expression}
    names = [
        line.rpartition("::")[2].strip() for line in said.get_all("Classifier", []) if line.startswith("License ::")
    ]
    words = ", ".join(names) or (said["License"] or "").strip().split("\n")[0]
    return {"license": {"name": words[:200]}} if words else None


def _pack(tree: Path, archive: Path, moment: int) -> None:
    """An archive in which nothing depends on who packs it, and when."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        info.mtime = moment
        info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
        return info

    part = archive.with_name(f".{archive.name}.part")
    with (
        part.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, moment) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in [tree, *sorted(tree.rglob("*"))]:
            tar.add(path, path.relative_to(tree.parent), recursive=False, filter=plain)
    part.replace(archive)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
