"""What loggers call the parts of a log: one table, from which the reader and docs/messages.md are made.

A name with dots is that field of an object inside the message (``log.level``: ``{"log": {"level": …}}``), and the same
name written flat. Names count in any case, with or without ``_``, ``-``, accents and a type before them (``sMessage``),
the exact spelling first. Within one meaning the table stands in the order of precedence. The six names of the reference
system go before all of them and are not in it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec

from andon.core.text import unaccented
from andon.ingest.pieces import object_in, starts, value_of

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
    body body.message : OpenTelemetry, OTLP/JSON 1.x
    short_message : GELF 1.1 (Graylog)
    fields.message : Rust tracing-subscriber 0.3, Telegraf 1.3x
    textPayload jsonPayload.message jsonPayload.msg : Google Cloud Logging
    protoPayload.status.message : Google Cloud audit logs
    log : Docker json-file, Fluent Bit 3
    message.text message.message message.msg message.value : OPC UA LocalizedText, loggers that write an object
    message.errorMessage errorMessage : AWS Lambda JSON logs
    formattedMessage : logback JsonLayout, NLog 5
    log_message logmsg log.message logEvent.message : collectors
    alarmText alarmMessage MsgText MessageText EventText : WinCC, WinCC Unified
    robotMessageText alm_msg AlarmText1 : Universal Robots, FANUC, WinCC Unified
    fault_text error_text : controllers and their gateways
    Meldung Meldetext Meldungstext Nachricht Störungstext Störtext Fehlertext Fehlermeldung Warntext : gateways, German
    mensaje mensagem messaggio texte texto testo libellé bericht komunikat zpráva meddelande mesaj : gateways, Europe
    消息 信息 内容 报警内容 报警信息 报警描述 报警文本 告警内容 : gateways, China
    告警信息 故障描述 故障信息 错误信息 日志内容 訊息 : gateways, China
    メッセージ アラーム内容 エラー内容 エラーメッセージ : gateways, Asia, Russia
    메시지 알람내용 сообщение текст : gateways, Asia, Russia
    text : loguru 0.7, alarm lists, chat gateways
    annotations.summary annotations.description : Prometheus Alertmanager 0.25 (one alert)
    commonAnnotations.summary commonAnnotations.description : Prometheus Alertmanager 0.25 (webhook)
    Fault.value Warning.value Unavailable.value Normal.value : MTConnect JSON (cppagent 2)
    @mt MessageTemplate : Serilog 4, if the text was not rendered
    full_message : GELF 1.1
    event.original : Elastic Common Schema 8
    rawmsg : rsyslog 8
    properties.message properties.log : Azure Monitor
    alert.signature : Suricata 7
    SERVICEOUTPUT HOSTOUTPUT check_result.output event_name alert_message trigger_name : Nagios, Icinga, Zabbix
    description desc summary title : alarm systems, ticket and monitoring gateways
    detail details reason : web APIs (RFC 9457), gateways
    displayPath conditionName ConditionName alarmName : Ignition 8.3, OPC UA, ThingsBoard 3
    value : MTConnect JSON, if it is text
    name : ThingsBoard 3, Ignition 8.3: an alarm's
    data args : log4js 6, consola 3, if the list begins with the text
    logentry.formatted logentry.message msg.message msg.text : Sentry's events, Node-RED
    Beschreibung Störung Fehler descripción descrição descrizione omschrijving opis : gateways
    描述 内容描述 описание 설명 : gateways
    M _raw payload output : zap's development config, zerolog; Splunk; MQTT bridges, if it is a sentence
"""
_TIMES = """
    @timestamp : Elastic Common Schema, log4j2 2.25 JsonTemplateLayout, logstash-encoder 8, hclog, logstash-logger
    time : pino 10, bunyan 2, slog, zerolog 1.3x, logrus, Docker json-file, ougai 2, OPC UA
    ts : zap, Caddy 2, gateways
    @t : Serilog compact
    record.time : loguru 0.7 (an object)
    timeUnixNano observedTimeUnixNano observedTimestamp : OTLP/JSON 1.x
    asctime : Python logging, python-json-logger 4
    datetime datetime.date : Monolog 3; Monolog 1
    _SOURCE_REALTIME_TIMESTAMP __REALTIME_TIMESTAMP : journald (systemd 252), µs as text
    timereported timegenerated : rsyslog 8
    ISODATE R_ISODATE DATE : syslog-ng 3.38
    TimeCreated EventTime : Windows events, Ignition 8.3, AWS CloudTrail
    longdate LONGDATETIME : NLog 5, Nagios
    instant timeMillis : log4j2 JsonLayout
    timestampSeconds : Google Cloud (fluentd)
    t : MongoDB 7 (an object), log15
    log_time log_timestamp timestamp_ms timeStamp : collectors
    time_local time_iso8601 start_time tstamp : nginx, Envoy, ABB
    eventTimestamp source_timestamp sourceTimestamp : gateways, OPC UA PubSub
    dateTime date_iso8601 : Fluent Bit 3, gateways
    created created_at createdTime : Python logging (epoch), ThingsBoard 3
    ModificationTime RaiseTime TimeString Time_ms : WinCC Unified, WinCC
    Zeit Zeitstempel Zeitpunkt DatumZeit Datum Uhrzeit Ereigniszeit : gateways, German
    fecha_hora fecha hora data_hora data_ora horodatage date_heure heure tijd tijdstip czas tid : gateways, Europe
    时间 时间戳 日期时间 发生时间 报警时间 告警时间 故障时间 日期 : gateways, China
    時間 日時 時刻 発生日時 タイムスタンプ : gateways, Japan
    시간 일시 발생시간 время дата : gateways, Korean, Russian
    event_date : Zabbix, beside event_time
    startsAt startTs activeTime : Prometheus Alertmanager, ThingsBoard 3, Ignition 8.3
    metadata.timestamp written_at written_ts : log4js 6, winston 3 metadata(), SAP's loggers, json-logging 1
    Fault.timestamp Warning.timestamp Unavailable.timestamp Normal.timestamp : MTConnect JSON (cppagent 2)
    tags.time fields.timestamp : Telegraf
    syslog.timestamp lastTimestamp firstTimestamp clock publishTime : Datadog, Kubernetes events, Zabbix, Pub/Sub
    receiveTimestamp received_at ingestionTime ReceiveTime : collectors, if nothing else gives a time
"""
_SEVERITIES = """
    log.level : Elastic Common Schema 8, log4j2 2.25 JsonTemplateLayout
    levelname : Python logging, python-json-logger 4
    severityText : OpenTelemetry, OTLP/JSON 1.x
    record.level.name record.level.no : loguru 0.7
    @level : hclog
    @l : Serilog compact
    LogLevel : .NET JSON console 8, loggers of many languages
    LevelDisplayName level.name level.levelStr level.standardLevel : Windows events, logback JSON, log4j2
    level : pino 10, bunyan 2, winston 3, structlog, slog, zap, zerolog, logrus, GELF, tracing-subscriber, NLog 5
    @fields.level context.logLevel : winston 3 logstash(), lambda-log 3, roarr 7
    lvl loglvl levelText : log15, gateways
    error_severity SeverityLevel : PostgreSQL 15 jsonlog, Beckhoff TcEventLogger
    jsonPayload.severity jsonPayload.level : Google Cloud Logging
    severity.text severity.name severity.value severity.label : loggers that write an object
    Schweregrad Stufe Fehlerstufe Meldestufe Kritikalität : gateways, German
    gravité gravedad gravità gravidade sévérité severidad severidade severità : gateways, Europe
    niveau nivel livello poziom : gateways, Europe
    级别 等级 严重级别 严重程度 严重性 报警级别 报警等级 告警级别 告警等级 故障等级 日志级别 級別 : gateways, China
    重要度 深刻度 重大度 レベル 심각도 레벨 등급 уровень важность : gateways, Asia, Russia
    event_severity trigger_severity alarm_severity alarm_level alert_severity error_level fault_level : Zabbix, gateways
    SERVICESTATE HOSTSTATE syslog.severity : Nagios, Datadog
    level_value : logstash-encoder 8 (logback), 40000 is ERROR
    levelno : Python logging
    severityNumber : OpenTelemetry, OTLP/JSON 1.x
    syslogseverity-text syslogseverity : rsyslog 8
    syslog_severity_code log.syslog.severity.name log.syslog.severity.code : Logstash, ECS 8
    LEVEL_NUM : syslog-ng 3.38
    s : MongoDB 7
    tags.severity fields.severity_code tags.level fields.level : Telegraf 1.3x (syslog, win_eventlog)
    fields.LevelText L : Telegraf (win_eventlog); zap's development config, zerolog, if it is a level
    labels.severity commonLabels.severity : Prometheus Alertmanager 0.25
    SeverityValue nseverity event_nseverity : Windows events (NXLog), Zabbix
    PRIORITY : journald (systemd 252), syslog-ng 3.38
    pri-text syslogpriority-text : rsyslog 8
    EventType event_type_name : Windows events (NXLog)
    prio alarmPriority criticality urgency : Ignition 8.3, WinCC, alarm systems
    nativeSeverity alarmClass AlarmClassName MsgClass : MTConnect, WinCC Unified
    status label MessageType : Datadog, MySQL 8, KUKA, if it is a level
    Priorität priorité prioridad priorità 优先级 優先度 : gateways
    type event class kind state errorClass : Kubernetes events, Kepware, gateways, if it is a level
    Klasse Meldeklasse Alarmklasse Fehlerklasse Meldeart : gateways, German, if it is a level
"""
_PROGRAMS = """
    service.name service_name serviceName : Elastic Common Schema 8, OpenTelemetry
    resource.service.name resource.attributes.service.name : OpenTelemetry
    serviceContext.service : Google Cloud Error Reporting
    logger : zap, structlog, Spring Boot 3, Android
    logger_name : logstash-encoder 8, LogstashJsonEventLayoutV1, Fluent Bit
    log.logger : Elastic Common Schema, log4j2 2.25 JsonTemplateLayout
    record.name : loguru 0.7
    _log_logger _app _application : GELF 1.1 (log4j2 GelfLayout, logback-gelf, Spring Boot 3)
    @module : hclog
    SourceContext Properties.SourceContext : Serilog 4
    SYSLOG_IDENTIFIER : journald (systemd 252)
    programname : rsyslog 8
    PROGRAM : syslog-ng 3.38, rsyslog 8
    app-name : rsyslog 8, syslog gateways
    tags.appname : Telegraf 1.3x (syslog)
    app_id application_name applicationName Properties.Application : winston, Spring, Serilog
    ProviderName winlog.provider_name : Windows events, winlogbeat 8
    name : pino 10, bunyan 2, Python logging, python-json-logger 4, semantic_logger 4, ougai 2
    syslogtag : rsyslog 8
    _SYSTEMD_UNIT _COMM : journald (systemd 252), if SYSLOG_IDENTIFIER is absent
    container_name kubernetes.container_name kubernetes.labels.app : Fluent Bit, Vector, Docker
    scope.name InstrumentationScope.Name : OpenTelemetry
    target : Rust tracing-subscriber 0.3, slog-json
    Category : .NET JSON console 8
    channel : Monolog 3
    component module subsystem logName logGroup : zerolog, Ruby, GELF 1.0, Google Cloud, AWS CloudWatch
    labels.job commonLabels.job job : Prometheus Alertmanager 0.25
    process.name processName process : Elastic Common Schema 8, gateways
    SourceName source : OPC UA, Windows events, Ignition 8.3, Vector
    Programm Dienst Anwendung Komponente Quelle servicio serviço servizio aplicación : gateways, Europe
    服务 服務 程序 应用 模块 来源 サービス 서비스 служба программа : gateways, Asia, Russia
    SERVICEDESC AppRoleName syslog.appname source.component : Nagios, Azure Monitor, Datadog, Kubernetes events
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
    resource.host.name resource.attributes.host.name : OpenTelemetry
    tags.hostname tags.host tags.source_host : Telegraf 1.3x
    syslog_hostname HOST_FROM fromhost fromhost-ip : collectors, syslog-ng 3.38, rsyslog 8
    Computer computer_name winlog.computer_name tags.Computer : Windows events, winlogbeat 8
    MachineName Properties.MachineName : Serilog 4, NLog 5
    agent.hostname beat.hostname : Filebeat
    nodename nodeName kubernetes.host kubernetes.node_name node : Kubernetes, Node.js
    resource.labels.instance_id resource.labels.node_name : Google Cloud Logging
    labels.instance commonLabels.instance instance : Prometheus Alertmanager 0.25
    originatorName deviceName device_name deviceId device_id device : ThingsBoard 3, IoT gateways
    server server_name station equipment asset PLC : MES and gateways
    syslog.hostname node.name source.host host_alias : Datadog, Elasticsearch, Kubernetes events
    Rechner Rechnername Gerät Gerätename Steuerung SPS equipo 主机 主机名 设备名称 ホスト 호스트 хост : gateways
    source_ip sourceIp : collectors
"""
_EXCEPTIONS = """
    err err.stack err.message err.type : pino 10, bunyan 2, ougai 2, slog
    exception exception.stacktrace exception.message exception.type : structlog 26, loguru, OpenTelemetry, NLog 5
    exc_info exc_text : python-json-logger 4, Python logging
    record.exception : loguru 0.7; the trace itself is only in text
    attributes.exception.stacktrace attributes.exception.message attributes.exception.type : OpenTelemetry
    error error.stack_trace error.stack error.message error.type error.kind : Elastic Common Schema 8, zap, Datadog
    @x : Serilog compact
    fields.error : Rust tracing-subscriber 0.3
    jsonPayload.exception jsonPayload.error jsonPayload.stack_trace : Google Cloud Logging
    thrown throwable : log4j2 JsonLayout, logback 1.5 JsonEncoder
    stack_trace stackTrace stacktrace : logstash-encoder 8, zap, AWS Lambda
    stack : winston 3, zerolog 1.3x
    errorVerbose : zap
    backtrace traceback trace : Ruby, PHP, Python, if it is text of several lines or a list
    exception_class exception_message exception_type : log4j2, gateways
    errorType errorMessage error_type error_message message.errorType message.stackTrace : AWS Lambda, gateways
    full_message : GELF 1.1, if it contains a trace
"""

