"""What loggers call the parts of a log: one table, from which the reader and docs/messages.md are made.

A name with dots is that field of an object inside the message (``log.level``: ``{"log": {"level": …}}``), and the same
name written flat. Names count in any case, the exact spelling first. Within one meaning the table stands in the order
of precedence. The six names of the reference system go before all of them and are not in it.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from andon.ingest.pieces import object_in, starts

Meaning = Literal["message", "timestamp", "severity", "service", "hostname", "exception"]
#: The reference system's own names of a log's parts, ``context`` apart.
REFERENCE: tuple[Meaning, ...] = ("message", "timestamp", "severity", "service", "hostname")


class Alias(NamedTuple):
    """A field ``name`` that means what the reference calls ``meaning``; ``source`` is who writes it.

    ``kept`` ones stay in the context although they are used, as they are also an alarm's. ``weak`` ones give way: a
    severity to any other that is not, a text of one word to a later text of several.
    """

    name: str
    meaning: Meaning
    source: str
    kept: bool = False
    weak: bool = False


def _all(meaning: Meaning, rows: str, kept: str = "", weak: str = "") -> list[Alias]:
    """One alias for each name of ``rows``, whose lines are ``name, name: source``."""
    keep, give_way = frozenset(kept.split()), frozenset(weak.split())
    return [
        Alias(name, meaning, source, name in keep, name in give_way)
        for row in rows.strip().splitlines()
        for names, _, source in (row.strip().rpartition(" : "),)
        for name in names.split()
    ]


_MESSAGES = """
    msg : pino 10, bunyan 2, slog (Go 1.26), zap, logrus 1.9, rsyslog 8 (omprog, jsonmesg), MongoDB 7
    @message : hclog (HashiCorp)
    @m : Serilog compact (RenderedCompactJsonFormatter 4)
    RenderedMessage : Serilog JsonFormatter 4
    record.message : loguru 0.7 (serialize=True)
    event : structlog 26
    body body.stringValue body.message : OpenTelemetry, OTLP/JSON 1.x
    short_message : GELF 1.1 (Graylog)
    fields.message : Rust tracing-subscriber 0.3, Telegraf 1.3x
    textPayload jsonPayload.message jsonPayload.msg : Google Cloud Logging
    protoPayload.status.message : Google Cloud audit logs
    log : Docker json-file, Fluent Bit 3
    message.text message.message message.msg message.value : OPC UA LocalizedText, loggers that write an object
    message.errorMessage errorMessage : AWS Lambda JSON logs
    formattedMessage formatted_message renderedMessage rendered_message : logback JsonLayout, NLog 5
    log_message logMessage logmsg log.message logEvent.message : collectors
    alarmText alarm_text alarmMessage alarm_message MsgText msg_text MessageText EventText : WinCC, WinCC Unified
    fault_text faultText error_text errorText error_message : controllers and their gateways
    text : loguru 0.7, alarm lists, chat gateways
    annotations.summary annotations.description : Prometheus Alertmanager 0.25 (one alert)
    commonAnnotations.summary commonAnnotations.description : Prometheus Alertmanager 0.25 (webhook)
    Fault.value Warning.value Unavailable.value Normal.value : MTConnect JSON (cppagent 2)
    @mt MessageTemplate : Serilog 4, where the text was not rendered
    full_message : GELF 1.1
    event.original : Elastic Common Schema 8
    rawmsg : rsyslog 8
    properties.message properties.log : Azure Monitor
    alert.signature : Suricata 7
    description desc summary title : alarm systems, ticket and monitoring gateways
    detail details reason : web APIs (RFC 9457), gateways
    displayPath display_path conditionName ConditionName alarmName alarm_name : Ignition 8.3, OPC UA, ThingsBoard 3
    value : MTConnect JSON, where it is text
    name : ThingsBoard 3, Ignition 8.3: an alarm's
    data args : log4js 6, consola 3, where the list begins with the text
    logentry.formatted logentry.message msg.message msg.text : Sentry's events, Node-RED
