"""What messages say to people, before each service's own form is made of it: dead addresses, one live link, cut to fit.

Pure. Whatever stands in a text, nothing of it is an address that a program takes for a link; the link to our own page
stands by itself, so that a service can show it as one.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable

import msgspec

from andon.act.connectors.outgoing_text import defanged
from andon.core.errors import ActionRefused
from andon.core.models.actions import Event, Message, Order, Phase, Section
from andon.core.text import counted

#: What stands before the title, so that a list of titles already tells what came of each.
_STATE: dict[Phase, str] = {"raised": "", "told": "", "acknowledged": "Acknowledged: ", "ended": "Over: "}
#: A title that tells its state already, and by whom.
_TOLD: dict[Phase, re.Pattern[str]] = {
    "acknowledged": re.compile(r"acknowledged(?: by [^:]{1,200})?: ", re.IGNORECASE),
    "ended": re.compile(r"over: ", re.IGNORECASE),
}
#: What an address may be made of to be shown as a link: nothing that ends one in any service's notation.
_LINK = re.compile(r"[A-Za-z0-9._~:/?#@!$&+,;=%\[\]-]{1,2000}\Z")
#: What the link is called.
LINK_NAME = "Open in Andon"


class Text(msgspec.Struct, frozen=True):
    """A message in its parts: one line each, without anything that is a link but ``link``, which is our own page's.

    ``left_out`` is how many lines were left out so that it fits.
    """

    title: str
    sections: tuple[Section, ...]
    link: str = ""
    left_out: int = 0

    @property
    def more(self) -> str:
        """The line that tells of what was left out; "" where nothing was."""
        return f"… {counted(self.left_out, 'more line')}" if self.left_out else ""

    def plain(self) -> str:
        """The text below the title, as it is written without any markup; the link last."""
        parts = []
        for section in self.sections:
            said = (f"{section.mark(number)}{line}" for number, line in enumerate(section.lines, 1))
            lines = [section.heading, *said]
            parts.append("\n".join(filter(None, lines)))
        return "\n\n".join(filter(None, (*parts, self.more, self.link)))


def text_of(arguments: Message | Event, public_url: str) -> Text:
    """What is told, with ``public_url`` as the address of our own page ("" where people have none)."""
    link = own_link(arguments.link, public_url)
    return Text(_title(arguments), tuple(filter(None, (_section(one, link) for one in arguments.body))), link)


def own_link(link: str, public_url: str) -> str:
    """``link`` where it leads to our own page and can be written down anywhere, else ""."""
    return link if public_url and link.startswith(f"{public_url}/") and _LINK.match(link) else ""


def fitted(order: Order, text: Text, size: Callable[[Text], float], most: float, target: str) -> Text:
    """As much of ``text``, line by line from its beginning, as has at most the size ``most``.

    Raises ActionRefused where not even its title fits.
    """
    if size(text) <= most:
        return text
    lines = sum(len(one.lines) for one in text.sections)
    kept = bisect.bisect_right(range(lines), most, key=lambda count: size(_first(text, count))) - 1
    if kept < 0:
        raise ActionRefused(f"{target}: {order.operation.value} is too large even without its text: shorten the title")
    return _first(text, kept)


def notes_on(text: Text) -> tuple[str, ...]:
    """What the approval says beside the request: whether something was left out."""
    if not text.left_out:
        return ()
    return (f"It is too long for the service: {counted(text.left_out, 'line')} at the end left out.",)


def _title(arguments: Message | Event) -> str:
    title, told = _line(arguments.title), _TOLD.get(arguments.phase)
    return title if told is not None and told.match(title) else f"{_STATE[arguments.phase]}{title}"


def _section(section: Section, link: str) -> Section | None:
    # a line that only says where the page is says it twice
    lines = [_line(line) for line in section.lines if not link or line.strip() not in (link, f"More: {link}")]
    heading, lines = _line(section.heading), [line for line in lines if line]
    if not heading and not lines:
        return None
    return msgspec.structs.replace(section, heading=heading, lines=tuple(lines))


def _line(text: str) -> str:
    # what begins an encoded word (RFC 2047) would be decoded in a mail's subject, and by ntfy in a title
    return defanged(" ".join(text.split())).strip().replace("=?", "= ?")


def _first(text: Text, count: int) -> Text:
    """``text`` with its first ``count`` lines; headings that would stand above nothing go as well."""
    sections: list[Section] = []
    left, all_lines = count, sum(len(one.lines) for one in text.sections)
    for section in text.sections:
        if not left:
            break
        lines = section.lines[:left]
        left -= len(lines)
        sections.append(msgspec.structs.replace(section, lines=lines))
    return msgspec.structs.replace(text, sections=tuple(sections), left_out=all_lines - count)
