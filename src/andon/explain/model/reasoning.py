"""Taking a reasoning model's thoughts out of its answer.

Ollama moves them to a field of their own for the models it knows; for all others, and for older versions,
they stand in the text, and small models forget one end of the pair.
"""

from __future__ import annotations

import re

#: ``<think>``, ``</thinking >``, ``<THINK foo="bar">``, ``[/THINK]``: every repetition is bounded, so
#: that the search stays linear.
_TAG = re.compile(
    r"[<\[]\s{0,4}(?P<close>/?)\s{0,4}(?:think|thinking|thought|thoughts|reasoning)"
    r"(?:\s[^<>\[\]/]{0,200})?\s{0,4}(?P<empty>/?)[>\]]",
    re.IGNORECASE,
)


def strip_thinking(text: str) -> str:
    """``text`` without the model's thoughts, stripped of outer blanks; "" where there is nothing else.

    A closed pair goes with what it holds. An opener without a closer takes the rest with it; a closer without
    an opener takes what stands before it, unless that is all there is: then it was the answer.
    """
    kept: list[str] = []
    spare = ""  # what a lonely closer took
    depth = 0  # openers that no closer has matched yet
    thinking = False
    position = 0
    for tag in _TAG.finditer(text):
        piece = text[position : tag.start()]
        position = tag.end()
        if not tag["close"]:
            if not thinking:
                kept.append(piece)
            if not tag["empty"]:
                thinking = True
                depth += 1
        elif thinking or depth:
            # The first closer ends the thinking, whatever the nesting: a model that opens twice and closes
            # once has still given its answer after it. A second closer shows that this piece was nested.
            thinking = False
            depth -= 1
        elif piece.strip():
            spare = piece
    if not thinking:
        kept.append(text[position:])
    answer = "".join(kept).strip()
    return answer or spare.strip()
