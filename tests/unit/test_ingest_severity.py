"""Severities: words and numbers of many producers become one of five; what is not understood is no INFO."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.app.doctor.storage_checks import severities
from andon.core.models import SEVERITY_RANK
from andon.ingest.severity import SeverityReader
from support.commands import Commands
from support.pipeline import log, pipeline, until
from support.settings import settings_of

read = SeverityReader()


@pytest.mark.parametrize(
    ("meant", "words"),
    [
        ("DEBUG", "debug Trace TRC dbg VRB FINEST silly D T V D3 DEBUG2 TRACE4 DEBUG-4 Level(-2) LOG_DEBUG "
                  "Depuración отладка 调试 偵錯 デバッグ 디버그"),
        ("INFO", "Information INFOR Informational notice N Normal SUCCESS http INFO+2 INFO3 WARN-1 Level|25 ok Cleared "
                 "Audit|Success daemon.notice syslog.info Hinweis Informations información informação информация "
                 "信息 資訊 提示 情報 お知らせ 정보 notifications SEVERITY_NUMBER_INFO NO_ALARM"),
        ("WARNING", "warn WRN warni W WARN+1 Level|35 WARNING2 (warning) Low Minor Medium Moderate Average Indeterminate "
                    "Non-Critical AUDIT_FAILURE off|spec maintenance-required Warnung Achtung "
                    "avertissement advertencia avviso waarschuwing предупреждение 警告 注意 次要 ワーニング 경고 "
                    "unavailable UNKNOWN local7.warning Warnings"),
        ("ERROR", "err E ERRO Error: [ERROR] ERROR+2 error3 Level|45 SEVERE FAULT Failed local0.err err(3) 3|-|Error "
                  "level=error High Major|Alarm System|Error F|-|Failure exception HIHI Fehler FEHLER! Störung Stoerung schwerwiegend Erreur "
                  "défaut errore erro fout fel ошибка Отказ 错误 【错误】 錯誤 故障 报警 高级报警 エラー ｴﾗｰ 異常 오류 고장 LOG_ERR"),
        ("CRITICAL", "crit F FTL Fatal dpanic PANIC emerg Alert|1 ERROR+4 FATAL3 urgent kern.emerg kritisch "
                     "Kritischer|Fehler Fataler|Fehler Not-Aus Notfall critique crítico critica kritiek критическая Авария 严重 严重错误 致命 紧急 "
                     "致命的 重大 緊急 심각 심각한|오류 치명 Very|High emergencies Disaster"),
    ],
)  # fmt: skip
def test_a_word_means_what_its_producer_means(meant: str, words: str) -> None:
    """In any case, with what stands around it; what was sent is kept."""
    for word in words.split():
        for sent in {word, word.upper(), f" {word} "}:
            found = read(sent.replace("|", " "))
            assert (sent, found.severity, found.understood) == (sent, meant, True)
            kept = sent.replace("|", " ").strip()
            assert found.native == (None if kept == meant else kept)


def test_words_may_be_joined_as_programs_join_them() -> None:
    """Names of constants in the styles of C, C++ and C#."""
    sent = ("CheckFunction", "QtWarningMsg", "MaintenanceRequired", "LOG_ERR", "SEVERITY_NUMBER_FATAL2", "AuditFailure")
    assert [read(one).severity for one in sent] == ["INFO", "WARNING", "WARNING", "ERROR", "CRITICAL", "WARNING"]
    assert all(read(one).understood for one in sent)


def test_colours_are_no_part_of_a_word() -> None:
    """Loggers for terminals colour their levels also in JSON."""
    assert read("\x1b[1;31mERROR\x1b[0m")[:3] == ("ERROR", None, True)


@pytest.mark.parametrize("name", list(SEVERITY_RANK))
def test_the_five_names_are_stored_as_sent(name: str) -> None:
    """Also where a site maps them, which its settings refuse."""
    assert SeverityReader({name: "DEBUG"})(name)[:3] == (name, None, True)


