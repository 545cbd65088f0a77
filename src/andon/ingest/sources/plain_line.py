"""A line of text without an envelope: what its head says, in the same way whatever it came by."""

from __future__ import annotations

from andon.ingest.line_head import head_of
from andon.ingest.plain_text import level_in
from andon.ingest.sources.heard import Heard

#: What syslog's numbers mean, in words that every scale knows.
_SYSLOG = ("EMERG", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")


def level_of(text: str) -> str | None:
    """The severity that the head of a line names, as a word; None where it names none.

    >>> level_of("<131>Oct 11 22:14:15 plc7 reader: no answer"), level_of("oil low")
    ('ERROR', None)
    """
    found = level_in(text)
    if found is None:
        return None
    return _SYSLOG[found[0]] if isinstance(found[0], int) else found[0]


def with_head(heard: Heard) -> Heard:
    """The same log with the time, host, program and severity that the head of its text names.

    The head's host and program go before those that stand there already; a time and a severity do not.
    """
    head = head_of(heard.message)
    heard.timestamp = heard.timestamp or head.time or None
    heard.hostname, heard.service = head.host or heard.hostname, head.program or heard.service
    if heard.severity is None:
        heard.severity = level_of(heard.message)
    return heard