"""
_TIMES = """
    @timestamp : Elastic Common Schema, log4j2 2.25 JsonTemplateLayout, logstash-encoder 8, hclog, logstash-logger
    time : pino 10, bunyan 2, slog, zerolog 1.3x, logrus, Docker json-file, ougai 2, OPC UA
    ts : zap, Caddy 2, gateways
    @t : Serilog compact
    record.time : loguru 0.7 (an object)
    timeUnixNano observedTimeUnixNano observedTimestamp observed_timestamp : OTLP/JSON 1.x
    asctime : Python logging, python-json-logger 4
    datetime datetime.date : Monolog 3; Monolog 1
    _SOURCE_REALTIME_TIMESTAMP __REALTIME_TIMESTAMP : journald (systemd 252), µs as text
    timereported timegenerated : rsyslog 8
    ISODATE R_ISODATE DATE : syslog-ng 3.38
    TimeCreated EventTime event_time eventTime eventtime : Windows events, Ignition 8.3, AWS CloudTrail
    TimeGenerated : Azure Monitor, Windows events
    instant timeMillis : log4j2 JsonLayout
    timestampSeconds : Google Cloud (fluentd)
    t : MongoDB 7 (an object), log15
    log_time logtime log_timestamp logTimestamp timestamp_ms timestampMs timeStamp : collectors
    time_local time_iso8601 start_time tstamp : nginx, Envoy, ABB
    eventTimestamp event_timestamp EventTimestamp source_timestamp sourceTimestamp : gateways, OPC UA PubSub
    date dateTime date_time date_iso8601 : Fluent Bit 3, gateways
    created created_at createdAt createdTime : Python logging (epoch), ThingsBoard 3
    ModificationTime RaiseTime TimeString Time_ms : WinCC Unified, WinCC
    startsAt startTs activeTime : Prometheus Alertmanager, ThingsBoard 3, Ignition 8.3
    startTime metadata.timestamp written_at written_ts : log4js 6, winston 3 metadata(), SAP's loggers, json-logging 1
    Fault.timestamp Warning.timestamp Unavailable.timestamp Normal.timestamp : MTConnect JSON (cppagent 2)
    tags.time fields.timestamp : Telegraf
    receiveTimestamp received_at receivedAt ingestionTime ReceiveTime : collectors, where nothing else tells a time
"""
_SEVERITIES = """
    log.level : Elastic Common Schema 8, log4j2 2.25 JsonTemplateLayout
    levelname : Python logging, python-json-logger 4
    level_name : Monolog 3
    severityText severity_text : OpenTelemetry, OTLP/JSON 1.x
    record.level.name record.level.no : loguru 0.7
    @level : hclog
    @l : Serilog compact
    LogLevel log_level : .NET JSON console 8, loggers of many languages
    LevelDisplayName level.name level.levelStr level.standardLevel : Windows events, logback JSON, log4j2
    level : pino 10, bunyan 2, winston 3, structlog, slog, zap, zerolog, logrus, GELF, tracing-subscriber, NLog 5
    @fields.level _logLevel context.logLevel : winston 3 logstash(), lambda-log 3, roarr 7
    _level_name : Spring Boot 3 GELF
    lvl loglvl levelText : log15, gateways
    error_severity SeverityLevel severityLevel : PostgreSQL 15 jsonlog, Beckhoff TcEventLogger
    jsonPayload.severity jsonPayload.level : Google Cloud Logging
    severity.text severity.name severity.value severity.label : loggers that write an object
    level_value : logstash-encoder 8 (logback), 40000 is ERROR
    levelno : Python logging
    severityNumber severity_number : OpenTelemetry, OTLP/JSON 1.x
    syslogseverity-text syslogseverity_text syslogseverity : rsyslog 8
    syslog_severity syslog_severity_code log.syslog.severity.name log.syslog.severity.code : Logstash, ECS 8
    LEVEL_NUM : syslog-ng 3.38
    s : MongoDB 7
    tags.severity fields.severity_code tags.level fields.level : Telegraf 1.3x (syslog, win_eventlog)
    labels.severity commonLabels.severity : Prometheus Alertmanager 0.25
    PRIORITY : journald (systemd 252), syslog-ng 3.38
    pri-text syslogpriority-text pri_text : rsyslog 8
    EventType event_type_name : Windows events (NXLog)
    priority prio alarmPriority alarm_priority criticality urgency : Ignition 8.3, WinCC, alarm systems
    nativeSeverity alarmClass alarm_class AlarmClassName MsgClass : MTConnect, WinCC Unified
    status label MessageType : Datadog, MySQL 8, KUKA, where it is a level