@pytest.mark.parametrize(
    ("value", "field", "keys", "meant"),
    [
        # by its size
        (0, "severity", (), "CRITICAL"), (3, "level", (), "ERROR"), (4, "level", (), "WARNING"), (7, "l", (), "DEBUG"),
        (10, "level", (), "DEBUG"), (20, "level", (), "INFO"), (30, "level", (), "WARNING"), (40, "level", (), "ERROR"),
        (50, "level", (), "CRITICAL"), (60, "level", (), "CRITICAL"), (9, "severity", (), "INFO"),
        (14, "severity", (), "WARNING"), (18, "severity", (), "ERROR"), (22, "severity", (), "CRITICAL"),
        (100, "severity", (), "INFO"), (333, "severity", (), "INFO"), (334, "severity", (), "WARNING"),
        (601, "severity", (), "ERROR"), (800, "severity", (), "ERROR"), (801, "severity", (), "CRITICAL"),
        (1000, "severity", (), "CRITICAL"), (30000, "level", (), "WARNING"), (40000, "level", (), "ERROR"),
        ("850", "severity", (), "CRITICAL"), ("40.0", "severity", (), "ERROR"), ("3", "level", (), "ERROR"),
        (3.0, "severity", (), "ERROR"), ("level: 40", "severity", (), "ERROR"), ("<3>", "severity", (), "ERROR"),
        # by its field
        (4, "priority", (), "WARNING"), ("6", "syslogseverity", (), "INFO"), (131, "pri", (), "ERROR"),
        (20000, "level_value", (), "INFO"), (5000, "level_value", (), "DEBUG"), (1, "severitynumber", (), "DEBUG"),
        (5, "severity_number", (), "DEBUG"), (20, "severitynumber", (), "ERROR"), (35, "levelno", (), "WARNING"),
        (25, "record.level.no", (), "INFO"), (200, "intlevel", (), "ERROR"), (4, "severityvalue", (), "ERROR"),
        (1, "devicehealth", (), "ERROR"), (4, "nseverity", (), "ERROR"),
        # by its neighbours
        (30, "level", ("time", "pid", "hostname", "msg"), "INFO"), (50, "level", ("time", "msg"), "ERROR"),
        (60, "level", ("v", "msg"), "CRITICAL"), (35, "level", ("pid", "hostname"), "INFO"),
        (4, "level", ("version", "short_message"), "WARNING"), (0, "severity", ("ConditionName", "Message"), "INFO"),
        (5, "severity", ("EventType", "SourceName", "EventId", "Time"), "INFO"),
        (2, "level", ("EventID", "ProviderName"), "ERROR"), (0, "level", ("EventID", "Channel"), "INFO"),
        (5, "level", ("EventID", "Channel"), "DEBUG"), (550, "level", ("channel", "level_name"), "CRITICAL"),
        (250, "level", ("channel", "level_name"), "INFO"), (4, "priority", ("displaypath", "eventtype"), "CRITICAL"),
        # parts
        ({"icon": "x", "name": "ERROR", "no": 40}, "level", (), "ERROR"), (["warn"], "level", (), "WARNING"),
        ({"code": 3}, "severity", (), "ERROR"),
    ],
)  # fmt: skip
def test_a_number_is_of_its_fields_its_neighbours_or_its_sizes_scale(
    value: object, field: str, keys: Collection[str], meant: str
) -> None:
    """In this order."""
    found = read(value, field, keys)
    assert (found.severity, found.understood) == (meant, True)


@pytest.mark.parametrize(
    "value", ["purple", "Prio 1", "P1x", "A1", "E 5", "no errors", "Kein Strom", "ERROR: disk full", "9999", 9999, 55, -4, 25,
              7.5, True, [1, 2], {"x": "y"}, "x" * 500, 1e300, "!", "\x00"],
)  # fmt: skip
def test_what_is_not_understood_is_a_warning(value: object) -> None:
    """And says so, with what was sent."""
    found = read(value)
    assert (found.severity, found.understood) == ("WARNING", False)
    assert found.native
    assert len(found.note) < 130
    assert found.note.startswith("severity ")
    assert found.note.endswith(" not understood, taken for WARNING")


@pytest.mark.parametrize("value", [None, "", "  ", "-", "null", "None", "N/A", "undefined", "???", [], {}])
def test_a_missing_severity_is_info(value: object) -> None:
    """Nothing was said, which is nothing to note."""
    found = read(value)
    assert (found.severity, found.understood, found.said) == ("INFO", True, "nothing")


def test_otel_and_python_call_0_unset() -> None:
    """It is no level there: 0 is the most severe of syslog's only."""
    assert read(0, "severitynumber").said == "nothing"
    assert read(0, "levelno")[0] == "INFO"
    assert [read(value).said for value in (850, "error", "3", "<3>")] == ["number", "word", "number", "number"]


def test_a_sites_own_words_and_numbers_go_before_all() -> None:
    """In any case; also over words and scales that are known."""
    own = SeverityReader({"Prio7": "ERROR", "9999": "CRITICAL", "3": "DEBUG", "notice": "WARNING"})
    sent = ("prio7", " PRIO7 ", 9999, "9999", 3, "3", "NOTICE", "Prio8")
    assert [own(value)[0] for value in sent] == [
        "ERROR", "ERROR", "CRITICAL", "CRITICAL", "DEBUG", "DEBUG", "WARNING", "WARNING",
    ]  # fmt: skip
    assert [own(value).understood for value in sent] == [True] * 7 + [False]


