"""Severities as producers write them: words of loggers, alarm systems and many languages, and numbers of many scales.

What is not understood is no INFO, for an alarm would vanish in it: it is WARNING, and the row says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, NamedTuple

from andon.core.late_patterns import late
from andon.core.models import SEVERITY_NOT_UNDERSTOOD, SEVERITY_RANK, Severity
from andon.core.text import printable, unaccented

_DEBUG, _INFO, _WARNING, _ERROR, _CRITICAL = (
    Severity.DEBUG.value, Severity.INFO.value, Severity.WARNING.value, Severity.ERROR.value, Severity.CRITICAL.value,
)  # fmt: skip

#: In lower case, without accents; `_` stands for what joins two words, `*` for any ending. Loggers, alarm systems and
#: controllers first, then German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Polish, Czech, Turkish;
#: Russian; Chinese; Japanese; Korean. A word that two published scales place differently is the more severe.
WORDS = {
    _DEBUG: """
        debug dbg debugging trace trc verbose vrb fine finer finest silly config all verb dbug vv vvv d t v
        fein feiner am_feinsten ausfuhrlich konfiguration depur* detaille detallado rastreamento traza foutopsporing
        отлад* трассир* подробн*
        调试 調試 偵錯 除錯 跟踪 追踪 追蹤 详细 詳細 デバッグ トレース 디버그 추적 상세
    """,
    _INFO: """
        info inf information informational notice ntc note normal check_function function_check ok okay good healthy
        success succ audit_success success_audit log http mark logalways diagnostic* cleared clear resolved recover*
        no_alarm no_error no_fault event message status infor notification* i n help
        prompt data input start ready done complete activity trivial audit operation* p5
        kein_fehler keine_storung kein_alarm
        hinweis* meldung* betriebsmeldung* mitteilung* ereignis* informati* inform* remarque* nota notifica* melding*
        bilgi
        инфо* сведени* норма нормальн* уведомлен*
        信息 訊息 資訊 提示 通知 正常 消息 事件 恢复 恢復 情報 お知らせ 정보 알림 정상 안내
    """,
    _WARNING: """
        warning warn wrn warni w off_spec out_of_spec out_of_specification maintenance_required maintenance minor medium
        med moderate average low very_low lowest attention caution advisory audit_failure failure_audit non_critical
        noncritical degraded indeterminate not_classified unknown unavailable pause hi lo deviation
        uncertain non_fatal nonfatal h l p3 p4 vorsicht cuidado
        warnung* warnmeldung* vorwarnung* achtung wartung* mittel* niedrig* gering* leicht* avertiss* averti*
        mineur* moyen* faible* advert* aviso* atencion atencao medio media bajo baja baixo baixa menor avvis* avvert*
        attenzione minore basso waarschuw* let_op gemiddeld laag varning* ostrzez* varovan* uyari
        предупре* внимани* средн* низк*
        警告 告警 注意 注意喚起 预警 預警 次要 轻微 輕微 一般 中 低 提醒 中等 ワーニング 軽微 軽故障 軽度
        경고 주의 보통 낮음 경미
    """,
    _ERROR: """
        error err erro eror e severe fault failure fail failed high major alarm exception stop abort violation trip
        tripped bad nok defect hihi high_high lolo low_low hh ll p2
        estop interlock shutdown halt
        fehler* storung* stoerung* stormeldung* stoermeldung* ausfall* defekt* hoch schwer* erreur* defaut* panne*
        grave* alarme alarma elev* haut* majeur* errores fallo falla averia alto alta mayor errore errori guasto*
        allarm* maggiore anomalia erros falha* defeito* maior fout fouten storing* hoog ernstig fel błąd* blad* chyb*
        hata
        ошибк* ошибоч* тревог* неисправн* отказ* сбой сбои высок* серьезн*
        错误 錯誤 故障 报警 報警 警报 警報 异常 異常 失败 失敗 重要 主要 出错 高 エラー アラーム アラート 障害
        오류 에러 고장 알람 경보 이상 실패 높음 장애
    """,
    _CRITICAL: """
        critical crit crt cri c fatal ftl f alert alrt emerg emrg emergency emergenc* panic pnc dpanic assert wtf
        urgent very_high highest disaster catastroph* blocker danger page non_recoverable nonrecoverable p0 p1
        unrecoverable
        kritisch* notfall* notaus not_aus nothalt not_halt fatal* dringend* gefahr* lebensgefahr
        schwerwiegender_fehler schwerer_fehler schwere_storung
        critiqu* urgence* urgente* critic* emergencia* emergenza* peligro pericolo perigo
        kritiek* dringend noodgeval fataal kritik* kryty* awari*
        критич* авари* фатальн* экстренн* опасн* срочн*
        严重 嚴重 致命 紧急 緊急 危急 关键 關鍵 危险 危險 灾难 急停 致命的 重大 クリティカル 危険 非常 非常停止 重故障
        심각* 치명* 위험 긴급 중대 비상
    """,
}
# Words that stand beside a level and say nothing of it; alone some of them are one.
_FILLING = """
    level lvl severity sev log loglevel number alarm event message msg status priority prio qt upper lower limit kern
    system process safety operator device user mail daemon auth syslog lpr news uucp cron authpriv ftp local
    security audit logging entry type eventlog stufe klasse niveau nivel livello
    报警 報警 级 級 级别 級別 等级 等級 信息 レベル 등급
