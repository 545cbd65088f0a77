"""What can be looked up in the connected systems, under names that tell them apart."""

from __future__ import annotations

import re
from collections.abc import Iterable

from andon.act.connectors.connector import Connector, Reader

#: So many are offered at most: a model reads the description of each with every question.
READERS_MAX = 12
#: What providers take as the name of a tool.
_OTHER = re.compile(r"[^A-Za-z0-9_-]")
_NAME_MAX = 64


def readers_of(connectors: Iterable[Connector], taken: Iterable[str] = ()) -> list[Reader]:
    """The readers of ``connectors`` in their order; one whose name is ``taken`` gets that of its system before it."""
    known, found = set(taken), list[Reader]()
    for connector in connectors:
        for reader in connector.readers():
            name = _OTHER.sub("_", reader.name)[:_NAME_MAX]
            if name in known:
                name = _OTHER.sub("_", f"{connector.name}_{reader.name}")[:_NAME_MAX]
            if name not in known and len(found) < READERS_MAX:
                known.add(name)
                found.append(reader._replace(name=name))
    return found
