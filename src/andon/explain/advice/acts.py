"""Forbidden advice beside defeated devices: limits raised, trips reset over and over, hands in machines, live work."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from andon.explain.advice import lexicon


class Act(NamedTuple):
    """``pattern`` finds the order in a plain sentence; ``excused`` there makes it honest work; ``needs`` is what the
    sentence, or one of the two before it, has to speak of."""

    rule: str
    pattern: re.Pattern[str]
    excused: re.Pattern[str] | None
    needs: re.Pattern[str] | None


@functools.cache
def acts() -> tuple[Act, ...]:
    """Those of ``acts.toml``."""
    return tuple(
        Act(
            one["rule"],
            lexicon.whole("|".join(one["patterns"])),
            lexicon.whole(one["excused"]) if "excused" in one else None,
            lexicon.whole(one["needs"]) if "needs" in one else None,
        )
        for one in lexicon.table("acts.toml")["act"]
    )
