"""What would become of logs that are to be imported: what the site's rules keep, and for how long."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from andon.app.retention_policy import described, labels, retention_policy
from andon.app.wiring import decoder
from andon.core.models import STREAM, Decoded, Delivery, LogRecord
from andon.core.text import shown_size
from andon.core.times import lasting
from andon.ingest.sources.files import content as contents
from andon.ingest.sources.files.content import DAMAGED, NotReadable
from andon.ingest.sources.files.joining import Joined
from andon.ingest.sources.files.line_logs import LineLogs
from andon.ingest.sources.files.raw_lines import LineSplitter, codec_of
from andon.store import Judge, KeepRule

if TYPE_CHECKING:
    from andon.core.settings.settings import Settings
    from andon.core.settings.sources.file_settings import LineRules
    from andon.core.timestamps import TimeReader

#: So many bytes of a file are looked at; of a larger one the rest is taken to be like them.
LOOKED_AT = 4 * 1024 * 1024
_CHUNK = 256 * 1024


class Preview(msgspec.Struct):
    """How many logs there are by what becomes of them, about where ``exact`` is False; nothing where no rule asks."""

    logs: int = 0
    exact: bool = True
    rules: dict[str, int] = {}
    oldest: str | None = None
    sentences: list[str] = []


def foretold(
    settings: Settings, paths: list[str], rules_of: Callable[[str], LineRules], times: TimeReader, *, count: bool
) -> Preview:
    """Read the beginning of each file as an import would, and apply the site's rules. Blocks.

    Rules count from when a log is stored: an import begins that time anew. Without rules nothing is read unless it is
    to ``count``.
    """
    policy = retention_policy(settings)
    preview = Preview()
    if not policy.rules and not count:
        preview.sentences = list(_sentences(settings, policy.rules, preview))
        return preview
    decode, judge = decoder(settings), Judge(policy, {})
    found: Counter[str] = Counter()
    for path in paths:
        if path == "-":
            preview.exact = False
            continue
        counted, factor = Counter[str](), 1.0
        try:
            with contents.Content(path).open() as content:
                for record in _records(content, rules_of(path), times, decode):
                    preview.oldest = min(preview.oldest or record.timestamp, record.timestamp)
                    counted[_rule(record, judge)] += 1
                read = content.tell()
                if content.size > read > 0 and content.size > LOOKED_AT:
                    preview.exact, factor = False, content.size / read
        except (NotReadable, *DAMAGED):
            continue  # the import says it
        for label, logs in counted.items():
            found[label] += round(logs * factor)
    preview.logs = found.total()
    preview.rules = {label: found[label] for label in labels(settings) if found[label]}
    preview.sentences = list(_sentences(settings, policy.rules, preview))
    return preview


def _records(
    content: contents.Content,
    rules: LineRules,
    times: TimeReader,
    decode: Callable[[Delivery], Decoded],
) -> Iterator[LogRecord]:
    written = contents.written_at(content.path)
    near = datetime.now(UTC) if written is None else datetime.fromtimestamp(written, UTC)
    logs = LineLogs(rules, times, content.shown, imported=True, near=near)
    for log in _logs_in(content, rules, logs):
        made = logs.message(log)
        if made is not None and not made.refused:
            yield from decode(Delivery(made.data, made.subject, STREAM, 1, time.time_ns(), "")).records


def _logs_in(content: contents.Content, rules: LineRules, logs: LineLogs) -> Iterator[Joined]:
    joiner, looked = logs.joiner(), 0
    splitter: LineSplitter | None = None
    while looked < LOOKED_AT and (data := content.file.read(_CHUNK)):
        looked += len(data)
        splitter = splitter or LineSplitter(codec_of(data, rules.encoding), 0, logs.fallback)
        for line in splitter.feed(data):
            yield from joiner.push(line)
    if splitter is not None and (rest := splitter.flush()) is not None and looked < LOOKED_AT:
        yield from joiner.push(rest)
    yield from joiner.flush()


def _rule(record: LogRecord, judge: Judge) -> str:
    """The rule that will have removed it in the end, empty where none will."""
    where = (record.site, record.area, record.line, record.machine)
    looks = judge.looks(record.severity, record.service, where, None)
    at_once = judge.rule(looks, 0.0)
    later = judge.rule(looks, 1e12)
    rule = at_once if at_once is not None and at_once.keep == "none" else later
    return "" if rule is None or rule.keep == "forever" else rule.label


def _sentences(settings: Settings, rules: tuple[KeepRule, ...], preview: Preview) -> Iterator[str]:
    about = "" if preview.exact else "About "
    for rule, one in zip(rules, settings.retention, strict=True):
        count = preview.rules.get(rule.label)
        if not count:
            continue
        named = rule.label if rule.label.startswith("rule ") else f"rule {rule.label}"
        what = f"{about}{count:,} of these {preview.logs:,} logs"
        if rule.keep == "none" and not rule.older_than:
            yield f"{what} will not be stored, by {named} ({described(one)})."
        elif rule.keep == "sample":
            yield f"{what} will be thinned to one for each problem and hour, by {named}."
        else:
            age = rule.older_than if rule.keep == "none" else max(float(rule.keep), rule.older_than)
            yield f"{what} will be deleted {lasting(age)} after the import, by {named} ({described(one)})."
    if settings.retention_max_bytes:
        size = shown_size(settings.retention_max_bytes)
        yield f"The database may grow to {size}; beyond that, the oldest logs are deleted."
