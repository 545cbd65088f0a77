"""Mistakes in settings as sentences, which never quote a secret."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, get_args

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


def sentence(error: Any, names: Mapping[str, str], settings: type[BaseModel]) -> str:
    """What is wrong, by the ``names`` that fields of ``settings`` have in the environment."""
    message = in_words(error)
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    name = names.get(name, name)
    if error["type"] == "list_type" and isinstance(error["input"], dict):
        within = (one for one in error["loc"][1:] if isinstance(one, str))
        key = ".".join((name.removeprefix("ANDON_").lower(), *within))
        said = ", ".join((name, *_places(error)))
        return f"{said} must be a list of tables: write [[{key}]], in double brackets, above each table"
    if len(error["loc"]) > 1 and error["type"] in _WITHOUT_VALUE:
        said = f"{', '.join((name, *_places(error)))}{_WITHOUT_VALUE[error['type']]}"
        return f"{said}{_hint(error, names, settings)}"
    words = {"PASSWORD", "TOKEN", "SECRET"} & set(name.split("_"))
    if words or "API_KEY" in name or name in HOLD_SECRETS:
        return ", ".join((name, *_places(error))) + f": {message}"
    if len(error["loc"]) > 1:
        return _sentence_within(name, error, message)
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


def _sentence_within(name: str, error: Any, message: str) -> str:
    """The same for a mistake within a list or a table: says where."""
    where = ", ".join((name, *_places(error)))
    shown = "" if isinstance(error["input"], dict | list) else f"={error['input']!s:.80}"
    return f"{where}{shown}: {message[0].lower()}{message[1:]}"
