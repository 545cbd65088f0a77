"""Syslog over UDP, TCP and TLS: one source for each port that is configured."""

from __future__ import annotations

from andon.core.settings.settings import Settings
from andon.ingest.sources.source import Source
from andon.ingest.sources.syslog_datagrams import SyslogDatagrams
from andon.ingest.sources.syslog_senders import Senders
from andon.ingest.sources.syslog_streams import SyslogStreams


def sources_of(settings: Settings) -> list[Source]:
    """A source for each port."""
    found: list[Source] = []
    senders = Senders(settings)
    if settings.syslog_udp_port:
        found.append(SyslogDatagrams(settings, senders))
    if settings.syslog_tcp_port:
        found.append(SyslogStreams(settings, senders, settings.syslog_tcp_port))
    if settings.syslog_tls_port:
        found.append(SyslogStreams(settings, senders, settings.syslog_tls_port, tls=True))
    return found
