"""Mistakes in settings as sentences, which never quote a secret."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel

from andon.core.settings.late_tables import LateTable
from andon.core.wrong_values import in_words

#: Settings whose values are never shown, beside keys, passwords and tokens.
HOLD_SECRETS = frozenset(
    {"ANDON_PROVIDER_OPTIONS", "ANDON_NATS_USERS", "ANDON_MQTT", "ANDON_OPCUA", "ANDON_JIRA", "ANDON_SERVICENOW"}
    | {"ANDON_SPLUNK", "ANDON_FOUNDRY", "ANDON_WEBHOOK", "ANDON_SLACK", "ANDON_TEAMS", "ANDON_PAGERDUTY", "ANDON_EMAIL"}
    | {"ANDON_NTFY", "ANDON_APPRISE", "ANDON_MCP_SERVERS", "ANDON_CONNECTORS"}
)
#: What is wrong where no value is shown, by pydantic's name for it.
_WITHOUT_VALUE = {
    "missing": " is missing",
    "extra_forbidden": ": there is no such key",
    "list_type": ' must be a list: write it in brackets, such as ["…", "…"]',
}
_BARE_KEY = re.compile(r"[\w-]+", re.ASCII)


class InFile(NamedTuple):
    """What a settings file says that nothing goes before: by environment name, the values as they stand there."""

    name: str
    values: Mapping[str, Any]


def sentence(error: Any, names: Mapping[str, str], settings: type[BaseModel], file: InFile) -> str:
    """What is wrong, by the ``names`` that fields of ``settings`` have in the environment.

    What stands in a table of ``file`` is called as it is written there.
    """
    message = in_words(error)
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    name = names.get(name, name)
    if error["type"] == "list_type" and isinstance(error["input"], dict):
        within = (one for one in error["loc"][1:] if isinstance(one, str))
        key = ".".join((name.removeprefix("ANDON_").lower(), *within))
        wanted = f"a list of tables: write [[{key}]], in double brackets, above each table"
        return f"{_where(name, error, file)} must be {wanted}"
    if len(error["loc"]) > 1 and error["type"] in _WITHOUT_VALUE:
        said = f"{_where(name, error, file)}{_WITHOUT_VALUE[error['type']]}"
        return f"{said}{_hint(error, names, settings)}"
    words = {"PASSWORD", "TOKEN", "SECRET"} & set(name.split("_"))
    if words or "API_KEY" in name or name in HOLD_SECRETS:
        return f"{_where(name, error, file)}: {message}"
    if len(error["loc"]) > 1:
        return _sentence_within(_where(name, error, file), error, message)
    return f"{name}={error['input']!s}: {message[0].lower()}{message[1:]}"


def _hint(error: Any, names: Mapping[str, str], settings: type[BaseModel]) -> str:
    """What was meant by a key that a table does not have, as the end of a sentence; "" where that is not known."""
    *way, key = error["loc"]
    known = _keys(way, names, settings)
    if not isinstance(key, str) or key in known:
        return ""
    if key in settings.model_fields:
        return f"; {key} is a separate setting: write it above the first table of the file"
    if error["type"] != "extra_forbidden":
        return ""
    close = difflib.get_close_matches(key, known, 1)
    return f"; did you mean {close[0]}?" if close else f"; there are: {', '.join(sorted(known))}" if known else ""


def _keys(way: list[Any], names: Mapping[str, str], settings: type[BaseModel]) -> set[str]:
    """The keys of the tables that the settings have at the end of ``way``."""
    fields = {name: field for field, name in names.items()}
    models: list[type[BaseModel]] = [settings]
    for place in way:
        if isinstance(place, str):
            held = (model.model_fields.get(fields.get(place, place)) for model in models)
            models = [found for field in held if field is not None for found in _models(field.annotation)]
    return {key for model in models for key in model.model_fields}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif isinstance(annotation, LateTable) and annotation.place:
        yield annotation.load()
    for part in get_args(annotation):
        yield from _models(part)


def _places(error: Any) -> list[str]:
    return [f"entry {place + 1}" if isinstance(place, int) else str(place) for place in error["loc"][1:]]


def _where(name: str, error: Any, file: InFile) -> str:
    """Where the mistake is: the setting, or the table of the file, and the way from there."""
    value, places, way = file.values.get(name), _places(error), error["loc"][1:]
    table = name.removeprefix("ANDON_").lower()
    if isinstance(value, dict):
        if len(way) > 1:
            key = way[0] if _BARE_KEY.fullmatch(str(way[0])) else json.dumps(str(way[0]), ensure_ascii=False)
            return ", ".join((f"[{table}.{key}] in {file.name}", *places[1:]))
        return ", ".join((f"[{table}] in {file.name}", *places))
    if isinstance(value, list) and way and isinstance(way[0], int) and isinstance(value[way[0]], dict):
        return ", ".join((f"[[{table}]] {places[0]} in {file.name}", *places[1:]))
    return ", ".join((name, *places))


def _sentence_within(where: str, error: Any, message: str) -> str:
    """The same for a mistake within a list or a table: says where."""
    shown = "" if isinstance(error["input"], dict | list) else f"={error['input']!s:.80}"
    return f"{where}{shown}: {message[0].lower()}{message[1:]}"
