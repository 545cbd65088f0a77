"""What a narrow terminal gets of a shift report: its problems have the width, and nothing of them is lost."""

from __future__ import annotations

from andon.app.cli.report import _without_columns

REPORT = """## Figures

|  | this shift | before |
| --- | --- | --- |
| alarms | 80 | 0 |

## Open and not acknowledged

| severity | problem | where | times | minutes | what was done |
| --- | --- | --- | --- | --- | --- |
| ERROR | Valve A\\|B stuck (rising) | Line 3 | 17 | – | Active since 22:37 |
|  | Spindle drive alarm | CNC 32 | 2 | 5 |  |

## Notes

No notes.
"""


def test_problems_become_a_list_and_other_tables_stay() -> None:
    told = _without_columns(REPORT)
    assert told.startswith(REPORT.partition("## Open")[0])
    assert "- **ERROR** Valve A\\|B stuck (rising)  \n  Line 3, times 17, Active since 22:37\n" in told
    assert "- Spindle drive alarm  \n  CNC 32, times 2, minutes 5\n" in told
    assert told.endswith("\n## Notes\n\nNo notes.\n")
    assert "| problem |" not in told


def test_a_table_after_another_has_its_own_columns() -> None:
    told = _without_columns(REPORT + "\n" + REPORT)
    assert told.count("- **ERROR** Valve") == 2
    assert told.count("| alarms | 80 | 0 |") == 2
