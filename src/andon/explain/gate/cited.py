"""Evidence that an answer cites: whether these logs exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

from andon.core.late_patterns import late
from andon.core.models import Explanation, Question
from andon.explain.gate.said import Asked, Said

#: ``log 4711``, ``logs 12, 13 and 14``, ``log id #12``: what follows is no unit and no noun.
_CITED = late(
    r"\blogs?(?:[ -](?:entr(?:y|ies)|records?|lines?|messages?|ids?|no\.?|numbers?|nr\.?))? ?[#№:]? ?(?P<ids>\d{1,18}"
    r"(?:(?:, ?| ?and ?| ?& ?| ?und ?| or )#?\d{1,18}){0,20})(?=\s*(?:[.,;:)\]!?]|$|(?:and|or|is|are|was|were|shows?|"
    r"says?|reports?|indicates?|states?|tells?|mentions?|contains?|that|which|proves?|supports?|confirms?|und)\b))",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+")


def invented(question: Question, explanation: Explanation, said: Said, asked: Asked) -> int | None:
    """The first log that the answer cites and that cannot exist: ids count up, and the newest was shown.

    An older one that was not shown does exist, and is left out of the evidence.
    """
    newest = max((log.id for log in question.logs), default=0)
    newest = max((newest, *explanation.looked_up))
    return next((one for one in (*explanation.cited, *_in_text(said, asked)) if not 0 < one <= newest), None)


def _in_text(said: Said, asked: Asked) -> Iterator[int]:
    """Ids in the words; a number that stands in the logs may mean something else."""
    for text in said.parts:
        for found in _CITED.finditer(text):
            yield from (int(one) for one in _NUMBER.findall(found["ids"]) if one not in asked.words)
