"""drain3 with twelve generic masks, as a program of its own: ``python drain_yardstick.py LINES.json``.

It must run under an interpreter that has drain3, which is not a dependency of Andon. LINES.json is a list of lists of
lines; each list is a system of its own. Prints the CPU seconds that grouping them took, and the groups, as JSON.
"""

from __future__ import annotations

import json
import sys
import time

MASKS = [
    (r"[A-Za-z][A-Za-z0-9+.\-]{1,15}://\S+", "URL"),
    (r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+", "MAIL"),
    (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "UUID"),
    (r"\b(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}\b", "MAC"),
    (r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?Z?", "TIME"),
    (r"\b\d{2}:\d{2}:\d{2}(?:[.,]\d+)?\b", "CLOCK"),
    (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b", "IP"),
    (r"(?<!\w)(?:/[\w.\-]+){2,}/?", "PATH"),
    (r"\b0[xX][0-9a-fA-F]+\b", "HEX"),
    (r"\b\d+(?:\.\d+)?\s?(?:[KMGT]?i?B|[mu]?s|sec|%)\b", "SIZE"),
    (r"\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,}\b", "ID"),
    (r"(?<![A-Za-z0-9])[\-+]?\d+(?:\.\d+)?(?![A-Za-z0-9])", "NUM"),
]


def main() -> None:
    """Group, time, print."""
    from drain3 import TemplateMiner
    from drain3.masking import MaskingInstruction
    from drain3.template_miner_config import TemplateMinerConfig

    with open(sys.argv[1], encoding="utf-8") as file:
        systems = json.load(file)
    seconds, groups = 0.0, 0
    for lines in systems:
        config = TemplateMinerConfig()
        config.masking_instructions = [MaskingInstruction(pattern, name) for pattern, name in MASKS]
        miner = TemplateMiner(config=config)
        started = time.process_time()
        for line in lines:
            miner.add_log_message(line)
        seconds += time.process_time() - started
        groups += len(miner.drain.clusters)
    print(json.dumps({"seconds": seconds, "groups": groups}))


if __name__ == "__main__":
    main()