# They have other meanings than a severity, which they are where they are words of one.
_WORDS_ONLY = (
    "status label MessageType type event class kind state"
    " errorClass Klasse Meldeklasse Alarmklasse Fehlerklasse Meldeart"
)
WORDS_ONLY = frozenset(_WORDS_ONLY.split())

#: Every alias, in the order of precedence within its meaning.
TABLE: tuple[Alias, ...] = (
    *_all(
        "message",
        _MESSAGES,
        kept="conditionName ConditionName alarmName alarm_name displayPath data args event_name",
        weak="event log",
    ),
    *_all("timestamp", _TIMES, kept="RaiseTime start_time startsAt startTs activeTime startTime"),
    *_all(
        "severity",
        _SEVERITIES,
        kept=f"nativeSeverity alarmClass AlarmClassName MsgClass context.logLevel SERVICESTATE HOSTSTATE {_WORDS_ONLY}",
        weak="PRIORITY pri-text syslogpriority-text EventType event_type_name prio alarmPriority criticality urgency"
        " Priorität priorité prioridad priorità 优先级 優先度 nativeSeverity alarmClass AlarmClassName MsgClass"
        f" {_WORDS_ONLY}",
    ),
    *_all(
        "service",
        _PROGRAMS,
        kept="Category SourceName source tag channel Quelle 来源 Komponente 模块",
    ),
    *_all(
        "hostname",
        _HOSTS,
        kept="originatorName deviceName device_name deviceId device_id device station PLC asset"
        " Gerät Gerätename Steuerung SPS equipo 设备名称",
    ),
    *_all("exception", _EXCEPTIONS),
)

