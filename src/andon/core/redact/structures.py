"""Which parts of a JSON value are secrets by what stands around them: fields, entries, pairs, arguments, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from andon.core.late_patterns import late
from andon.core.redact import commands, vocabulary
from andon.core.redact.visible import folded

WHOLE: Final = (-1, -1)
_NAMING = frozenset(("name", "key", "k", "n", "field", "param", "parameter", "property", "option", "header", "setting"))
_NAMING |= {"attribute", "id", "label", "variable", "var", "env", "title", "type"}
_VALUED = late(
    r"(?:.*[_\-.\s])?(?:values?|val|v|wert|data|content|text|current|new|old|default|secret|from|to|stringvalue"
    r"|string|input|entered|typed|answer|response|raw)\Z"
)
#: Fields in which a user and a password stand together.
_LOGINS = frozenset(("login", "logon", "userpwd", "user_password", "basic_auth", "basicauth", "userinfo", "anmeldung"))
_LOGIN = late(r"[^\s:/]{1,60}[:/](?P<pass>[^\s/]{3,200})\Z")
_COLUMNS = ("columns", "fields", "headers", "header", "names", "keys", "cols")
_ROWS = ("rows", "values", "data", "records", "row")
_CARELESS = frozenset(["user", "username", "email", "id", "name", "login", "role", "roles", "host", "port"])


def secret_fields(value: Mapping[Any, Any], parent: str = "") -> set[Any]:
    """The keys of an object under which a secret stands; ``parent`` is the key of the object itself."""
    found = {key for key, inner in value.items() if _is_secret(str(key), inner)}
    if parent:  # {"api": {"key": …}}
        found |= {
            key
            for key, inner in value.items()
            if isinstance(inner, str) and vocabulary.kind_of_key(f"{parent}_{key}") == "key"
        }
    lowered = {str(key).lower().lstrip("@#$_"): key for key in value}
    for name, key in lowered.items():
        if name in _NAMING and isinstance(value[key], str) and len(value[key]) <= 80 and _is_name(value[key]):
            found |= {other for told, other in lowered.items() if _VALUED.match(told) and told not in _NAMING}
    return found


def secret_columns(value: Mapping[Any, Any]) -> tuple[Any, frozenset[int]] | None:
    """The key of a table's rows and the numbers of the columns with secrets, of ``{"columns": […], "rows": [[…]]}``."""
    lowered = {str(key).lower(): key for key in value}
    names = next(
        (value[lowered[one]] for one in _COLUMNS if one in lowered and isinstance(value[lowered[one]], list)), None
    )
    if names is None or not all(isinstance(one, str) for one in names):
        return None
    secret = frozenset(at for at, one in enumerate(names) if vocabulary.kind_of_key(one) not in (None, "counted"))
    for one in _ROWS:
        rows = value[lowered[one]] if one in lowered else None
        if secret and isinstance(rows, list) and any(isinstance(row, list) for row in rows):
            return lowered[one], secret
    return None


def _is_secret(key: str, inner: Any) -> bool:
    kind = vocabulary.kind_of_key(key)
    if inner is None:
        return False
    if kind is None:
        login = _LOGIN.match(inner) if isinstance(inner, str) and folded(key).strip("_") in _LOGINS else None
        return login is not None and vocabulary.is_opaque(login["pass"])
    if kind == "counted":  # "tokens": a number counts them, anything else is them
        return not isinstance(inner, int | float)
    if kind == "weak":
        return _is_weak_secret(folded(key), inner)
    if kind == "community":
        return isinstance(inner, str)
    if kind == "credential" and isinstance(inner, bool):
        return False
    return not (
        kind in ("token", "credential")
        and isinstance(inner, str)
        and vocabulary.is_plain(folded(inner))
        and not inner.isdigit()
    )


def _is_weak_secret(key: str, inner: Any) -> bool:
    """Whether the value of ``pin``, ``pass`` or ``auth`` is one of a person and not of a connector or a test."""
    if isinstance(inner, bool):
        return False
    said = str(inner)
    if isinstance(inner, dict | list):
        pair = isinstance(inner, list) and len(inner) in (2, 3) and all(isinstance(one, str) for one in inner)
        return "pin" not in key and bool(inner) and (pair or key not in ("auth", "pass", "bearer"))
    if "pin" in key:
        return re.fullmatch(r"\d{4,12}(?:\.\d+)?", said) is not None
    if isinstance(inner, int | float) or said.isdigit():
        return (len(said) >= 4 and key not in ("pass", "clave", "parola")) or (key == "pass" and len(said) >= 6)
    return not vocabulary.is_plain(folded(said)) and not (
        key == "auth" and folded(said) in ("basic", "bearer", "digest", "ntlm", "oauth2", "oauth", "psk", "open")
    )


def _is_name(text: str) -> bool:
    return (" " not in text.strip() and vocabulary.kind_of_key(text) not in (None, "counted")) or (
        vocabulary.kind_of_key(text) == "password" and len(text) < 40
    )


def secret_items(value: Sequence[Any]) -> dict[int, tuple[int, int]]:
    """The numbers of a list's items that are secrets, with the part that is, or WHOLE."""
    found: dict[int, tuple[int, int]] = {}
    if value and isinstance(value[0], str) and all(isinstance(one, str) for one in value):
        found = {at: (start, end) for at, start, end in commands.secret_arguments(value[:200])}
        found = {at: WHOLE if part == (0, len(value[at])) else part for at, part in found.items()}
        if len(value) > 2 and len(value) % 2 == 0:  # names and values by turns, as of raw headers
            for at in range(0, len(value), 2):
                if _names_next(value, at) and any(
                    not vocabulary.is_opaque(one) and one[:1].isupper() for one in value[::2]
                ):
                    found[at + 1] = WHOLE
    if len(value) == 2 and isinstance(value[0], str) and _names_next(value, 0):
        found[1] = WHOLE
    return found


def _names_next(value: Sequence[Any], at: int) -> bool:
    name, inner = value[at], value[at + 1]
    if (
        not isinstance(name, str)
        or len(name) > 80
        or name.startswith("-")
        or not _is_name(name)
        or not _is_secret(name, inner)
    ):
        return False
    said = folded(inner) if isinstance(inner, str) else ""
    return not (said and (vocabulary.is_plain(said) or said in _CARELESS or _is_name(said)))


def has_secret(value: Any, depth: int = 12) -> bool:
    """Whether a part of ``value`` is a secret by what stands around it."""
    if depth <= 0:
        return False
    if isinstance(value, dict):
        return bool(secret_fields(value) or secret_columns(value)) or any(
            has_secret(inner, depth - 1) for inner in value.values()
        )
    if isinstance(value, list):
        return bool(secret_items(value)) or any(has_secret(inner, depth - 1) for inner in value)
    return False


def strings(value: Any) -> Iterator[str]:
    """Every string in ``value``, those that are keys included."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            stack += [*map(str, one), *one.values()]
        elif isinstance(one, list):
            stack += one