"""
_PROGRAMS = """
    service.name service_name serviceName : Elastic Common Schema 8, OpenTelemetry
    resource.service.name resource.attributes.service.name Resource.service.name : OpenTelemetry
    serviceContext.service : Google Cloud Error Reporting
    logger : zap, structlog, Spring Boot 3, Android
    logger_name : logstash-encoder 8, LogstashJsonEventLayoutV1, Fluent Bit
    log.logger : Elastic Common Schema, log4j2 2.25 JsonTemplateLayout
    loggerName : log4j2 JsonLayout
    record.name : loguru 0.7
    _logger _logger_name _log_logger _app _application : GELF 1.1 (log4j2 GelfLayout, logback-gelf, Spring Boot 3)
    @module : hclog
    SourceContext Properties.SourceContext : Serilog 4
    SYSLOG_IDENTIFIER : journald (systemd 252)
    programname : rsyslog 8
    PROGRAM program : syslog-ng 3.38, rsyslog 8
    app-name appname app_name appName APPNAME : rsyslog 8, syslog gateways
    tags.appname : Telegraf 1.3x (syslog)
    app app_id application application_name applicationName Properties.Application : winston, Spring, Serilog
    ProviderName provider_name winlog.provider_name : Windows events, winlogbeat 8
    name : pino 10, bunyan 2, Python logging, python-json-logger 4, semantic_logger 4, ougai 2
    syslogtag : rsyslog 8
    _SYSTEMD_UNIT _COMM : journald (systemd 252), where SYSLOG_IDENTIFIER is absent
    container_name kubernetes.container_name kubernetes.labels.app _CONTAINER_NAME : Fluent Bit, Vector, Docker
    scope.name InstrumentationScope.Name instrumentationScope.name : OpenTelemetry
    target : Rust tracing-subscriber 0.3, slog-json
    Category category : .NET JSON console 8
    channel : Monolog 3
    component module subsystem logName logGroup : zerolog, Ruby, GELF 1.0, Google Cloud, AWS CloudWatch
    labels.job commonLabels.job job : Prometheus Alertmanager 0.25
    process.name processName process program_name : Elastic Common Schema 8, gateways
    SourceName sourceName source Source : OPC UA, Windows events, Ignition 8.3, Vector
    ident tag : Fluentd, Docker
    progname categoryName module_path : Ruby's Logger, log4js 6, flexi_logger 0.31
    @fields.service metadata.service extra.logger_name : winston 3, python-logstash-async 4
    facility : GELF 1.0
