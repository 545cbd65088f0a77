"""Formats of loggers and codes of controllers: what must be told apart, and what must not."""

from __future__ import annotations

import pytest

from andon.grouping import Fingerprinter, Merger

fingerprint = Fingerprinter()


def key(message: str) -> str:
    return fingerprint(message, "svc", None).key


@pytest.mark.parametrize(
    "header",
    [
        "2025-04-15T04:05:27Z level=error msg=",
        'time="2025-04-15T04:05:27Z" level=error msg="',
        'ts=2025-04-15T04:05:27.123Z caller=main.go:17 level=error component=oven msg="',
        'level=error ts=2025-04-15T04:05:27.123Z caller=main.go:17 msg="',
        'time=2025-04-15T04:05:27+01:00 level=ERROR source="/src/main.go:17" msg=',
    ],
)
def test_pairs_before_the_message_are_a_header(header: str) -> None:
    """logfmt in its usual orders, with and without a time stamp of its own."""
    text = "Gripper 2 lost its vacuum at station 4"
    assert key(header + text) == key(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("svc: main process exited, status=203/EXEC", "svc: main process exited, status=1/FAILURE"),
        ("svc: main process exited, status=9/KILL", "svc: main process exited, status=11/SEGV"),
        ("Robot 3: SRVO-062 alarm in group 1", "Robot 3: SRVO-065 alarm in group 1"),
        ("A.710 overload of the servopack", "A.720 overload of the servopack"),
        ("Msg 1205, Level 13, State 51", "Msg 547, Level 16, State 51"),
        ("EMCY 0x8130 from the node", "EMCY 0x8120 from the node"),
        ("Alarm No. 17 of the press", "Alarm No. 18 of the press"),
        ("Alarm 4107 out of range", "Alarm 4109 out of range"),
        ("fault 12 of the drive", "fault 13 of the drive"),
        ("SMTP 550 from the relay", "SMTP 451 from the relay"),
        ("Fehler 1205 im Antrieb", "Fehler 1206 im Antrieb"),
        ("Fehlernummer 17 in der Presse", "Fehlernummer 18 in der Presse"),
        ("Alarm-Nr. 510201 an der Achse", "Alarm-Nr. 510202 an der Achse"),
        ("Störung 12 am Antrieb", "Störung 13 am Antrieb"),
        ("Code erreur 45 du robot", "Code erreur 46 du robot"),
        ("allarme 45 sul robot", "allarme 46 sul robot"),
    ],
)
def test_codes_are_identity(one: str, other: str) -> None:
    """Two alarms with different numbers are two problems, whatever introduces the number."""
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Backup job finished with 3 warnings", "Backup job finished with 284 warnings"),
        ("error 3 out of 5 tries", "error 4 out of 5 tries"),
        ("error 3 of 5", "error 4 of 5"),
        ("the status code. 5 parts lost", "the status code. 6 parts lost"),
        ("Fehler: 3 Versuche", "Fehler: 5 Versuche"),
        ("Fehler 3 von 5 behoben", "Fehler 4 von 5 behoben"),
        ("Teil Nr. 5 fehlt", "Teil Nr. 6 fehlt"),
        ("PUMP-101 tripped", "PUMP-102 tripped"),
    ],
)
def test_counts_and_things_are_not(one: str, other: str) -> None:
    """What counts, and what names one thing of many, is masked."""
    assert key(one) == key(other)


def test_messages_of_one_word_are_never_joined() -> None:
    """That they come from the same service is no evidence: a drive with thirty one-word faults has thirty problems."""
    merger = Merger()
    words = ["overload", "stall", "overheat", "undervoltage", "overspeed", "brake", "encoder", "fan", "fuse", "jam"]
    for word in (f"{prefix}{word}" for prefix in ("", "pre", "post") for word in words):
        template = fingerprint(word, "drive", None).template
        assert merger.add(template, template) == []