"""
_MISSING = frozenset(
    (
        "none",
        "null",
        "nil",
        "undefined",
        "unspecified",
        "severity_unspecified",
        "unset",
        "not_set",
        "notset",
        "n_a",
        "default",
    )
)
_BLANK = frozenset("-\u2013\u2014_?. ")
_COLOUR = late(r"\x1b\[[\d;]*m")


_LEVELS = {unaccented(word): level for level, words in WORDS.items() for word in words.split() if word[-1] != "*"}
_STEMS = {unaccented(word[:-1]): level for level, words in WORDS.items() for word in words.split() if word[-1] == "*"}
# German compounds end with what they are.
_ENDINGS = {
    **dict.fromkeys(("fehler", "storung", "stoerung", "ausfall", "alarm"), _ERROR),
    "warnung": _WARNING,
    "hinweis": _INFO,
}
_EAST = late("[\u3000-\u9fff\uac00-\ud7af]+")
_FILL = frozenset(unaccented(_FILLING).split())
_EASTERN = sorted((word for word in {*_LEVELS, *_STEMS, *_FILL} if _EAST.match(word)), key=len)
_SEGMENT = late("|".join(reversed(_EASTERN)))

_JOINTS = late(r"[\W_]+")
_TOKEN = late(r"[^\W\d_]+|\d+")
_CAMEL = late(r"(?<=[a-z])(?=[A-Z])")
_NUMBER = late(r"[+\-]?\d{1,9}(?:[.,]\d{1,9})?", re.ASCII)
_PRI = late(r"<(\d{1,3})>", re.ASCII)
_SLOG = late(r"(trace|debug|info|warn|warning|error|fatal) ?([+\-]\d{1,3})", re.ASCII)
_SLOG_NUMBERS = {"trace": -8, "debug": -4, "info": 0, "warn": 4, "warning": 4, "error": 8, "fatal": 12}
_CUSTOM = late(r"level[ (](-?\d{1,4})\)?", re.ASCII)
_LONGEST, _REMEMBERED, _NATIVE_LIMIT, _HUGE = 80, 2_048, 255, 1e18
_PART_NAMES = (
    "name", "text", "label", "keyword", "standardlevel", "displayname", "level", "severity", "value", "code", "no",
)  # fmt: skip


class Reading(NamedTuple):
    """A severity as it is stored; ``native`` is what was sent where that differs.

    ``said`` is whether the producer used a word or a number, or said nothing.
    """

    severity: str
    native: str | None
    understood: bool = True
    said: Literal["word", "number", "nothing"] = "word"

    @property
    def note(self) -> str:
        """What the row says of a severity that was not understood."""
        return f"severity {self.native!r:.80} {SEVERITY_NOT_UNDERSTOOD}"


_EXACT = {name: Reading(name, None) for name in SEVERITY_RANK}


class SeverityReader:
    """Reads the severities of one site, whose own words (and numbers, as text) ``site`` maps to the five names."""

    def __init__(self, site: Mapping[str, str] | None = None) -> None:
        self._site = {word.strip().casefold(): level for word, level in (site or {}).items()}
        self._known = dict(_EXACT)

    def __call__(self, value: Any, field: str = "severity", keys: Collection[str] = ()) -> Reading:
        """The reading of ``value``, which stood in ``field`` (in lower case). Never raises.

        A number is of the site's own table, of the scale of its field, of that of the logger or system which the names
        of the message's other fields (``keys``, in any case) tell, or what numbers of its size usually are.
        """
        if isinstance(value, str):
            return self._known.get(value) or self._of_text(value, field, keys)
        if value is None:
            return Reading(_INFO, None, said="nothing")
        if isinstance(value, int | float) and not isinstance(value, bool) and -_HUGE < value < _HUGE:
            native = str(int(value) if value == int(value) else value)
            return self._own(native) or _of_number(value, native, field, keys)
        return self._of_parts(value, field, keys)

    def _own(self, native: str) -> Reading | None:
        level = self._site.get(native.casefold())
        return None if level is None else Reading(level, native)

    def _of_text(self, value: str, field: str, keys: Collection[str]) -> Reading:
        native = printable(_COLOUR.sub("", value[:_NATIVE_LIMIT]).strip())[:_NATIVE_LIMIT]
        found = self._own(native)
        if found is None and _NUMBER.fullmatch(native):
            return _of_number(float(native.replace(",", ".")), native, field, keys)
        found = found or _of_words(native, field, keys)
        if found.said == "word" and len(value) <= _LONGEST:
            if len(self._known) >= _REMEMBERED:
                self._known = dict(_EXACT)
            self._known[value] = found
        return found

    def _of_parts(self, value: Any, field: str, keys: Collection[str]) -> Reading:
        """Of an object such as loguru's ``{"name": "ERROR", "no": 40}``, and of a list that has one value."""
        inner = value
        if isinstance(value, dict):
            parts = {str(name).lower(): part for name, part in value.items()}
            inner = value and [parts[name] for name in _PART_NAMES if isinstance(parts.get(name), str | int)][:1]
        if isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], str | int):
            return self(inner[0], field, keys)
        if not value and value is not False:
            return Reading(_INFO, None, said="nothing")
        try:
            native = printable(json.dumps(value, ensure_ascii=False))[:_NATIVE_LIMIT]
        except (ValueError, TypeError, RecursionError):
            native = "what cannot be shown"
        return Reading(_WARNING, native, understood=False)


