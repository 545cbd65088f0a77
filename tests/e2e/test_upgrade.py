"""A service of this version takes over a database that the version before it wrote."""

from __future__ import annotations

from pathlib import Path

from support import before
from support.patience import PATIENCE
from support.service import running

_SHOWN = (
    "SELECT a.analysis FROM agent_logs AS a WHERE a.id > ? AND a.message = ? AND a.analysis LIKE 'Confirmed fix: %'"
)


def test_a_database_from_before_is_taken_over_and_a_kill_in_between_costs_nothing(tmp_path: Path) -> None:
    """Confirmed fixes answer the first logs of their problems, which are no new ones; commands read it as before."""
    with running(tmp_path, start=False) as andon:
        andon.data.mkdir()
        before.restore(andon.data)
        last = andon.sql("SELECT max(id) FROM logs")[0][0]
        andon.start(ready=False)
        andon.until(lambda: "database prepared" in andon.log() or "ready" in andon.log(), "the start")
        andon.kill()
        andon.start()
        patterns = andon.count("patterns")
        sent = before.logs()
        andon.publish(*sent)
        andon.until(lambda: andon.count("logs") == last + len(sent), "the logs")
        assert andon.count("patterns") == patterns
        for text, fix in before.FIXES.items():
            shown = [row[0] for row in andon.sql(_SHOWN, last, text)]
            assert shown
            assert all(fix in one for one in shown)
        notes = andon.cli("patterns", "show", "44", seconds=PATIENCE)
        assert b"Tightened the belt" in notes.stdout
        assert andon.stop() == 0
