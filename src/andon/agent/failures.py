"""From a provider's failure to the ModelError that says what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from andon.agent.redact import clean
from andon.errors import ModelAnswerError, ModelBusy, ModelError, ModelMisconfigured, ModelUnavailable

if TYPE_CHECKING:
    from pydantic_ai.exceptions import ModelAPIError


class Place(NamedTuple):
    """What messages call the provider, and what helps where it is away or has not got the model."""

    name: str
    url: str
    model: str
    when_away: str
    when_missing: str
    api_key: str | None = None


def hidden(text: str, place: Place, limit: int = 200) -> str:
    """``text`` from a provider for a message to people: one short line, without secrets, ours first of all."""
    if place.api_key:
        text = text.replace(place.api_key, "[redacted]")
    return clean(" ".join(text.split()), limit)


def from_api_error(error: ModelAPIError, place: Place, deadline: float) -> ModelError:
    """The ModelError for what pydantic-ai raised: by HTTP status where there was one, else as unreachable."""
    from pydantic_ai.exceptions import (
        ModelConnectionError,
        ModelHTTPError,
        ModelRequestTimeout,
        ModelTimeoutError,
    )

    if isinstance(error, ModelHTTPError) and not error.in_stream:
        detail = hidden(_detail(error.body), place)
        return from_status(error.status_code, detail, place, retry_after=error.retry_after)
    if isinstance(error, ModelRequestTimeout | ModelTimeoutError):
        return too_slow(place, deadline)
    cause = error.__cause__
    if isinstance(cause, ValueError):
        # undecodable bytes, broken JSON, a body without end
        return not_understood(place, str(cause))
    if error.in_stream or (isinstance(error, ModelConnectionError) and error.phase == "read"):
        return ModelUnavailable(
            f"{place.name} at {place.url} broke off its answer ({hidden(error.message, place)}); "
            "it is asked again later.",
            retry_after=error.retry_after,
        )
    return unreachable(place, str(cause or error))


def from_status(status: int, detail: str, place: Place, *, retry_after: float | None = None) -> ModelError:
    """The ModelError for an HTTP status that is no success. ``detail`` is the provider's own message."""
    said = f"{status}: {detail}" if detail else f"{status}"
    if status in (401, 403):
        return ModelMisconfigured(
            f"{place.name} at {place.url} refuses our credentials ({said}): check API_KEY and what it may use."
        )
    if status == 404 and "model" in detail.lower():
        return ModelMisconfigured(
            f"{place.name} at {place.url} does not have the model {place.model}: {place.when_missing}"
        )
    if status == 404:
        return ModelMisconfigured(f"{place.url} is not {place.name} ({said}): check the address.")
    if status < 400 or status in (400, 405, 413, 422):
        return ModelMisconfigured(
            f"{place.name} at {place.url} refuses the request ({said}): check MODEL ({place.model}) and its settings."
        )
    busy = status in (429, 503)
    kind = ModelBusy if busy else ModelUnavailable
    word = "is busy" if busy else "failed"
    return kind(f"{place.name} at {place.url} {word} ({said}); it is asked again later.", retry_after=retry_after)


def unreachable(place: Place, reason: str) -> ModelUnavailable:
    """Nobody answers at the address."""
    return ModelUnavailable(f"{place.name} does not answer at {place.url} ({hidden(reason, place)}): {place.when_away}")


def too_slow(place: Place, deadline: float) -> ModelUnavailable:
    """The deadline passed."""
    return ModelUnavailable(
        f"{place.model} at {place.url} gave no answer within {deadline:g} s: it is asked again later; "
        "choose a smaller MODEL if this goes on."
    )


def not_understood(place: Place, reason: str) -> ModelAnswerError:
    """Something answers, but it is not a model's answer."""
    return ModelAnswerError(
        f"{place.name} at {place.url} sent something that is no answer ({hidden(reason, place)}): "
        f"check the address, and that {place.model} runs there."
    )


def _detail(body: object) -> str:
    """The message in an error body: ``{"error": {"message": …}}``, ``{"message": …}``, ``{"error": …}`` or text."""
    if isinstance(body, dict):
        inner = body.get("error", body)
        body = inner.get("message", inner) if isinstance(inner, dict) else inner
    return "" if body is None else str(body)