def _of_words(native: str, field: str, keys: Collection[str]) -> Reading:
    """What a text says that is not a number."""
    text = unaccented(native)
    key = _JOINTS.sub("_", text).strip("_")
    if pri := _PRI.fullmatch(text):
        return Reading(_SYSLOG[int(pri[1]) % 8], native, said="number")
    if key in _MISSING or _BLANK.issuperset(text):
        return Reading(_INFO, native or None, said="nothing")
    level = _LEVELS.get(key) or _LEVELS.get(_JOINTS.sub("_", unaccented(_CAMEL.sub("_", native))).strip("_"))
    if level is None and len(text) <= _LONGEST:
        bare = text.strip("[](){}<>:;,.*#!| \"'")
        if slog := _SLOG.fullmatch(bare):
            level = _bands(_SLOG_NUMBERS[slog[1]] + int(slog[2]), (0, 4, 8, 12))
        elif (custom := _CUSTOM.fullmatch(bare)) and not 0 <= int(custom[1]) <= 7:
            level = _python(float(custom[1])) or _DEBUG  # Python's name of a level that has none, and zap's
        else:
            level = _of_tokens(_TOKEN.findall(unaccented(_CAMEL.sub("_", native))))
            if level is None and (number := _only_number(text)):
                return _of_number(float(number), native, field, keys)
    return (
        Reading(_WARNING, native, understood=False)
        if level is None
        else Reading(level, None if level == native else native)
    )


