"""What the answers of each model are worth at this site: see :class:`andon.core.models.Standing`."""

from __future__ import annotations

from andon.core.models import Standing
from andon.core.settings.settings import Settings


class Trust:
    """The standing of each model, as the settings, its trials and the technicians' verdicts have it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._standings: dict[tuple[str, str], Standing] = {}

    @property
    def blind(self) -> bool:
        """Whether every answer is taken that says anything (``ANDON_MODEL_TRUST=always``)."""
        return self._settings.model_trust == "always"

    def standing(self, provider: str, model: str) -> Standing:
        """What answers of this model are worth now; one that is not measured yet is advisory."""
        if self.blind:
            return Standing.QUALIFIED
        if self._settings.model_trust == "advisory":
            return Standing.ADVISORY
        return self._standings.get((provider, model), Standing.ADVISORY)
