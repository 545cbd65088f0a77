"""CPU seconds of decoding and of fingerprinting alone, as JSON; ``compare.py`` runs it over a revision's source.

It imports nothing of this package and finds what it measures under each name that it has had, the newest first.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DECODER = ("andon.ingest.decode:Decoder", "andon.pipeline.decode:Decoder")
FINGERPRINTER = ("andon.grouping.fingerprint:Fingerprinter", "andon.patterns.fingerprint:Fingerprinter")
DELIVERY = ("andon.core.models:Delivery", "andon.models:Delivery")


def first(candidates: tuple[str, ...]) -> Any:
    """The first of ``module:name`` that is there."""
    for candidate in candidates:
        module, _, name = candidate.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if not (module + ".").startswith(f"{error.name}."):
                raise  # it is there, and something that it needs is not
    raise SystemExit(f"this revision has none of {', '.join(candidates)}: add its name to {Path(__file__).name}")


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the better of two runs: the first one also pays for what is made once."""
    taken = []
    for _ in range(2):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


def main(given: Path, source: Path) -> None:
    """Measure over the messages of ``given``, with nothing remembered before."""
    decoder, fingerprinter, delivery = first(DECODER), first(FINGERPRINTER), first(DELIVERY)
    imported = Path(sys.modules[decoder.__module__].__file__ or "")
    if not imported.is_relative_to(source):
        raise SystemExit(f"{imported} was imported, not the revision in {source}")
    deliveries = [
        delivery(data, "agent.technical.support", "S", number, 1_760_000_000_000_000_000 + number, "")
        for number, data in enumerate(given.read_bytes().splitlines(), 1)
    ]
    bodies = [json.loads(one.data) for one in deliveries]

    def decode() -> None:
        decoding = decoder(fingerprinter())
        for one in deliveries:
            decoding(one)

    def fingerprint() -> None:
        group = fingerprinter()
        for body in bodies:
            group(body["message"], body["service"], body["context"])

    print(json.dumps({"decoding": seconds(decode), "fingerprinting": seconds(fingerprint)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