def _only_number(text: str) -> str | None:
    """The number of ``level: 40``, ``severity=3``, ``[4]``."""
    *words, number = _TOKEN.findall(text) or [""]
    return (
        number
        if number.isdecimal() and len(number) < 10 and set(words) <= {"level", "lvl", "severity", "sev"}
        else None
    )


def _of_tokens(tokens: list[str]) -> str | None:
    """The most severe level among words all of which are known; None where one is not: ``no fatal errors`` is none."""
    levels: list[str] = []
    filling: list[str] = []
    for number, token in enumerate(tokens):
        pair = _LEVELS.get(f"{token}_{tokens[number + 1]}") if number + 1 < len(tokens) else None
        if pair:
            levels.append(pair)
            tokens[number + 1] = "level"
            continue
        if len(tokens) > 1 and len(token) == 1 and "a" <= token <= "z" and token not in "dv":  # noqa: S105 - letters
            continue  # classes and codes, A1, are no level; but MongoDB's D1
        for word in _segments(token):
            if word in _FILL:
                filling += filter(None, [_LEVELS.get(word)])
            elif level := _level(word):
                levels.append(level)
            elif not word.isdecimal():
                return None
    return max(levels or filling, key=SEVERITY_RANK.__getitem__, default=None)


def _segments(token: str) -> list[str]:
    """The words of a run of Chinese, Japanese or Korean signs, where it is made of known ones."""
    if not _EAST.match(token) or token in _LEVELS:
        return [token]
    found = _SEGMENT.findall(token)
    return found if "".join(found) == token else [token]


def _level(word: str) -> str | None:
    found = _LEVELS.get(word) or (_LEVELS.get(word.removesuffix("s")) if len(word) > 3 else None)
    found = found or next((_STEMS[word[:end]] for end in range(len(word), 1, -1) if word[:end] in _STEMS), None)
    return found or next((level for ending, level in _ENDINGS.items() if word.endswith(ending)), None)


#: Says what a number is, None for one that is not on the scale.
Scale = Callable[[float], str | None]


def _bands(value: float, limits: tuple[float, float, float, float]) -> str:
    """DEBUG below the first limit, INFO below the second, and so on."""
    levels = (_DEBUG, _INFO, _WARNING, _ERROR)
    return next((level for limit, level in zip(limits, levels, strict=True) if value < limit), _CRITICAL)


def _table(*levels: str) -> Scale:
    numbered = dict(enumerate(levels))
    return lambda value: numbered.get(int(value)) if value == int(value) else None


_SYSLOG = (_CRITICAL, _CRITICAL, _CRITICAL, _ERROR, _WARNING, _INFO, _INFO, _DEBUG)
_syslog = _table(*_SYSLOG)
_ignition = _table(_INFO, _WARNING, _WARNING, _ERROR, _CRITICAL)  # its alarm journal
_windows = _table(_INFO, _CRITICAL, _ERROR, _WARNING, _INFO, _DEBUG)
_microsoft = _table(_DEBUG, _DEBUG, _INFO, _WARNING, _ERROR, _CRITICAL, _INFO)  # .NET's LogLevel


def _pri(value: float) -> str | None:
    return _syslog(value % 8) if 0 <= value <= 191 else None


def _otel(value: float) -> str | None:
    return _bands(value, (9, 13, 17, 21)) if 1 <= value <= 24 else None


def _python(value: float) -> str | None:
    return _bands(value, (20, 30, 40, 50)) if value > 0 else None


def _pino(value: float) -> str | None:
    return _bands(value, (30, 40, 50, 60)) if 10 <= value < 70 else None


def _node_red(value: float) -> str | None:
    """Its levels run backwards: 10 is fatal, 20 an error, 50 debug; 98 and 99 are audit and metric."""
    return _bands(-value, (-49, -39, -29, -19)) if 10 <= value <= 60 else _INFO if value in (98, 99) else None


def _monolog(value: float) -> str | None:
    return _bands(value, (200, 300, 400, 500)) if 100 <= value <= 600 else None


def _mindsphere(value: float) -> str | None:
    return {20: _ERROR, 30: _WARNING, 40: _INFO}.get(int(value))


