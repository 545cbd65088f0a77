"""With which status a failure is told, on the page and by the API alike."""

from __future__ import annotations

from andon.core.errors import (
    ActionRefused,
    BrokerUnavailable,
    ModelBusy,
    NotFound,
    QueryTooSlow,
    StoreError,
    StoreFull,
    StoreTooNew,
    StoreUnavailable,
)

#: What passes: trying again may help.
_PASSES = (StoreUnavailable, StoreFull, StoreTooNew, QueryTooSlow, BrokerUnavailable, ModelBusy)


def status_of(error: Exception) -> int:
    """503 for what passes, 404 for what is not there, 400 for what makes no sense, 500 for the rest."""
    if isinstance(error, _PASSES):
        return 503
    if isinstance(error, NotFound):
        return 404
    return 400 if isinstance(error, StoreError | ActionRefused) else 500


def is_trouble(error: Exception) -> bool:
    """Whether Andon's own log tells of it: what whoever asks can put right by asking otherwise is none."""
    return status_of(error) >= 500 and not isinstance(error, QueryTooSlow | ModelBusy)
