"""The settings in force as they may be shown: without keys, passwords, tokens, and what else may hold one."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from pydantic import BaseModel, SecretStr

from andon.core.settings.database_url import parse_database
from andon.core.settings.mistakes import HOLD_SECRETS
from andon.core.settings.settings import Settings, environment_name

#: In place of a secret that is set.
HIDDEN = "•••"
_ADDRESS = re.compile(r"\A([A-Za-z][A-Za-z0-9+.-]*://)?(.*@)?([^?]*)(\?.*)?\Z", re.DOTALL)


class SettingShown(msgspec.Struct, frozen=True):
    """A setting by its environment name. ``secret`` values are never told, only whether there is one.

    ``changed`` says that the site chose another value than the default.
    """

    name: str
    value: str
    default: str
    changed: bool
    secret: bool
    description: str


def shown_settings(settings: Settings) -> list[SettingShown]:
    """Every setting in its order."""
    return [_shown(settings, field) for field in Settings.model_fields]


def _shown(settings: Settings, field: str) -> SettingShown:
    info, name = Settings.model_fields[field], environment_name(field)
    value, default = getattr(settings, field), info.get_default(call_default_factory=True)
    secret = isinstance(value, SecretStr) or name in HOLD_SECRETS
    changed = _plain(value) != _plain(default)
    shown, usual = _text(field, value), _text(field, default)
    if secret:
        shown, usual = (HIDDEN if changed else ""), ""
    return SettingShown(name, shown, usual, changed, secret, info.description or "")


def _text(field: str, value: Any) -> str:
    """A value that is no secret itself, without what may be one inside it."""
    plain = _plain(value)
    if not isinstance(plain, str):
        return "" if plain in (None, [], {}) else msgspec.json.encode(plain, enc_hook=str).decode()
    if field == "db_path":
        return str(parse_database(plain)) if plain else ""
    if field == "nats_url" or "://" in plain:
        return without_credentials(plain)
    return plain


def without_credentials(address: str) -> str:
    """An address without the login and the parameters in it; rather too little is shown than too much.

    >>> without_credentials("https://me:pass/word@host:80/v1?key=1"), without_credentials("token@plant")
    ('https://•••@host:80/v1?•••', '•••@plant')
    """
    found = _ADDRESS.match(address)
    if found is None:
        return HIDDEN
    scheme, login, rest, query = found.groups()
    return f"{scheme or ''}{HIDDEN + '@' if login else ''}{rest}{'?' + HIDDEN if query else ''}"


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