"""
_HOSTS = """
    host.name host.hostname : Elastic Common Schema 8, OpenTelemetry
    host : GELF 1.1, Vector, Datadog, Splunk HEC, semantic_logger 4, logstash-logger, syslog-ng
    _HOSTNAME : journald (systemd 252)
    source_host sourceHost : LogstashJsonEventLayoutV1
    resource.host.name resource.attributes.host.name Resource.host.name : OpenTelemetry
    tags.hostname tags.host tags.source_host : Telegraf 1.3x
    host_name syslog_hostname HOST_FROM fromhost fromhost-ip : collectors, syslog-ng 3.38, rsyslog 8
    Computer computer_name computerName winlog.computer_name tags.Computer : Windows events, winlogbeat 8
    MachineName machine_name Properties.MachineName : Serilog 4, NLog 5
    agent.hostname beat.hostname : Filebeat
    nodename node_name nodeName kubernetes.host kubernetes.node_name node : Kubernetes, Node.js
    resource.labels.instance_id resource.labels.node_name : Google Cloud Logging
    labels.instance commonLabels.instance instance : Prometheus Alertmanager 0.25
    originatorName deviceName device_name deviceId device_id device : ThingsBoard 3, IoT gateways
    server server_name serverName station equipment asset PLC : MES and gateways
    source_ip sourceIp SOURCEIP : collectors
"""
_EXCEPTIONS = """
    err err.stack err.message err.type : pino 10, bunyan 2, ougai 2, slog
    exception exception.stacktrace exception.message exception.type : structlog 26, loguru, OpenTelemetry, NLog 5
    exc_info exc_text : python-json-logger 4, Python logging
    record.exception : loguru 0.7; the trace itself stands only in text
    attributes.exception.stacktrace attributes.exception.message attributes.exception.type : OpenTelemetry
    error error.stack_trace error.stack error.message error.type error.kind : Elastic Common Schema 8, zap, Datadog
    @x : Serilog compact
    fields.error : Rust tracing-subscriber 0.3
    jsonPayload.exception jsonPayload.error jsonPayload.stack_trace : Google Cloud Logging
    thrown throwable : log4j2 JsonLayout, logback 1.5 JsonEncoder
    stack_trace stackTrace stacktrace : logstash-encoder 8, zap, AWS Lambda
    stack : winston 3, zerolog 1.3x
    errorVerbose : zap
    backtrace traceback trace : Ruby, PHP, Python, where it is text of several lines or a list
    exception_class exception_message exception_type : log4j2, gateways
    errorType errorMessage error_type error_message message.errorType message.stackTrace : AWS Lambda, gateways
    full_message : GELF 1.1, where it holds a trace
"""

#: Every alias, in the order of precedence within its meaning.
TABLE: tuple[Alias, ...] = (
    *_all(
        "message",
        _MESSAGES,
        kept="conditionName ConditionName alarmName alarm_name displayPath data args",
        weak="event log",
    ),
    *_all("timestamp", _TIMES, kept="RaiseTime start_time startsAt startTs activeTime startTime"),
    *_all(
        "severity",
        _SEVERITIES,
        kept="nativeSeverity alarmClass alarm_class AlarmClassName MsgClass status label MessageType context.logLevel",
        weak="PRIORITY pri-text syslogpriority-text pri_text EventType event_type_name priority prio alarmPriority"
        " alarm_priority criticality urgency nativeSeverity alarmClass alarm_class AlarmClassName MsgClass"
        " status label MessageType",
    ),
    *_all("service", _PROGRAMS, kept="Category category SourceName sourceName source Source tag channel"),
    *_all("hostname", _HOSTS, kept="originatorName deviceName device_name deviceId device_id device station PLC asset"),
    *_all("exception", _EXCEPTIONS),
)

# What a field's name in lower case may be: the precedence, and the alias.
_Places = tuple[tuple[int, Alias], ...]


def _places() -> dict[str, _Places]:
    own = [Alias(name, name, "the reference system") for name in REFERENCE]
    places: dict[str, _Places] = {}
    for rank, alias in enumerate([*own, *TABLE]):
        if alias.meaning != "exception":
            places[alias.name.lower()] = (*places.get(alias.name.lower(), ()), (rank, alias))
    return places


_PLACES = _places()
#: Objects that are looked into: what stands before a dot of a name.
_HEADS = frozenset(name[:end] for name in _PLACES for end, sign in enumerate(name) if sign == ".")
_PAIRED = frozenset(("attributes", "resource.attributes", "scope.attributes"))


class Found(NamedTuple):
    """A field that may be what ``alias`` says; ``path`` are the keys that lead to it. The least ``rank`` goes first."""

    rank: int
    alias: Alias
    path: tuple[str, ...]
    raw: msgspec.Raw

    @property
    def own(self) -> bool:
        """Whether it has the reference's name, in whatever case."""
        return self.rank < 2 * len(REFERENCE)


