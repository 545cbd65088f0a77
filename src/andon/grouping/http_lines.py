"""HTTP lines: method and route name the problem, a status that is an error does, query strings and ids do not.

Works on folded text, as :mod:`andon.grouping.mask` does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from andon.core.late_patterns import late

#: At most this many requests of one text are looked at.
MAX_ROUTES = 8
_METHODS = "GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS|TRACE|PROPFIND"
# Go's client writes: Get "http://host/path": reason.
_GO = "Get|Post|Put|Patch|Delete|Head"
_METHOD = rf"(?:{_METHODS}|(?:{_GO})(?=\s\"(?:[a-z]{{2,8}}:/)?/))"
_FIELD = r"(?:path|uri|url|route|endpoint|target|request_uri|request_path|req\.url|http\.target|http\.route)"
_BETWEEN = r"(?:\s(?:request|call|to|for|on|of|from|url|URL)){0,3}[^\w/<]{1,4}"
#: How a method with its route, or a field with a route, stands in a template: one token.
ROUTE = (
    rf"(?:(?<![\w\-]){_METHOD}\b{_BETWEEN}|(?<![\w\-]){_FIELD}[\"']?\s?[=:]\s?[\"']?)"
    r"/(?:[^\s\"'<>]*[^\s\"'<>.,:;|)\]}])?"
)
_TARGET = r"([A-Za-z]{2,8}://[^\s/?#\"'<>]+(?:[/?][^\s\"'<>]*)?|/[^\s\"'<>]*)"
_REQUEST = late(rf"(?<![\w\-]){_METHOD}\b{_BETWEEN}{_TARGET}")
_MAY_HOLD = re.compile(f'{_METHODS}|(?:{_GO}) "').search
_METHOD_WORD = late(rf"(?<![\w\-]){_METHOD}(?![\w\-])")
_FIELD_TARGET = late(rf"(?<![\w\-]){_FIELD}[\"']?\s?[=:]\s?[\"']?{_TARGET}")
_HOST = late(r"[A-Za-z]{2,8}://[^/?#]*")
# A part of a route that names one thing: with a digit, escaped, of hexadecimal letters, or longer than words are.
_ID = late(r".*[0%=,:]|[a-fA-F]{8,}$|.{33}")
# What servers write behind status and size: the page that led there, and the browser.
_AGENT = late(r"HTTP/0(?:\.0)?\"\s0\s[0\-](?:\s0)?((?:\s\"[^\"]{0,1000}\"){1,4})")
# Where the status stands without "HTTP/1.1" before it: a few words behind the route, between bars or before the method.
_STATUS = late(r"(?:\sHTTP/0(?:\.0)?)?[^\w<]{1,8}(?:[A-Za-z]{1,12}[^\w<]{1,4}){0,4}?(0)(?![\w.:/\-%])")
_BEFORE = late(rf"\|\s{{0,3}}(0)\s{{0,3}}\||(?<![\w.:/\-])(0)\s{{1,3}}[\"\[]?{_METHOD}\s")


def find_routes(folded: str, start: int) -> list[tuple[int, int, str]]:
    """What is to stand for which part of ``folded``: (begin, end, route without its ids).

    >>> find_routes('"POST /api/press/0/state?x=0 HTTP/0.0" 0', 0)
    [(6, 28, '/api/press/*/state')]
    """
    if "/" not in folded or not _MAY_HOLD(folded):
        return []
    found = list(islice(_REQUEST.finditer(folded, start), MAX_ROUTES))
    if not found and _METHOD_WORD.search(folded, start):
        found = list(islice(_FIELD_TARGET.finditer(folded, start), MAX_ROUTES))
    return [_span(match) for match in found]


def find_agents(folded: str, start: int) -> list[tuple[int, int]]:
    """Where an access log names the browser and the page before."""
    return [match.span(1) for match in _AGENT.finditer(folded, start)] if "HTTP/" in folded else []


def find_statuses(folded: str, start: int, ends: Sequence[int]) -> list[tuple[int, int]]:
    """Where the status of a request may stand whose route ends at one of ``ends``."""
    found = [match.span(1) for end in ends if (match := _STATUS.match(folded, end))]
    return found + [match.span(1) if match[1] else match.span(2) for match in _BEFORE.finditer(folded, start)]


def _span(match: re.Match[str]) -> tuple[int, int, str]:
    begin, target = match.start(1), match[1]
    path = re.split(r"[?#;]", _HOST.sub("", target, count=1), maxsplit=1)[0]
    if target.endswith(path):  # what ends the sentence is no part of the route
        path = path.rstrip(")]}.,:|")
        target = target.rstrip(")]}.,:|") or target
    parts = ["*" if _ID.match(part) else part for part in path.split("/")[1:]]
    return begin, begin + len(target), "/" + "/".join(parts).strip("/")
