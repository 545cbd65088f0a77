"""Settings of a test's own making."""

from __future__ import annotations

from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from andon.core.settings.settings import Settings


class _Given(Settings):
    """Settings that nothing but the test says."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        **_: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def settings_of(**fields: Any) -> Settings:
    """The defaults with ``fields``, whatever the machine's environment says; models are trusted unless it says how."""
    return _Given(**{"model_trust": "always", **fields})
