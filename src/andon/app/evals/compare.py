"""Two runs side by side: which cases got better, which worse, and whether chance would do that."""

from __future__ import annotations

from pathlib import Path

import msgspec

from andon.app.evals.results import USEFUL, VERSION, Report
from andon.core.errors import AndonError
from andon.explain.trials.scoring import CRITERIA
from andon.explain.trials.stats import sign_test


class BaselineError(AndonError):
    """The baseline cannot be compared with: give a file that `andon eval --json` wrote."""


class Change(msgspec.Struct, frozen=True):
    """One criterion over the cases that both runs counted. ``chance`` is the two-sided p of the exact sign test."""

    criterion: str
    n: int
    before: int
    now: int
    better: list[str]
    worse: list[str]
    chance: float


class Comparison(msgspec.Struct, frozen=True):
    """What changed against a former run. ``missing`` and ``added`` are cases that only one of the two counted."""

    provider: str
    model: str
    started_at: str
    changes: list[Change]
    missing: list[str]
    added: list[str]


def read_report(path: Path) -> Report:
    """A former report. Raises BaselineError."""
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
    except OSError as error:
        raise BaselineError(
            f"{path} cannot be read ({error.strerror}): give a file that `andon eval --json` wrote."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BaselineError(f"{path} is not a report of `andon eval --json` ({error}): create it again.") from None
    if report.version != VERSION:
        raise BaselineError(
            f"{path} has version {report.version}, but this Andon reads version {VERSION}: create it again."
        )
    return report


def compare(before: Report, now: Report) -> Comparison:
    """What got better and worse from ``before`` to ``now``, for each criterion."""
    old = {case.id: case for case in before.cases if case.counted}
    new = {case.id: case for case in now.cases if case.counted}
    changes = []
    for criterion in (*CRITERIA, USEFUL):
        pairs = [(id_, old[id_].passed(criterion), case.passed(criterion)) for id_, case in new.items() if id_ in old]
        asked = [(id_, was, is_) for id_, was, is_ in pairs if was is not None and is_ is not None]
        better = [id_ for id_, was, is_ in asked if is_ and not was]
        worse = [id_ for id_, was, is_ in asked if was and not is_]
        passed, passes = sum(was for _, was, _ in asked), sum(is_ for _, _, is_ in asked)
        chance = round(sign_test(len(better), len(worse)), 4)
        changes.append(Change(criterion, len(asked), passed, passes, better, worse, chance))
    missing, added = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    return Comparison(before.provider, before.model, before.started_at, changes, missing, added)
