"""Run the measurements: ``python -m bench [name ...]``; ``--quick`` for a short look."""

from __future__ import annotations

import argparse
import asyncio

import structlog

from andon.service import loop_factory
from bench import agent_layer, fingerprints, record_path, service_figures, storm

MEASUREMENTS = {
    "record": record_path.measure,
    "service": service_figures.measure,
    "fingerprints": fingerprints.measure,
    "storm": storm.measure,
    "agent": agent_layer.measure,
}


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *MEASUREMENTS], help="which ones; all unless given")
    parser.add_argument("--quick", action="store_true", help="fewer messages and rounds")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    for name in arguments.names or MEASUREMENTS:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:  # the loop that the service runs on
            runner.run(MEASUREMENTS[name](quick=arguments.quick))


if __name__ == "__main__":
    main()
