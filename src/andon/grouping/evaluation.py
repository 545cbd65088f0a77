"""The production path in the form that grouping benchmarks call: one message in, one group out."""

from __future__ import annotations

from andon.grouping.fingerprint import Fingerprinter
from andon.grouping.merge import Merger


class GroupingMethod:
    """Fingerprinter and Merger as one function of a message; ``final`` says where a group ended up."""

    def __init__(self) -> None:
        self._fingerprint = Fingerprinter()
        self._merger = Merger()
        self._groups: dict[str, str] = {}

    def __call__(self, message: str) -> str:
        """The group that ``message`` belongs to as far as is known now."""
        fingerprint = self._fingerprint(message, "", None)
        key = fingerprint.key
        group = self._groups.get(key)
        if group is None:
            if self._merger.add(key, fingerprint.template):
                self._groups = {}  # what was answered before may have been joined
            group = self._groups[key] = self._merger.root(key)
        return group

    def final(self, group: str) -> str:
        """The group that ``group`` is part of after all that was seen."""
        return self._merger.root(group)


#: Makes a fresh method without any memory.
factory = GroupingMethod