class Fields:
    """The fields of a message. ``tree`` is what is left of it: values as they were sent, by name."""

    def __init__(self, tree: dict[str, msgspec.Raw]) -> None:
        self.tree = tree
        self._opened: dict[tuple[str, ...], dict[str, msgspec.Raw]] = {(): tree}
        self._found: dict[str, list[Found]] = {}
        for listed in ("attributes", "kvpList"):
            if listed in tree and (pairs := _pairs(tree[listed])):
                del tree[listed]
                for name, raw in pairs.items():
                    tree.setdefault(name, raw)
        self._look(tree, (), "")

    def _look(self, fields: dict[str, msgspec.Raw], path: tuple[str, ...], prefix: str) -> None:
        for key, raw in fields.items():
            name = (prefix + key).lower()
            for rank, alias in _PLACES.get(name, ()):
                exact = prefix + key == alias.name
                found = Found(2 * rank + (not exact), alias, (*path, key), raw)
                self._found.setdefault(alias.meaning, []).append(found)
            if name in _HEADS:
                inner = object_in(raw) if starts(raw, b"{") else _pairs(raw) if name in _PAIRED else None
                if inner:
                    self._opened[(*path, key)] = inner
                    self._look(inner, (*path, key), f"{prefix}{key}.")

    def of(self, meaning: Meaning) -> list[Found]:
        """The fields that may have this meaning, the one that goes before the others first."""
        found = self._found.get(meaning, [])
        if len(found) > 1:
            found.sort()  # ranks differ, and where they do not, paths do
        return found

    def take(self, path: tuple[str, ...]) -> None:
        """Remove a field from :attr:`tree`; an object that it leaves empty goes with it."""
        self._opened[path[:-1]].pop(path[-1], None)
        for length in range(len(path) - 1, 0, -1):
            inner, outer = self._opened[path[:length]], self._opened[path[: length - 1]]
            if inner:
                outer[path[length - 1]] = msgspec.Raw(msgspec.json.encode(inner))
            else:
                outer.pop(path[length - 1], None)


def _pairs(raw: msgspec.Raw) -> dict[str, msgspec.Raw] | None:
    """Fields that are listed, as an object; None where it is no such list.

    OTLP's attributes are ``[{"key": …, "value": {"stringValue": …}}]``, logback's pairs ``[{"machine": …}, …]``.
    """
    try:
        items = msgspec.json.decode(raw, type=list[dict[str, msgspec.Raw]])
        if all(len(item) == 1 for item in items):
            return {name: value for item in items for name, value in item.items()}
        pairs = msgspec.json.decode(raw, type=list[_Pair])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return {pair.key: msgspec.Raw(msgspec.json.encode(_any_value(pair.value))) for pair in pairs}


class _Pair(msgspec.Struct):
    key: str
    value: Any


def _any_value(value: Any) -> Any:
    """The value in OTLP's wrapping, which names its type."""
    if not isinstance(value, dict) or len(value) != 1:
        return value
    (kind, inner), *_ = value.items()
    if kind == "intValue" and isinstance(inner, str) and inner.lstrip("-").isdecimal():
        return int(inner)
    values = inner.get("values") if isinstance(inner, dict) else None
    if kind == "arrayValue" and isinstance(values, list):
        return [_any_value(one) for one in values]
    if kind == "kvlistValue" and isinstance(values, list):
        return {str(one.get("key")): _any_value(one.get("value")) for one in values if isinstance(one, dict)}
    return inner if kind.endswith("Value") else value
