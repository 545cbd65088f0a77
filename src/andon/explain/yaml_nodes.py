"""What :mod:`andon.explain.yaml_text` reads YAML with; a start imports it only where there is a file to read."""

from __future__ import annotations

from typing import Any

import yaml

#: Lists and mappings within each other; libyaml's own recursion ends the process far beyond.
DEPTH_MAX = 50
#: Every scalar is text (so 0xc0000005 and ``no`` are words, not numbers and truths), nothing can be constructed.
#: libyaml where it is compiled in: parsing is most of the time it takes to load rules.
_BASE: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


#: The tag of each kind of node: nothing is read into a scalar.
_TAGS = {
    yaml.ScalarNode: "tag:yaml.org,2002:str",
    yaml.SequenceNode: "tag:yaml.org,2002:seq",
    yaml.MappingNode: "tag:yaml.org,2002:map",
}


class _Loader(_BASE):  # type: ignore[misc]  # one of two classes
    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        return _TAGS[kind]

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        found: dict[str, Any] = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            seen: set[str] = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise yaml.MarkedYAMLError(problem=f"{key.value!r} is listed twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return found


def parse(content: str, first_line: int, *, trusted: bool) -> tuple[Any, list[int]]:
    """See :func:`andon.explain.yaml_text.load_yaml`."""
    try:
        if not trusted:
            _refuse_depth(content)
        loader = _Loader(content)
        try:
            node = loader.get_single_node()
            data = None if node is None else _plain(node) if trusted else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + first_line}: " if mark is not None else ""
        raise ValueError(line + (error.problem or error.context or "unexpected text")) from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())[:200]) from None
    entries = node.value if isinstance(node, yaml.SequenceNode) else []
    return data, [entry.start_mark.line + first_line for entry in entries]


def _plain(node: yaml.Node) -> Any:
    """What ``node`` says, without a look at double keys."""
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    return {key.value: _plain(value) for key, value in node.value}


def _refuse_depth(content: str) -> None:
    """Raises MarkedYAMLError where ``content`` is nested deeper than ``DEPTH_MAX``; reads it without recursion."""
    depth = 0
    for event in yaml.parse(content, Loader=_BASE):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)  # type: ignore[arg-type]  # either kind of mark has a line
