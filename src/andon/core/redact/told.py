"""Secrets that are told in words: ``the password is x``, ``changed from x to y``, ``PIN 4711``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from andon.core.late_patterns import late
from andon.core.redact import vocabulary
from andon.core.redact.values import Span, kept, value_at
from andon.core.redact.visible import folded

PARSED = late(
    r"(?:unexpected|illegal|invalid|unknown|bad|syntax|parse|unrecogni[sz]ed|missing|expected"
    r"|undefined)\s[\w\s]{0,12}\Z"
)
#: More words before a colon: the value has to look the more like one.
_SIGN_AFTER_WORDS = late(r"(?:[^\S\n][^\W_]{1,20}){1,5}[^\S\n]?:[^\S\n]{1,4}")
_PREPOSITION = late(
    rf"\s(?:for|of|to|on|fur|von|des|der|pour|du|de|del|della|di|para|do|da|dla|pro|voor|vom|zum|till|til|{folded('для|от')})\s"
)
#: Words between a name and the verb: "password for user admin is x", and endings of other languages' grammar.
_FOR = (
    r"(?:\s(?:for|of|to|on|at|in|from|fur|von|vom|beim|des|der|zu|zum|zur|im|am|pour|du|de|del|della|di|para|do|da|dla|k|ke|pro"
    r"|til|till"
    rf"|voor|van|{folded('для|от|к')}|the|user|account|plc|hmi)(?:\s[^\s.,;:=]{{1,30}}){{1,4}}?)?"
)
_VERB = late(
    rf"[^\W\d_]{{0,6}}{_FOR}\s{{1,4}}(?:is|are|was|were|equals|reads|ist|war|waren|lautet|lautete|heisst|heißt|est|etait|es|era"
    rf"|fue|foi|e|jest|bylo|byl|bylo"
    r"|je|ar|er|oli|este|{folded('это|был')})(?:\s(?:now|still|currently|jetzt|nun|just|set\sto|simply|maintenant"
    r"|ahora|adesso|actually|probably|(?:ab|seit)\s(?:heute|sofort|jetzt)|desormais|dorenavant|neuerdings"
    r"|wieder|again|(?:from|as\sof)\s(?:now|today)(?:\son)?|a\spartir\sde\s\w+))?"
    r"\s{0,4}[:=]?\s{1,4}"
)
_VERB_OWN = late(rf"(?:\w{{0,4}}{_FOR}\s(?:to|on|var|van)\s)")
_DASH = late(r"\s?[—–]\s{1,3}|\s-{1,2}\s{1,3}")
_VERB_OWN_NAMES = late(rf"(?:hasl|hesl|salasan|tunnus|losenord|adgangs|kodeord|passord|{folded('парол')})")
_VERB_EAST = late(r"(?:\s?(?:是|为|為|は|が|を|는|은|이|가|：|:|)\s?)")
_NOT_EAST = late(r"[^\x00-\u2fff]")
_CHANGE = (
    r"(?:chang|updat|re-?set|\bset(?:ting|s)?\b|geander|ander|gewechsel|gesetzt|wechsel|cambi|modifi|gewijzig|andra|ændr|alter|zmien"
    r"|zmen|byt|skift|endr|vaihd|degistir|"
    rf"{folded('изменен|смен')}|改|変更|변경|rotat|renew|replac|ersetzt)"
)
CHANGED = late(_CHANGE)
_FROM_TO = late(
    rf"(?P<between>[^\n.;]{{0,60}}?)\s(?:from|von|de|da|van|z|ze|fran|fra"
    rf"|{folded('с|из')})\s{{1,3}}(?P<old>[^\n]{{1,120}}?)\s{{1,3}}"
    rf"(?:to|auf|in|zu|a|en|vers|por|para|naar|na|till|til|{folded('на')})\s{{1,3}}"
)
_FROM_TO_EAST = late(r"(?P<between>[^\n]{0,6}?)(?:从|由|を)(?P<old>[!-~]{1,80})(?:改为|更改为|变更为|から|改成)")
_TO = late(
    r"(?P<between>(?:\s(?:was|has|have|been|is|wurde|ist|hat|a|ete|fue|ha|sido|stato|stata|successfully|erfolgreich"
    rf"|now|manually))*(?:\s[^\W\d_]{{2,20}})?|(?:\s[^\s.,;:=]{{1,20}}){{0,5}}\s(?:{_CHANGE}\w*|was|has\sbeen|wurde|ist))"
    rf"\s(?:to|auf|a|en|na|naar|till|til|{folded('на')})\s{{1,3}}(?:be\s)?"
)
_LEVEL = late(
    r"\s{1,4}(?:(?:old|new|altes?|neues?|ancien|nouveau|antigu?[ao]|nov[ao]|viej[ao]|nuev[ao]|vecchi[ao]|nuov[ao])\s{1,4})?"
    r"(?:(?:\d|<\*>)\s{1,4}|(?:ascii|hex|plain|encrypted|cipher|simple|sha256|sha512|md5)\s(?:\d\s)?){0,2}"
)
_USER_BEFORE = late(
    rf"(?:user(?:name)?|login|logon|account|benutzer(?:name)?|utilisateur|usuario|utente|gebruiker|uzytkownik"
    rf"|uzivatel|kullanici|anvandare|bruger|kayttaja|felhasznalo|{folded('пользователь|用户|ユーザー|사용자')}|uid|cn|vty"
    rf"|snmp-server|enable|chap|neighbor \S+)"
    rf"(?:\s{{1,3}}(?:privilege|role)\s\S{{1,20}})?(?:[\s:=]{{1,3}}\S{{1,40}})?(?:\s(?:privilege"
    rf"|role)\s\S{{1,20}})?[\s,]{{1,3}}"
    rf"(?:and\s|und\s|with\s|mit\s|/\s)?(?:the\s)?\Z"
)
_WITH_BEFORE = late(
    r"(?:with|using|mit|avec|con|met|med|via|is|the new|new|neues|nouveau|old|altes|set|entered|typed|tried|enter"
    r"|wrong|invalid|incorrect|use|used|default)\s(?:the\s|a\s|new\s|neuem\s)?[\w.\-]{0,20}\Z"
)
_AS = late(
    r"(?:^|[\s\"'(])(?P<value>[^\s\"']{4,80})[\"']?\s{1,3}(?:as|als|comme|como|come|is|ist)\s(?:the\s|das\s|a\s"
    r"|new\s|le\s|la\s|his\s|my\s|our\s)?[\w\-]{0,12}\Z"
)
_CLAUSE_ENDS = late(
    r"[.,;:!?)\]\"']{0,3}(?:\s*\Z|\s*\n|[.,;!?)]|\s+(?:for|on|of|at|and|since|fur|bei|am|auf|in|und|pour|para|per"
    r"|but|\(|by|from|von|still|is|was|not|no|rejected|refused|denied|wrong|incorrect|failed|does|did|remains"
    r"|falsch|abgelehnt|noch|refuse|incorrecto?)\b)"
)
_PIN_PLACE_BEHIND = late(
    r"\s{1,3}(?:(?:of|on|at|in|to|an|am|von|des|de|du|del)\s)?(?:the\s)?(?:connector|conn|plug|header|socket|stecker"
    r"|klemme|terminal|ic\b|chip|gpio|[xjpk]\d|u\d|port|module|fixture|magazine)"
)
_PIN_PLACE_BEFORE = late(
    r"(?:connector|stecker|plug|gpio|header|socket|klemme|connecteur|[xj]\d{1,3})[\s.,:/\-]{1,3}\Z"
)
_PIN_CUE = late(
    r"\b(?:enter|typed|accept|reject|wrong|invalid|incorrect|user|operator|unlock|login|card|badge|sim\b|keypad"
    r"|eingegeben|eingabe|falsch|falsche"
    r"|ungultig|bediener|benutzer|saisi|code|tried|try|authent|access|door|terminal)"
)
_PIN_GAP = late(
    r"[\s\-](?:eingabe|entry|input|number|nummer|saisi|inserito|digitad[oa])\s{1,3}|"
    r"[\s(]{0,4}(?:nr\.?\s|no\.?\s|#\s?)?|(?:[^\S\n\-]|-)[^\W\d_]{2,20}(?:\s[^\W\d_]{2,20}){0,2}\s?:\s{0,3}"
)
_PIN_CHANGED = late(
    rf"[^\n.;\d]{{1,40}}?\s(?P<old>\d{{4,8}})\s(?:to|auf|a|en|in|na|naar|till?|{folded('на')})\s(?P<new>\d{{4,8}})(?!\w)"
)
_UNIT = late(
    r"\s?(?:char|zeichen|bytes?\b|bits?\b|days?\b|tage|hours?\b|minutes?\b|seconds?\b|ms\b|s\b|times?\b|attempts?\b"
    r"|of\b)"
)
_OPTION_BEFORE = late(r"(?:^|[\s\"'=(])(?:--?|/)[\w\-.]{0,40}\Z")


def told(text: str, shadow: str, start: int, end: int, kind: str, window: str) -> Iterator[Span]:
    """A secret that is told in words."""
    if kind in ("password", "key", "short") and (words_ := _SIGN_AFTER_WORDS.match(shadow, end)) is not None:
        span = value_at(text, words_.end())
        raw = "" if span is None else text[span.start : span.end]
        if (
            span is not None
            and vocabulary.is_opaque(raw)
            and (vocabulary.is_mixed(raw) or (kind != "short" and _PREPOSITION.match(words_[0])))
        ):
            yield span
            return
    if (
        shadow[end : end + 1].isspace()
        and vocabulary.is_about(shadow[end : end + 40])
        and not CHANGED.match(shadow, end + 1)
    ):
        return
    if (pair := _from_to(text, shadow, end, window)) is not None:
        yield from pair
        return
    east = _VERB_EAST.match(shadow, end) if _NOT_EAST.match(shadow, end - 1) else None
    for verb in (_VERB.match(shadow, end), _own_verb(shadow, start, end), _DASH.match(shadow, end), east):
        if verb is None:
            continue
        span = value_at(text, verb.end())
        direct = verb is east and not verb[0].strip()
        if span is not None and _is_told(text, shadow, span, far=direct or len(verb[0]) > 24):
            yield span
            return
    set_to = _TO.match(shadow, end)
    if set_to is not None:
        span = value_at(text, set_to.end())
        said = (set_to["between"], window[-40:], shadow[span.end : span.end + 30] if span else "")
        far = len(set_to["between"].split()) > 3
        if span is not None and any(map(CHANGED.search, said)) and _is_told(text, shadow, span, far=far):
            yield span
            return
    before = _AS.search(window[-120:])
    if before is not None and vocabulary.is_opaque(before["value"]) and kind in ("password", "key", "short"):
        first = start - len(window[-120:]) + before.start("value")
        yield Span(first, first + len(before["value"]))
    span = _follows(text, shadow, end, kind, window)
    if span is not None:
        yield span


def _own_verb(shadow: str, start: int, end: int) -> re.Match[str] | None:
    return _VERB_OWN.match(shadow, end) if _VERB_OWN_NAMES.match(shadow, start) else None


def _is_told(text: str, shadow: str, span: Span, *, far: bool) -> bool:
    """Whether what follows a verb is a value and not what the sentence says of the secret."""
    value = shadow[span.start : span.end]
    if kept(text, shadow, span) is None or vocabulary.is_plain(value):
        return False
    if span.quoted or vocabulary.is_opaque(value):
        return True
    if value.isdigit() and len(value) >= 4:
        return _UNIT.match(shadow, span.end) is None
    word = value.rstrip("!?")  # a sentence may end with these, and so may a password
    ends = _CLAUSE_ENDS.match(shadow, span.end) is not None
    return ends and not far and word.isalpha() and not vocabulary.is_formed(word)


def _from_to(text: str, shadow: str, end: int, window: str) -> Iterator[Span] | None:
    """Both values of "changed from x to y"."""
    found = _FROM_TO.match(shadow, end) or _FROM_TO_EAST.match(shadow, end)
    if found is None or not (
        CHANGED.search(found["between"]) or CHANGED.search(window[-40:] + shadow[end : found.end() + 80])
    ):
        return None
    between = found["between"]
    if vocabulary.is_about(between) and not CHANGED.match(between.lstrip()):
        return None
    old, new = value_at(text, found.start("old")), value_at(text, found.end())
    spans = [one for one in (old, new) if one is not None and _named_value(text, shadow, one)]
    masked = sum(one is not None and shadow[one.start : one.end] == "<*>" for one in (old, new))
    return iter(spans) if spans and len(spans) + masked == 2 else None


def _named_value(text: str, shadow: str, span: Span) -> bool:
    value = shadow[span.start : span.end]
    return (
        kept(text, shadow, span) is not None
        and (span.quoted or not vocabulary.is_formed(value))
        and not vocabulary.is_short_number(value)
    )


def _follows(text: str, shadow: str, end: int, kind: str, window: str) -> Span | None:
    """A value that follows its name with nothing but a blank between: ``user admin password x``."""
    gap = _LEVEL.match(shadow, end)
    span = None if gap is None else value_at(text, gap.end())
    if gap is None or span is None or kept(text, shadow, span) is None:
        return None
    value, raw = shadow[span.start : span.end], text[span.start : span.end]
    if raw[0] in "([":
        single = kind in ("password", "short") and " " not in raw and vocabulary.is_opaque(raw[1:-1])
        return Span(span.start + 1, span.end - 1) if single else None
    if vocabulary.is_plain(value) or raw[0] == "{" or (raw[0] in "-/" and not span.quoted):
        return None
    if "=" in value[1:-1].rstrip("="):
        return None  # another name and its value
    if _OPTION_BEFORE.search(window[-60:]) and not raw.startswith("-"):
        return span
    level = any(c.isdigit() or c == "*" for c in gap[0])
    return span if _is_following(shadow, span, raw, end, kind, window, level) else None


def _is_following(shadow: str, span: Span, raw: str, end: int, kind: str, window: str, level: bool) -> bool:
    """Whether a value directly behind a name is the secret, and not what is said of it."""
    value = shadow[span.start : span.end]
    opaque, formed = vocabulary.is_opaque(value), vocabulary.is_formed(value)
    ends = _CLAUSE_ENDS.match(shadow, span.end) is not None
    if span.quoted and kind != "token":
        said = value.split()
        sentence = len(said) > 1 and 2 * sum(map(vocabulary.is_formed, said)) >= len(said)
        return kind in ("password", "key", "pin_code", "community", "short") and not sentence and len(raw) < 80
    if kind == "community":
        told_by = "snmp" in window[-30:] or "string" in shadow[max(0, end - 12) : end]
        configured = "snmp-server" in window[-30:] or _READ_WRITE.match(shadow, span.end) is not None
        return (opaque and ends) or (told_by and (opaque or configured or (not formed and ends)))
    if _USER_BEFORE.search(window[-100:]):
        return opaque or not formed
    if level:
        return opaque and kind != "short"
    if kind in ("password", "short"):
        if value.isdigit() and len(value) >= 4 and shadow[:end].endswith("code"):
            return _UNIT.match(shadow, span.end) is None
        if opaque and len(value) >= 4 and not (kind == "short" and vocabulary.is_short_number(value)):
            return True
        near = _WITH_BEFORE.search(window[-50:]) is not None or shadow[end - 2 : end] == "pw"
        return near and ends and not formed and not any(c.isdigit() for c in value)
    if kind == "key":
        return opaque and len(value) >= 6
    if kind != "token" or not opaque or len(value) < 8:
        return False
    if span.quoted and not PARSED.search(window[-40:]):
        return True
    return vocabulary.entropy(value) > 2.5 and _secretive(raw)


_READ_WRITE = late(r"\s+r[ow]\b")


def _secretive(word: str) -> bool:
    """Whether a word behind "token" is one: neither a number nor a code such as ``A-12``."""
    return len(word) >= 12 or (
        any(c.islower() for c in word) and any(c.isdigit() for c in word) and any(c.isupper() for c in word)
    )


def pin(text: str, shadow: str, start: int, end: int, kind: str, signed: re.Match[str] | None) -> Iterator[Span]:
    """Four to eight digits that open something; the pins of a connector have fewer, or say where they are."""
    verb = _VERB.match(shadow, end) or _VERB_EAST.match(shadow, end)
    verb = verb if verb is not None and verb[0].strip() else None
    changed = _PIN_CHANGED.match(shadow, end)
    if changed is not None and CHANGED.search(shadow[end : changed.end() + 30]):
        yield Span(*changed.span("old"))
        yield Span(*changed.span("new"))
        return
    gap = signed or verb or _PIN_GAP.match(shadow, end)
    if gap is None:
        return
    span = value_at(text, gap.end())
    if span is None or kept(text, shadow, span) is None:
        return
    value = shadow[span.start : span.end]
    if kind == "pin_code":
        if sum(c.isdigit() for c in value) >= 3 or (span.quoted and not vocabulary.is_plain(value)):
            yield span
        return
    digits = re.fullmatch(r"\d{4,12}", value)
    if (
        digits is None
        or _PIN_PLACE_BEHIND.match(shadow, span.end)
        or _PIN_PLACE_BEFORE.search(shadow[max(0, start - 20) : start])
    ):
        return
    around = shadow[max(0, start - 40) : span.end + 40]
    if signed or verb or text[start:end].isupper() or _PIN_CUE.search(around):
        yield span
