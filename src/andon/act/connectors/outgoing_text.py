"""Texts that go to others, in plain words: addresses that nobody can click by mistake, and bodies without markup."""

from __future__ import annotations

import re

from andon.core.late_patterns import late
from andon.core.models.actions import Body
from andon.core.redact import visible

#: What makes a scheme of the word before it: a colon with two slashes of any kind behind it.
_SCHEME = late(r"[:\uff1a](?=[/\\\uff0f\uff3c]{2})")
#: Schemes that do something without slashes; ``data:`` only where it looks like one, for logs say "data:17" too.
_BARE = late(
    r"(?<![a-z0-9])(https?|ftps?|sftp|mailto|javascript|vbscript|file|tel|sms|sips?|skype|callto|blob|view-source|ms-[a-z]{2,20})"
    r"[:\uff1a](?=[^\s\]])"
    r"|(?<![a-z0-9])(data)[:\uff1a](?=[a-z]{2,20}/|[;,])",
    re.IGNORECASE,
)
#: A domain with a path, as mail programs link it without a scheme. One alone stays: hosts of a site are called so.
_WITH_PATH = late(
    r"(?<![\w@/\\.\]-])((?:[a-z0-9][a-z0-9-]{0,62}\.){0,8}[a-z0-9][a-z0-9-]{0,62})\.([a-z]{2,24}(?::\d{1,5})?/)",
    re.IGNORECASE,
)
_WWW = late(r"(?<![a-z0-9])(www\d{0,3})[.\uff0e](?=[^\s\].])", re.IGNORECASE)


def defanged(text: str, ours: str = "") -> str:
    """``text`` with every address in it made one that no program takes for a link, and without invisible characters.

    ``ours`` is the address of our own page (``settings.public_url``): links to a problem on it stay as they are. The
    text grows by two characters for each address; cut it afterwards. A second pass changes nothing.

    >>> defanged("see https://x.example/y or mailto:a@b.example")
    'see https[:]//x.example/y or mailto[:]a@b.example'
    >>> defanged("log in at x.example/login; host press-4.plant.example, file /var/app.old/a.log, 10.1.0.0/16")
    'log in at x[.]example/login; host press-4.plant.example, file /var/app.old/a.log, 10.1.0.0/16'
    """
    shown = visible(text)
    if not ours or ours not in shown:
        return _dead(shown)
    pieces: list[str] = []
    at = 0
    for found in re.finditer(rf"(?<!\S){re.escape(ours)}/problems/\d{{1,18}}(?!\S)", shown):
        pieces += (_dead(shown[at : found.start()]), found[0])
        at = found.end()
    return "".join((*pieces, _dead(shown[at:])))


def plain(body: Body, ours: str = "") -> str:
    """A body as plain text: each section's heading and lines, ``- `` or a number before those of a list, an empty line
    between sections. Addresses are defanged, but for links to our own page at ``ours``."""
    sections = []
    for section in body:
        said = (line for line in section.lines if line.strip())
        lines = [
            _line(section.heading, ours),
            *(f"{section.mark(number)}{_line(line, ours)}" for number, line in enumerate(said, 1)),
        ]
        sections.append("\n".join(line for line in lines if line))
    return "\n\n".join(section for section in sections if section)


def _line(text: str, ours: str) -> str:
    return defanged(" ".join(text.split()), ours)


def _dead(text: str) -> str:
    text = _SCHEME.sub("[:]", text)
    text = _BARE.sub(lambda found: f"{found[1] or found[2]}[:]", text)
    text = _WWW.sub(r"\1[.]", text)
    return _WITH_PATH.sub(r"\1[.]\2", text)
