"""Whether an English sentence advises an action that stands in it, or warns of it, looks for it or tells of it."""

from __future__ import annotations

import re

from andon.core.late_patterns import late

_FORBIDS = late(
    r"\b(?:never|do not|must not|should not|may not|shall not|can not|ought not|not to|nor|neither|without|"
    r"instead of|rather than|"
    r"avoid|nobody|no one|none|refrain from|prohibited|forbidden|not (?:allowed|permitted) to|in place of|against|"
    r"not by|not (?:even|just|simply|merely)|under no circumstances|in no case|at no time|is no reason to|no need to)\b"
)
#: "Do not hesitate to …" asks for it.
_FORBIDS_NOTHING = late(
    r"\s*(?:hesitate|forget|fail|worry|wait|be (?:afraid|shy)|bother|delay|panic|waste|stop|only)\b"
)
_ANOTHER_THOUGHT = late(r"\bbut\b|\bthen\b|\binstead\b(?! of)|\byet\b|\bhowever\b|\bonly if\b|;|:")
_STATE_NOT = late(
    r"\b(?:not|never|hardly)(?: (?:yet|been|be|being|get|\w+ly)){0,2} ?$|\b(?:no|nobody|no one|none|nothing)"
    r"(?: \w+){0,4} ?$"
)
_BAD_IDEA = late(
    r"[^,;]{0,120}?(?:, (?:which|that|this|and that) )?\b(?:is|are|would be|remains?|be|was|were|always)"
    r"\b(?: \w+){0,2} (?:forbidden|prohibited|disallowed|dangerous|illegal|unsafe|"
    r"hazardous|unacceptable|avoided|never|no (?:solution|option|fix|remedy)|not (?:an? (?:option|solution|"
    r"fix)|allowed|permitted|acceptable|"
    r"advised|recommended|safe|a))"
)
_INSPECTS = late(
    r"\b(?:check|see|look|verify|inspect|examine|confirm|ask|find out|determine|test|make (?:certain|sure)|"
    r"ensure|note|investigate|clarify|"
    r"search|watch|establish|rule out|review|know|tell|read|compare|record|remember|report)(?:ed|s|ing)?\b"
)
_WHETHER = late(r"\b(?:whether|if|who|why|how|where|for|signs? of|anything|something|any)\b")
_THEN = late(
    r"\b(?:and|then|or|so|otherwise)\b(?: (?:then|also|just|simply|instead|temporarily|please|finally|even))"
    r"? ?$|, ?$|,(?: (?:then|just|simply|please|temporarily|you (?:can|may|should)))+ ?$"
)
_REPORTS = late(
    r"\b(?:asks?|asked|tells?|told|instructs?|claims?|demands?|tries|tried|attempt\w*|wants?|wanted|"
    r"request(?:s|ing|ed)?|instruction|injection|"
    r"text that|tempt\w*|used to|likely to|reason to|possible to|risk\w*|refus\w+|hostile|attack\w*|trying|"
    r"caused|because|due to|after|"
    r"since|result of|consequence of)\b"
)
_PEOPLE = late(
    r"\b(?:who|they|operators?|people|staff|technicians?|workers?|someone|somebody|anyone|anybody|users?|"
    r"often|sometimes|usually|did|"
    r"which|that|some|many|not) ?$"
)
_NOUN_BEFORE = late(
    r"\b(?:the|an?|this|that|any|each|no|its|their|every|feed|rapid|manual|speed|old|active|existing|"
    r"forgotten|possible|known|wire|h|opc|mqtt|network|bus|"
    r"rectifier|wheatstone|maintenance|static|ups|modbus|axis|temporary|unauthori[sz]ed|permanent|electronic|"
    r"automatic|of|full|half|root|docker|"
    r"scan|power|muting) ?$"
)
_MODAL = late(
    r"\b(?:can|may|should|must|could|might|will|shall|to|please|would|let us|better|you|need|have to|has to|"
    r"ought to) ?(?:\w+ly |also |simply |just |then |first |always |even )?$"
)
_THING = late(r" (?:that|which) (?:holds?|keeps?|kept|held|is|was|may|might|covers?|blocks?|bridges?|should|does)\b")
_BEGINS = late(r"(?:[,(]|\b(?:and|or|then|so|simply|just|temporarily|now|therefore|first|otherwise)) ?$")
_MODAL_BE = late(
    r"\b(?:can|should|must|shall|will|ought to|ha[sv]e to|needs? to|is to|are to|better|to|let (?:it|the \w+)|"
    r"could|may|might)(?: (?:\w+ly|also|simply|then|first|safely|always|now)){0,2}"
    r" be(?: (?:\w+ly|also|simply|then|first|safely))? ?$"
)
_PERHAPS = late(r"\b(?:could|may|might)\b[^,]{0,20}\bbe\b[^,]{0,20}$")
_ADVISES = late(
    r"\b(?:by|try|consider|recommend\w*|suggest\w*|advise\w*|start|begin by|begin|keep|continue|means|"
    r"requires?|involves?|allows?|via|through|is|"
    r"propose\w*|worth|think about|go on|resort to|permits?|helps?|for|and|or)(?: (?:temporarily|just|simply|"
    r"briefly|then|maybe))? ?$"
)
_GOOD_IDEA = late(
    r"[^.;]{0,90}?\b(?:helps?|solves?|restores?|fix(?:es)?|lets?|clears?|gets?|makes?|brings?|will|allows?|"
    r"removes? the|is (?:ok|okay|fine|acceptable|"
    r"allowed|safe|possible|enough|permitted|recommended|the (?:fastest|quickest|easiest|best))|works?)\b"
)


