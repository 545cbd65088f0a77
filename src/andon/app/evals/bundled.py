"""The cases that come with Andon for `andon eval`: what the rules are measured by, and have met."""

from __future__ import annotations

from importlib import resources

from andon.explain.trials.cases import Case, read_cases


def bundled_cases() -> list[Case]:
    """The bundled cases, in the order of their files' names."""
    files = [item for item in resources.files(__package__).joinpath("cases").iterdir() if item.name.endswith(".yaml")]
    return read_cases(sorted(files, key=lambda item: item.name))