def _logback(value: float) -> str | None:
    return _bands(value, (20_000, 30_000, 40_000, 50_000)) if value >= 1_000 else None


def _log4j(value: float) -> str | None:
    return _bands(-value, (-400, -300, -200, -100)) if 100 <= value <= 600 else None


def _opc_ua(value: float) -> str | None:
    """0 is what some servers send on clearing. Where published bands differ, the more severe."""
    return _bands(value, (0, 334, 601, 801)) if 0 <= value <= 1000 else None


#: The scales of fields that have one of their own.
_OF_FIELDS: dict[str, Scale] = {
    name: scale
    for names, scale in (
        ("priority syslogseverity syslogpriority syslog_severity syslog_severity_code syslog.severity"
         " syslog.severity.code log.syslog.severity.code", _syslog),
        ("pri syslog_pri syslog.pri log.syslog.priority", _pri),
        ("severitynumber severity_number severitynum", _otel),
        ("levelno level_no level.no log.level.no record.level.no", _python),
        ("level_value levelvalue level_int levelint", _logback),
        ("context.loglevel pino.level", _pino),  # roarr
        ("node-red.level", _node_red),
        ("intlevel level.intlevel", _log4j),
        ("severitylevel", _table(_DEBUG, _INFO, _WARNING, _ERROR, _CRITICAL)),  # TwinCAT, Azure
        ("severityvalue", _table("", _DEBUG, _INFO, _WARNING, _ERROR, _CRITICAL)),  # NXLog
        ("nseverity event_nseverity", _table(_WARNING, _INFO, _WARNING, _WARNING, _ERROR, _CRITICAL)),  # Zabbix
        ("devicehealth device_health", _table(_INFO, _ERROR, _INFO, _WARNING, _WARNING)),  # NE 107
    )
    for name in names.split()
}  # fmt: skip
_CONDITIONS = frozenset({"conditionname", "conditionid", "sourcenode", "activestate", "activestate/id", "ackedstate"})
_EVENTS = frozenset({"eventtype", "retain", "sourcename", "eventid"})
_WINDOWS = frozenset(
    {"providername", "provider", "provider_name", "channel", "logname", "eventrecordid", "recordnumber"}
)


def _of_keys(field: str, keys: Collection[str]) -> Scale | None:
    """The scale of the logger or system that the other fields' names tell."""
    names = set(map(str.lower, keys))
    if field == "level" and names & {"eventid", "event_id", "id"} and names & _WINDOWS:
        return _windows
    if field == "loglevel":
        return _microsoft if names & {"category", "eventid", "state"} else None
    if field == "severity" and {"entityid", "sourceid"} <= names:
        return _mindsphere
    if {"displaypath", "eventtype"} <= names:
        return _ignition
    if names & _CONDITIONS or len(names & _EVENTS) > 2 or {"eventtype", "retain"} <= names:
        return _opc_ua
    if field != "level":
        return None
    if "short_message" in names:  # GELF
        return _syslog
    if "channel" in names and names & {"level_name", "datetime"}:
        return _monolog
    pino = {"pid", "hostname"} <= names or {"time", "msg"} <= names or {"v", "msg"} <= names
    return _pino if pino else None


def _usual(value: float) -> str | None:
    """What a number is where nothing tells: its size does."""
    if value in (10, 20, 30, 40, 50, 60):
        return _python(value)
    if value <= 7:
        return _syslog(value)
    if value <= 24:
        return _otel(value) if value >= 8 else None
    if value > 60:
        return _opc_ua(value) if value <= 1000 else _logback(value) if value >= 10_000 else None
    return None


def _of_number(value: float, native: str, field: str, keys: Collection[str]) -> Reading:
    own = _OF_FIELDS.get(field)
    if value == 0 and own in (_otel, _python):  # neither is a level there
        return Reading(_INFO, native, said="nothing")
    told = _of_keys(field, keys) if keys else None
    # the name alone is journald's, but others have priorities too
    for scale in (told, own, _usual) if field == "priority" else (own, told, _usual):
        if scale is not None and (level := scale(value)):
            return Reading(level, native, said="number")
    return Reading(_WARNING, native, understood=False, said="number")