def test_words_without_end_are_not_all_remembered() -> None:
    """What is remembered of odd words is bounded, and reading stays the same."""
    own = SeverityReader()
    for number in range(5_000):
        assert own(f"word {number}").severity == "WARNING"
    assert len(own._known) < 3_000
    assert own("ERROR")[:2] == ("ERROR", None)


words = st.sampled_from(
    ["error", "Level", "high", "+4", "严重", "3", "<", "no", "ошибка", "(", "local0.", "\x1b[0m", " "]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(words).map("".join)


@given(
    leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.sampled_from(["name", "no", "x"]), leaves),
    st.sampled_from(
        ["severity", "level", "priority", "pri", "severitynumber", "levelno", "level_value", "devicehealth"]
    ),
    st.lists(st.sampled_from(["pid", "hostname", "EventID", "Channel", "level_name", "short_message", "Retain"])),
)
def test_any_value_is_one_of_five(value: object, field: str, keys: list[str]) -> None:
    """Whatever it is and wherever it stood; what is kept of it can be stored."""
    for _ in range(2):  # the second time it may be remembered
        found = read(value, field, keys)
        assert found.severity in SEVERITY_RANK
        assert found.understood or found.severity == "WARNING"
        kept = found.native or ""
        assert "\x00" not in kept
        assert len(kept.encode()) <= 4 * 255


async def recorded(path: Path) -> Path:
    """A database with three logs whose severities are not understood, each counted and noted."""
    async with pipeline(path) as p:
        p.start("recorder")
        p.publish(
            *[{**log(f"Drive {n} hot"), "severity": word} for n, word in enumerate(["ERROR", "Prio7", 4711, "-"])]
        )
        p.publish({**log("Pump hot"), "severity": "Prio7"})
        await until(lambda: p.bus.state().ack_floor == 5, "acks")
        counted = p.metrics.registry.get_sample_value
        await until(lambda: counted("andon_severities_not_understood_total") == 3, "their number")
        assert p.sql("SELECT severity, severity_native, notes FROM logs WHERE notes IS NOT NULL ORDER BY id")[0] == (
            "WARNING", "Prio7", "severity 'Prio7' not understood, taken for WARNING",
        )  # fmt: skip
    return p.path


def test_what_was_not_understood_is_counted_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the metrics, on the row and by doctor, with the line that maps it; mapped, it is told no more."""
    database = str(asyncio.run(recorded(tmp_path)))

    def told(**settings: str) -> list[tuple[object, str, str]]:
        said = Commands(tmp_path, capsys, DB_PATH=database, **settings)("doctor", "--json").json
        return [(one["ok"], one["detail"], one["remedy"]) for one in said if one["name"] == "severities"]

    assert told() == [
        (
            None,
            "3 of the newest logs have an unknown severity and count as WARNING, such as 'Prio7' of log 5",
            'say what it means under [severities] in andon.toml: "Prio7" = "ERROR"',
        )
    ]
    assert told(ANDON_SEVERITIES='{"prio7": "error", "4711": "INFO"}') == []


def test_a_word_whose_bytes_were_no_utf8_is_a_matter_of_the_encoding() -> None:
    """No line of ``[severities]`` would bring back what the text has lost."""
    (said,) = severities(settings_of(), [("St\ufffdrung", 1, 7)])
    assert said.remedy == "it is not UTF-8: set ANDON_ENCODING, such as cp1252, gbk or shift_jis"


@pytest.mark.parametrize(
    ("sent", "meant"),
    [("Sammelstörung", "ERROR"), ("Antriebsfehler", "ERROR"), ("Bedienhinweis", "INFO"), ("Vorlaufwarnung", "WARNING"),
     ("P1", "CRITICAL"), ("P4", "WARNING"), ("HH", "ERROR"), ("help", "INFO"), ("logging.ERROR", "ERROR"),
     ("SEVERITY_UNSPECIFIED", "INFO"), ("kein Fehler", "INFO"), ("注意喚起", "WARNING"), ("предупредительный", "WARNING")],
)  # fmt: skip
def test_compounds_limits_priorities_and_levels_of_own_are_words(sent: str, meant: str) -> None:
    """German ones end with what they are; process limits, incident priorities and winston's levels are known."""
    assert (read(sent).severity, read(sent).understood) == (meant, True)
