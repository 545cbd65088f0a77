"""Code fields: what in a log's context names its problem, and what a site adds to the built-in rules."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from andon.core.errors import ConfigError
from andon.grouping.code_forms import MAX_CODES, canonical, is_signal, is_status
from andon.grouping.mask import fold, mask_tokens
from andon.grouping.writing import SEAM, plain


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Context fields whose value is identity, without regard to case and punctuation (``alarmCode`` is listed). Names that
#: end in id, seq, uuid, trace … are none: they count messages. Vendors use the four ids here as codes.
CODE_FIELDS = _words(
    """alarm_code alarm_id alarm_no alarm_num alarm_nr alarm_number alert_code error_code err_code error_id err_id
    error_no error_nr error_num error_number err_no error_type event_id event_code exception exception_type
    exception_class exception_code fault_code fault_id fault_no fault_nr fault_num fault_number failure_code
    failure_id trip_code code sub_code error_subcode minor_code major_code status_code http_status
    http_status_code http_code response_code exit_code exit_status return_code ret_code result_code
    reason_code reason failure_reason fault_reason error_reason trip_reason stop_reason
    errno signal term_signal exit_signal signo sqlstate sqlcode sql_state sql_code hresult
    ntstatus diagnostic_code diag_code diag_id warning_code warning_id message_code abort_code bugcheck_code
    stop_code emcy_code dtc spn fmi fehlercode fehlernummer fehlernr fehler_id störungscode störungsnummer
    stoerungscode stoercode meldungsnummer meldenummer alarmnummer code_erreur code_défaut code_defaut
    codice_allarme codice_errore codigo_error código_error codigo_alarma
    报警代码 报警编码 报警号 报警编号 故障代码 故障码 故障号 错误代码
    错误码 错误号 エラーコード エラー番号 アラームコード アラーム番号 异常代码 알람코드 오류코드 에러코드"""
)
#: These (on the top level of the context) and the site's own fields stay identity however many values they have; any
#: other code field that has a new value in nearly every log is taken for a counter in the end (see ``noise``).
PINNED_FIELDS = _words("alarm_code error_code event_id")
# Names that say little by themselves count in an object only where it is about what happened, or says nothing.
_BARE = _words("code signal exception id")
_OWNERS = _words(
    """error err errors alarm alarms alert fault failure exception event status response http result warning
    diagnostic diag trip abort reason exit process data payload body detail details info context extra extras
    fields attributes attrs params parameters properties props meta metadata record log labels tags values
    opcua opc plc winlog msg message grpc rpc mqtt amqp modbus canopen profinet sql tls"""
)
_PLAIN = re.compile(r"[\w.:/#+\-$`]{1,128}")
_SEPARATORS = re.compile(r"[\W_]+")
# Displays write "SV 0401".
_SPACED = re.compile(r"([A-Za-z]{1,6}|\d{1,4})\s([A-Za-z]{0,3}\d{1,7}[A-Za-z]?)")
# What an id looks like where it names a kind of event; others are handles.
_ID = re.compile(r"[A-Za-z]{0,6}[\-_.]?\d{1,7}[A-Za-z]?|[A-Za-z][A-Za-z_.\-]{2,40}")
_HANDLE = re.compile(r"(?=.*[0-9])(?=.*[a-f])[0-9a-f]{8,}")
_FLOAT = re.compile(r"(-?\d{1,10})\.0+")
# How sure it is that a field is one of codes.
_NONE, _BUILT_IN, _PINNED, _OWN = range(4)


class CodeRules:
    """Which texts and context fields are identity: the built-in rules and what a site adds.

    ``patterns`` are regular expressions over the raw message; what they match (their first group where they have
    one) is kept as it stands. ``fields`` are names of context fields. Raises ConfigError where an expression
    cannot be compiled or matches an empty text.
    """

    def __init__(self, patterns: Iterable[str] = (), fields: Iterable[str] = ()) -> None:
        self.patterns = tuple(_compiled(pattern) for pattern in patterns)
        self._own = frozenset(filter(None, map(plain_name, fields)))
        self._kinds: dict[str, int] = {}
        self._none: set[str] = set()  # names that are known to be no codes

    def in_context(self, context: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
        """The (field, code) pairs of ``context``, sorted; objects inside it are looked into, one level deep."""
        if not context or (self._none.issuperset(context) and dict not in map(type, context.values())):
            return ()
        found: list[tuple[int, str, str]] = []
        kinds = self._kinds
        for name, value in context.items():
            if isinstance(value, dict):
                for inner, deep in value.items():
                    self._take(f"{name}.{inner}", deep, found)
            elif kinds.get(name, _OWN):  # of most names it is known that they are none
                self._take(name, value, found)
        if len(found) > MAX_CODES:
            found = sorted(found)[:MAX_CODES]
        return tuple(sorted((name, code) for _, name, code in found)) if found else ()

    def is_pinned(self, name: str) -> bool:
        """Whether the values of field ``name`` (as :meth:`in_context` names it) are identity however many there are."""
        return self._kind(name) >= _PINNED

    def _take(self, path: str, value: Any, found: list[tuple[int, str, str]]) -> None:
        kind = self._kind(path)
        if kind and isinstance(value, int | str | float):
            short = len(path) <= 64 and (not isinstance(value, str) or len(value) <= 64)
            if code := (_quick_code if short else _code)(kind, path, value):
                found.append((-kind, path, code))

    def _kind(self, path: str) -> int:
        kind = self._kinds.get(path)
        if kind is None:
            if len(self._kinds) > 4096:
                self._kinds.clear()
                self._none.clear()
            kind = self._kinds[path] = self._judge(path)
            if kind == _NONE:
                self._none.add(path)
        return kind

    def _judge(self, path: str) -> int:
        whole, (outer, _, inner) = plain_name(path), path.rpartition(".")
        inner, outer = plain_name(inner), plain_name(outer.rpartition(".")[2])
        if whole in self._own or inner in self._own:
            return _OWN
        if not outer:
            return _PINNED if whole in _PINNED_NAMES else _BUILT_IN if whole in _FIELD_NAMES else _NONE
        if inner == "id":  # of an event or an error, ids are those of one
            return _BUILT_IN if outer in ("alarm", "fault") else _NONE
        if inner in _BARE:
            return _BUILT_IN if outer in _OWNERS else _NONE
        return _BUILT_IN if inner in _FIELD_NAMES or whole in _FIELD_NAMES else _NONE


def plain_name(name: str) -> str:
    """A field's name without case and punctuation.

    >>> plain_name("Alarm-Code"), plain_name("alarmCode")
    ('alarmcode', 'alarmcode')
    """
    return _SEPARATORS.sub("", unicodedata.normalize("NFC", name[:128]).lower())


_FIELD_NAMES = frozenset(map(plain_name, CODE_FIELDS))
_PINNED_NAMES = frozenset(map(plain_name, PINNED_FIELDS))


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"The expression {pattern!r} in ANDON_CODE_PATTERNS is not a regular expression ({error}): correct it."
        ) from error
    if compiled.match(""):
        raise ConfigError(
            f"The expression {pattern!r} in ANDON_CODE_PATTERNS matches an empty text: make it match at least one "
            "character."
        )
    return compiled


def _code(kind: int, path: str, value: int | str | float) -> str | None:
    """The value of a code field in the one form that a code has, None where it is no code."""
    if isinstance(value, bool) and kind < _OWN:
        return None
    text = plain(str(value)[:200].strip()).replace(SEAM, "")
    if match := _FLOAT.fullmatch(text):
        text = match[1]
    elif isinstance(value, float) and kind < _OWN:
        return None
    if match := _SPACED.fullmatch(text):
        text = match[1] + ("-" if match[1].isdigit() else "") + match[2]
    if kind == _OWN:
        return text or None
    if " " in text and kind == _PINNED and len(text) <= 64:
        return mask_tokens(fold(text))
    if not _looks_like_code(text, plain_name(path)):
        return None
    text = canonical(text)
    return text.upper() if text[:1].isalpha() and text[-1:].isdigit() else text


_quick_code = functools.lru_cache(4096, typed=True)(_code)


def _looks_like_code(text: str, field: str) -> bool:
    """Whether a context field's value names a kind of problem, not one occurrence of it (a UUID, a counter)."""
    if not _PLAIN.fullmatch(text):
        return False
    if ("status" in field and "exit" not in field) or field == "httpcode":
        return is_status(text)
    if field.endswith(("signal", "signo")):
        return is_signal(text) or text.startswith("SIG")
    digits = sum(map(str.isdigit, text))
    if text[:2] in ("0x", "0X"):
        return len(text) <= 10
    if field.endswith("id") and not (field == "alarmid" and text.isdigit()):
        return _ID.fullmatch(text) is not None
    if text.lstrip("-").isdigit():
        return digits <= 10
    return digits <= 8 and not _HANDLE.fullmatch(text)