# What PLC programmers write before a name to say its type.
_TYPED = re.compile(r"^(?:s|str|sz|psz|e|n|dt)(?=[A-Z][a-z])")
_JOINTS = str.maketrans("", "", "_- ")
_LONGEST_NAME = 64


def folded(name: str) -> str:
    """A name without what the same names of different producers differ in."""
    head, dot, last = name.rpartition(".")
    return unaccented(head + dot + _TYPED.sub("", last)).translate(_JOINTS)


def _places() -> dict[str, list[tuple[int, Alias]]]:
    """By the folded name what a field may be: the precedence, and the alias."""
    own = [Alias(name, name, "the reference system") for name in REFERENCE]
    places: dict[str, list[tuple[int, Alias]]] = {}
    for rank, alias in enumerate([*own, *TABLE]):
        if alias.meaning != "exception":
            places.setdefault(folded(alias.name), []).append((rank, alias))
    return places


_PLACES = _places()
#: Objects that are looked into: what stands before a dot of a name.
_HEADS = frozenset(name[:end] for name in _PLACES for end, sign in enumerate(name) if sign == ".")
_PAIRED = frozenset(("attributes", "resource.attributes", "scope.attributes"))


class Shape(NamedTuple):
    """What the names of an object tell: which fields may be what, the first first; which are to be looked into.

    ``names`` are all of them in lower case.
    """

    known: tuple[tuple[int, Alias, str], ...]
    heads: tuple[tuple[str, str], ...]
    names: frozenset[str]


