"""German time words as the English ones that are read: "seit gestern 14 Uhr" is "since yesterday 14:00".

Only words that are about time are put into English, and only where they cannot be anything else; all other words stay.
"""

from __future__ import annotations

import re

_DAYS = {
    "montag": "monday",
    "dienstag": "tuesday",
    "mittwoch": "wednesday",
    "donnerstag": "thursday",
    "freitag": "friday",
    "samstag": "saturday",
    "sonnabend": "saturday",
    "sonntag": "sunday",
}
_PARTS = {
    "morgen": "morning",
    "früh": "morning",
    "frueh": "morning",
    "vormittag": "morning",
    "nachmittag": "afternoon",
    "abend": "evening",
    "nacht": "night",
}
_UNITS = {
    "sekunde": "second",
    "sekunden": "seconds",
    "minute": "minute",
    "minuten": "minutes",
    "stunde": "hour",
    "stunden": "hours",
    "tag": "day",
    "tage": "days",
    "tagen": "days",
    "woche": "week",
    "wochen": "weeks",
}
_NUMBERS = {
    "einer": "1",
    "einem": "1",
    "zwei": "2",
    "drei": "3",
    "vier": "4",
    "sechs": "6",
    "acht": "8",
    "zehn": "10",
    "zwölf": "12",
}
_PREPOSITIONS = {
    "seit": "since",
    "ab": "since",
    "vor": "before",
    "nach": "after",
    "bis": "until",
    "um": "at",
    "gegen": "around",
}
_COUNT = rf"(\d{{1,9}}|{'|'.join(_NUMBERS)})"
_UNIT = rf"({'|'.join(sorted(_UNITS, key=len, reverse=True))})"
_PART = rf"({'|'.join(_PARTS)})"
_DAY = rf"({'|'.join(_DAYS)})"
_HOURS = r"(\d{1,2})(?:[:.](\d{2}))?\s{0,2}uhr(?:\s(\d{2})\b)?"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(rf"\b{text}\b", re.IGNORECASE)


def _number(word: str | None) -> str:
    return "" if word is None else _NUMBERS.get(word.lower(), word)


def _clock(found: re.Match[str]) -> str:
    return f"{found[1]}:{found[2] or found[3] or '00'}"


#: In this order: what is longer is read first.
_RULES = (
    (_pattern(rf"vor\s+{_COUNT}\s+{_UNIT}"), lambda m: f"{_number(m[1])} {_UNITS[m[2].lower()]} ago"),
    (
        _pattern(rf"(?:letzte[nrs]?|vergangene[nrs]?)\s+(?:{_COUNT}\s+)?{_UNIT}"),
        lambda m: f"last {_number(m[1])} {_UNITS[m[2].lower()]}".replace("  ", " "),
    ),
    (_pattern(r"(?:letzte[sn]?|vorige[sn]?|vergangene[sn]?)\s+wochenende"), lambda _m: "last weekend"),
    (_pattern(r"wochenende"), lambda _m: "weekend"),
    (_pattern(r"vorgestern"), lambda _m: "day before yesterday"),
    (_pattern(rf"gestern\s+{_PART}"), lambda m: f"yesterday {_PARTS[m[1].lower()]}"),
    (_pattern(r"heute\s+nacht"), lambda _m: "tonight"),
    (_pattern(rf"heute\s+{_PART}"), lambda m: f"this {_PARTS[m[1].lower()]}"),
    (_pattern(rf"(?:letzte[nr]?|vergangene[nr]?|in\s+der)\s+{_PART}"), lambda m: f"last {_PARTS[m[1].lower()]}"),
    (_pattern(rf"{_DAY}s?\s?{_PART}"), lambda m: f"{_DAYS[m[1].lower()]} {_PARTS[m[2].lower()]}"),
    (_pattern(rf"{_DAY}s?"), lambda m: _DAYS[m[1].lower()]),
    (_pattern(r"gestern"), lambda _m: "yesterday"),
    (_pattern(r"heute"), lambda _m: "today"),
    (_pattern(r"morgen\s+früh|übermorgen|morgen"), lambda _m: "tomorrow"),
    (_pattern(r"diese[rn]?\s+woche"), lambda _m: "this week"),
    (_pattern(r"diese[nmr]?\s+monat"), lambda _m: "this month"),
    (_pattern(r"(?:letzte[nr]?|vorige[nr]?)\s+monat"), lambda _m: "last month"),
    (_pattern(r"nächste[nr]?\s+(?:woche|monat)"), lambda _m: "next week"),
    (_pattern(r"mitternacht"), lambda _m: "midnight"),
    (
        _pattern(rf"(?:zwischen|von)\s+{_HOURS}\s+(?:und|bis)\s+{_HOURS}"),
        lambda m: f"between {m[1]}:{m[2] or m[3] or '00'} and {m[4]}:{m[5] or m[6] or '00'}",
    ),
    (
        _pattern(rf"(?:zwischen|von)\s+(\d{{1,2}})(?::(\d{{2}}))?\s+(?:und|bis)\s+{_HOURS}"),
        lambda m: f"between {m[1]}:{m[2] or '00'} and {m[3]}:{m[4] or m[5] or '00'}",
    ),
    (_pattern(r"zwischen\s+(\d{1,2}:\d{2})\s+und\s+(\d{1,2}:\d{2})"), lambda m: f"between {m[1]} and {m[2]}"),
    (_pattern(_HOURS), _clock),
    (_pattern(r"seit\s+(?=\d{1,2}\b)"), lambda _m: "since "),
    (
        _pattern(
            rf"({'|'.join(_PREPOSITIONS)})\s+(?:dem\s+|am\s+)?(?=\d{{1,4}}[:.-]\d|{'|'.join(_DAYS.values())}"
            r"|yesterday|today|tonight|midnight|weekend|this\s|last\s)"
        ),
        lambda m: f"{_PREPOSITIONS[m[1].lower()]} ",
    ),
)


def in_english(text: str) -> str:
    """``text`` with its German time words in English.

    >>> in_english("Was ist seit gestern Abend los?")
    'Was ist since yesterday evening los?'
    """
    for pattern, told in _RULES:
        text = pattern.sub(told, text)
    return text
