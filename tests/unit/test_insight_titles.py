"""What a problem is called: what its logs say, without what every line of the file begins with."""

from __future__ import annotations

import pytest

from andon.grouping.fingerprint import Fingerprinter
from andon.grouping.headers import behind_header
from andon.insight.titles import title_in, title_of

SAID = "Hydraulic pressure low 82 bar"


@pytest.mark.parametrize(
    "head",
    [
        "2026-11-30 21:00:01 ERROR ",
        "2026-11-30 21:00:01,123 [ERROR] ",
        "[2026-11-30 21:00:01] ERROR: ",
        "2026-11-30T21:00:01Z ERROR ",
        "30.11.2026 21:00:01 ERROR ",
        "11/30/2026 9:00:01 PM ERROR ",
        "21:00:01 ERROR ",
        "21:00:01.123 [main] ERROR ",
        "Nov 30 21:00:01 ERROR ",
        "1796072400 ERROR ",
        "E1130 21:00:01.123 17 press.cc:17] ",
        "ERROR: ",
        "[ERROR] ",
        "",
    ],
)
def test_time_and_level_of_a_line_are_no_part_of_its_title(head: str) -> None:
    assert title_in(head + SAID) == SAID
    template = Fingerprinter()(head + SAID, "press", None).template
    assert title_of(template) == "Hydraulic pressure low …"


@pytest.mark.parametrize(
    "text",
    [
        "Error 17 of drive",
        "CRITICAL pressure reached",
        "3 of 4 pumps: ERROR state",
        "ERROR: 17",
        "2026-11-30 21:00:01",
        "press 4: hydraulic pressure low",
        "Alert: door open",
    ],
)
def test_what_a_log_says_stays_whole(text: str) -> None:
    assert title_in(text) == text


def test_only_the_header_goes_whatever_its_digits() -> None:
    assert behind_header("2026-11-30 21:00:01,123 ERROR axis 17 at 2026 mm") == "axis 17 at 2026 mm"
    assert behind_header("axis 17 at 2026 mm") == "axis 17 at 2026 mm"
    long = "2026-11-30 21:00:01 ERROR " + "pump 7 " * 5_000
    assert behind_header(long) == "pump 7 " * 5_000