def _shape(names: tuple[str, ...], prefix: str) -> Shape:
    known, heads = [], []
    for key in names:
        name = folded(prefix + key) if len(key) <= _LONGEST_NAME else ""
        known += [(2 * rank + (prefix + key != alias.name), alias, key) for rank, alias in _PLACES.get(name, ())]
        if name in _HEADS:
            heads.append((key, name))
    return Shape(tuple(sorted(known)), tuple(heads), frozenset(map(str.lower, names)))


_remembered_shape = lru_cache(1024)(_shape)


def shape_of(tree: dict[str, msgspec.Raw], prefix: str = "") -> Shape:
    """The shape of an object, remembered where its names are no burden."""
    names = tuple(tree)
    return (_remembered_shape if len(names) <= 50 and len("".join(names)) <= 1_000 else _shape)(names, prefix)


class Found(NamedTuple):
    """A field that may be what ``alias`` says; ``path`` are the keys that lead to it. The least ``rank`` goes first."""

    rank: int
    alias: Alias
    path: tuple[str, ...]
    raw: msgspec.Raw

    @property
    def own(self) -> bool:
        """Whether it has the reference's name, in whatever spelling."""
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
        for name in ("body", "Body"):
            if name in tree and (inner := _typed(tree[name])) is not None:
                tree[name] = inner
        self.names = self._look(tree, (), "").names
        if len(self._opened) > 1:
            for found in self._found.values():
                found.sort()  # ranks differ, and where they do not, paths do

    def _look(self, fields: dict[str, msgspec.Raw], path: tuple[str, ...], prefix: str) -> Shape:
        shape = shape_of(fields, prefix)
        for rank, alias, key in shape.known:
            self._found.setdefault(alias.meaning, []).append(Found(rank, alias, (*path, key), fields[key]))
        for key, name in shape.heads:
            raw = fields[key]
            inner = object_in(raw) if starts(raw, b"{") else _pairs(raw) if name in _PAIRED else None
            if inner:
                self._opened[(*path, key)] = inner
                self._look(inner, (*path, key), f"{prefix}{key}.")
        return shape

    def of(self, meaning: Meaning) -> list[Found]:
        """The fields that may have this meaning, the one that goes before the others first."""
        return self._found.get(meaning, [])

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


def _typed(raw: msgspec.Raw) -> msgspec.Raw | None:
    """A value in OTLP's wrapping without it; None where it has none."""
    inner = object_in(raw) if starts(raw, b"{") else None
    if not inner or len(inner) != 1 or not next(iter(inner)).endswith("Value"):
        return None
    return msgspec.Raw(msgspec.json.encode(_any_value(value_of(raw))))


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