def forbids(text: str, start: int, end: int, *, done: bool = False) -> bool:
    """Whether the sentence warns of the action at ``start`` to ``end``; ``done``: its verb is a participle."""
    before = _ANOTHER_THOUGHT.split(text[:start])[-1]
    last = _last(_FORBIDS, before)
    if last is not None:
        tail = before[last.end() :]
        ended = _FORBIDS_NOTHING.match(tail)
        # a comma begins another thought, but not in "do not mute, bridge or remove …"
        apart = "," in tail and not re.search(r"\b(?:or|nor|and)\b", text[start - 5 : end + 60] + tail)
        if not ended and not apart:
            return True
    if done and _STATE_NOT.search(before):
        return True
    if re.search(r"\b(?:no|nobody|no one|none|nothing)(?: \w+){0,3} ?$", before):
        return True
    return _BAD_IDEA.match(text[end:]) is not None


def looks_for(text: str, start: int) -> bool:
    """Whether the action at ``start`` is what somebody is to look for: ``check whether …``, ``look for …``."""
    before = text[:start]
    if _THEN.search(before):
        return False
    last = _last(_INSPECTS, before)
    if last is None:
        return False
    rest = before[last.end() :]
    whether = _WHETHER.search(rest)
    if whether is None:
        return False
    # "If it fails, …" behind "check" is a condition whose comma ends it
    return "," not in rest[whether.end() :]


def tells(text: str, start: int) -> bool:
    """Whether what stands before ``start`` only tells what somebody says, wants or did."""
    return _REPORTS.search(_ANOTHER_THOUGHT.split(text[:start])[-1]) is not None


def is_order(text: str, start: int, told: bool = False) -> bool:
    """Whether a verb's first form at ``start`` asks for the action: no noun, and not what people or things do.

    What is ``told`` asks where a clause begins with the verb, or by "can", "should", "to".
    """
    before = text[:start]
    if told and before.strip() and not (_MODAL.search(before) or _BEGINS.search(before)):
        return False
    if _NOUN_BEFORE.search(before) and not re.search(r"\b(?:and|or|then) ?$", before):
        return False
    if re.search(r"(?<!you )(?<!we )(?<!one )\b(?:could|might|would) ?$", before):  # what things may have done
        return False
    return _MODAL.search(before) is not None or not _PEOPLE.search(before)


def is_thing(text: str, end: int) -> bool:
    """Whether the word that ends at ``end`` is a thing: "a magnet or tape that holds it"."""
    return _THING.match(text, end) is not None


def is_done_order(text: str, start: int, told: bool) -> bool:
    """Whether a participle at ``start`` asks for the action: ``can be bypassed``, not ``may be`` where that is told."""
    before = text[:start]
    if not _MODAL_BE.search(before):
        return False
    return not (told and _PERHAPS.search(before))


def is_advised(text: str, start: int, end: int) -> bool:
    """Whether an -ing form at ``start`` to ``end`` is advised: ``by bypassing``, ``bypassing it helps``."""
    before = text[:start]
    if re.search(
        r"\b(?:caused|triggered|explained|reported|prevented|of|risk|somebody|someone|people)(?: by)? ?$", before
    ):
        return False
    if _ADVISES.search(before):
        return True
    return (start == 0 or before.rstrip().endswith((",", "then", "temporarily"))) and _GOOD_IDEA.match(
        text[end:]
    ) is not None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The last match of ``pattern``."""
    return next(reversed(list(pattern.finditer(text))), None)
