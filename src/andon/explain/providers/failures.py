"""From a provider's failure to the ModelError that says what to do about it."""

from __future__ import annotations

import base64
import contextlib
import functools
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from andon.core.errors import ModelAnswerError, ModelBusy, ModelError, ModelMisconfigured, ModelUnavailable
from andon.core.redact import clean
from andon.explain.providers.non_streaming import NotAStream, web_page

if TYPE_CHECKING:
    from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError

#: No room now: 429 everywhere, 503 Ollama and Google, 529 Anthropic.
BUSY = (429, 503, 529)

#: Google says 400 for a key that is none.
_BAD_KEY = re.compile(r"api[ _]key (?:not valid|expired|not found)")
#: 400 for a question that is longer than the context: llama.cpp, OpenAI and vLLM, Anthropic, Google.
_TOO_LONG = re.compile(
    r"exceeds? the (?:available )?context|maximum context length|context_length_exceeded|prompt is too long"
    r"|exceeds the maximum number of tokens|larger than the (?:max|context)"
)
_NO_CREDIT = re.compile(r"insufficient[_ ]quota|quota\b.{0,60}\bbilling|credit balance is too low")
#: Azure says 400 where its filter stops a question.
_FILTERED = re.compile(r"content[ _]?(?:management|filter)")


@dataclass(frozen=True, kw_only=True)
class Place:
    """What messages call the provider, and what helps where it is away or has not got the model.

    ``key_setting`` names what to check where it refuses us, ``when_wrong`` what helps where something else answers at
    the address, ``when_too_long`` where a question does not fit into the model's context. ``api_key`` and ``secrets``
    are what no message may show; they do not appear in the repr either.
    """

    name: str
    url: str
    model: str
    when_away: str
    when_missing: str
    when_wrong: str = "check the address."
    when_too_long: str = "lower ANDON_MODEL_PROMPT_TOKENS or ANDON_MODEL_MAX_TOKENS, or choose another MODEL."
    key_setting: str = "API_KEY"
    api_key: str | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def within(self) -> str:
        """The name within a sentence: ``the model server``, ``OpenAI``."""
        return f"the {self.name[4:]}" if self.name.startswith("The ") else self.name


def refused(message: str, alone: str | None = None) -> ModelMisconfigured:
    """The provider refuses us; ``alone`` is what to say where it passes its check and refused one question only."""
    error = ModelMisconfigured(message)
    error.alone = alone
    return error


def standing(message: str) -> ModelMisconfigured:
    """The provider says of our account or our model what holds for every question, whatever its check can tell."""
    error = ModelMisconfigured(message)
    error.standing = True
    return error


def only_this(place: Place, did: str, said: str) -> str:
    """What to say of a failure that one question met at a provider that passes its check."""
    return (
        f"{place.name} at {place.url} {did} this question ({said}) and passes its check: something in between, such as "
        "a firewall or a proxy, may reject its content."
    )


def hidden(text: str, place: Place, limit: int = 200) -> str:
    """``text`` from a provider for a message to people: one short line, without secrets, ours first of all."""
    for secret in filter(None, (place.api_key, *place.secrets)):
        for form in _forms(secret):
            text = text.replace(form, "[redacted]")
    return clean(" ".join(text.split()), limit)


@functools.lru_cache(maxsize=64)
def _forms(secret: str) -> tuple[str, ...]:
    """A secret as it is, and as servers write it into pages: percent-encoded, in base64, in JSON, in HTML."""
    data = secret.encode()
    written = (
        secret,
        quote(secret, safe=""),
        quote(secret),
        base64.b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode(),
        json.dumps(secret)[1:-1],
        html.escape(secret),
    )
    return tuple(sorted({*written, *(form.rstrip("=") for form in written[3:5])}, key=len, reverse=True))


def from_api_error(error: ModelAPIError, place: Place, deadline: float) -> ModelError:
    """The ModelError for what pydantic-ai raised: by HTTP status where there was one, else as unreachable."""
    from pydantic_ai.exceptions import (
        ModelConnectionError,
        ModelHTTPError,
        ModelRequestTimeout,
        ModelTimeoutError,
    )

    if isinstance(error, ModelHTTPError) and (not error.in_stream or error.status_code in BUSY):
        return from_status(error.status_code, refusal(error, place), place, retry_after=error.retry_after)
    if isinstance(error, ModelRequestTimeout | ModelTimeoutError):
        return too_slow(place, deadline)
    cause = error.__cause__
    if (else_there := _behind(error)) is not None:
        return unlike(place, else_there.what)
    if isinstance(cause, ValueError):
        # undecodable bytes, broken JSON, a body without end
        return not_understood(place, str(cause))
    if isinstance(error, ModelHTTPError):
        said = f"{error.status_code}: {refusal(error, place)}"
    elif error.in_stream or (isinstance(error, ModelConnectionError) and error.phase == "read"):
        said = hidden(deepest(error), place)
    else:
        return unreachable(place, deepest(error))
    return broke_off(place, said, retry_after=error.retry_after)


def broke_off(place: Place, said: str, *, retry_after: float | None = None) -> ModelUnavailable:
    """The answer had begun and did not come to its end."""
    broken = ModelUnavailable(
        f"{place.name} at {place.url} ended its answer early ({said}); Andon asks again later.", retry_after=retry_after
    )
    broken.alone = only_this(place, "ended its answer early to", said)
    return broken


def from_status(status: int, detail: str, place: Place, *, retry_after: float | None = None) -> ModelError:
    """The ModelError for an HTTP status that is no success. ``detail`` is the provider's own message."""
    error = _from_status(status, detail, place, retry_after)
    said_of_us = isinstance(error, ModelMisconfigured) and (error.too_long or error.standing)
    if error.alone is None and not said_of_us and not isinstance(error, ModelBusy | ModelAnswerError):
        said = f"{status}: {detail}" if detail else f"{status}"
        error.alone = only_this(place, "refused" if status < 500 else "failed at", said)
    return error


def _from_status(status: int, detail: str, place: Place, retry_after: float | None) -> ModelError:
    said = f"{status}: {detail}" if detail else f"{status}"
    told = detail.lower()
    if status in (401, 403) or (status == 400 and _BAD_KEY.search(told)):
        return refused(
            f"{place.name} at {place.url} rejected the credentials ({said}): check {place.key_setting} and its "
            "permissions."
        )
    # OpenAI says 429 for an account without credit, Anthropic 400; Google says the same words and when to come back
    if status == 402 or (status in (400, 429) and _NO_CREDIT.search(told) and retry_after is None):
        return standing(f"{place.name} at {place.url} requires payment ({said}): top up the account.")
    if status == 404 and ("model" in told or "deployment" in told):
        return standing(f"{place.name} at {place.url} does not have the model {place.model}: {place.when_missing}")
    if status == 404:
        return refused(f"{place.url} is not {place.within} ({said}): {place.when_wrong}")
    if status < 400:
        return unlike(place, f"{said}, a redirect" if status >= 300 else said)
    if status == 407:
        return refused(
            f"The proxy between Andon and {place.within} at {place.url} requires credentials ({said}): correct "
            "HTTPS_PROXY."
        )
    if status in (400, 422) and _FILTERED.search(told):
        return filtered(place, detail)
    if status in (400, 413, 422) and _TOO_LONG.search(told):
        error = ModelMisconfigured(
            f"The question does not fit in the context of {place.model} at {place.url} ({said}): {place.when_too_long}"
        )
        error.too_long = True
        return error
    if status in (400, 405, 413, 422):
        return ModelMisconfigured(
            f"{place.name} at {place.url} refuses the request ({said}): check MODEL ({place.model}) and its settings."
        )
    busy = status in BUSY
    kind = ModelBusy if busy else ModelUnavailable
    word = "is busy" if busy else "failed"
    return kind(f"{place.name} at {place.url} {word} ({said}); Andon asks again later.", retry_after=retry_after)


def unreachable(place: Place, reason: str) -> ModelUnavailable:
    """Nobody answers at the address, or not so that we may trust it."""
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        said = hidden(re.sub(r"\[SSL: CERTIFICATE_VERIFY_FAILED\] | \(_ssl.c:\d+\)", "", reason), place)
        return ModelUnavailable(
            f"{place.name} at {place.url} presents a certificate that is not trusted here ({said}): set SSL_CERT_FILE "
            "to the certificate of the authority that signed it."
        )
    away = ModelUnavailable(f"{place.name} does not answer at {place.url} ({hidden(reason, place)}): {place.when_away}")
    away.alone = only_this(place, "closed the connection on", hidden(reason, place))
    return away


def too_slow(place: Place, deadline: float) -> ModelUnavailable:
    """The deadline passed."""
    error = ModelUnavailable(
        f"{place.model} at {place.url} gave no answer within {deadline:g} s: Andon asks again later; choose a smaller "
        "MODEL if this continues."
    )
    error.late = True
    return error


def not_understood(place: Place, reason: str) -> ModelAnswerError:
    """Something answers, but it is not a model's answer."""
    error = ModelAnswerError(
        f"{place.name} at {place.url} sent something that is not an answer ({hidden(reason, place)}): check the "
        f"address, and that {place.model} runs there."
    )
    error.by_model = False
    return error


def not_an_answer(place: Place, error: Exception) -> ModelError:
    """What a library made of bytes that are none of a model's server, or what we saw there ourselves."""
    if (else_there := _behind(error)) is not None:
        return unlike(place, else_there.what)
    return not_understood(place, str(error) if isinstance(error, ValueError) else "not the chunks of an answer")


def unlike(place: Place, what: str) -> ModelMisconfigured:
    """Something else than the provider answers at its address: a proxy's page, another program."""
    said = hidden(what, place)
    return refused(
        f"{place.url} answers, but not like {place.within} ({said}): {place.when_wrong}",
        only_this(place, "sent something other than an answer to", said),
    )


def lacks(place: Place, listed: list[str]) -> ModelMisconfigured:
    """The provider has other models than ours."""
    shown = hidden(", ".join(listed[:8]) or "none", place)
    return refused(
        f"{place.name} at {place.url} does not have the model {place.model} (it has: {shown}): {place.when_missing}"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """``error`` and what is behind it, eight deep at most."""
    for _ in range(9):
        if error is not None:
            yield error
            error = error.__cause__ or error.__context__


def deepest(error: BaseException) -> str:
    """What was wrong in the end: libraries wrap it into words such as ``Connection error.``"""
    return next(filter(None, reversed([str(cause) for cause in _causes(error)])), "")


def _behind(error: BaseException) -> NotAStream | None:
    """What was there in place of a stream, where that is behind ``error``."""
    return next((cause for cause in _causes(error) if isinstance(cause, NotAStream)), None)


def filtered(place: Place, reason: str) -> ModelAnswerError:
    """The provider's content filter stopped the question or the answer. ``reason`` is its own word for it."""
    said = f" ({hidden(reason, place)})" if reason else ""
    error = ModelAnswerError(
        f"The content filter of {place.within} stopped the answer of {place.model}{said}: relax the filter for this "
        "use, or choose a model on your own hardware."
    )
    error.by_model = False
    return error


def cut_off(place: Place, limit: int) -> ModelAnswerError:
    """The answer ended at the limit of tokens before anything of it could be used."""
    return ModelAnswerError(
        f"{place.model} at {place.url} used up its {limit} tokens before it gave an answer: raise "
        "ANDON_MODEL_MAX_TOKENS, or choose a MODEL that reasons less."
    )


def endless(place: Place) -> ModelAnswerError:
    """More came than any answer needs, and reading was stopped."""
    return ModelAnswerError(
        f"{place.model} at {place.url} kept writing far beyond the length of an answer: choose another MODEL if this "
        "continues."
    )


def goes_in_circles(place: Place) -> ModelAnswerError:
    """The same words, or nothing but white space, came over and over, and reading was stopped."""
    return ModelAnswerError(
        f"{place.model} at {place.url} said one thing over and over and kept writing far beyond the length of an "
        "answer: choose another model if this continues."
    )


def refused_form(place: Place, reason: str) -> ModelMisconfigured:
    """The model does not know the form in which the site wants findings asked for."""
    return refused(
        f"{place.model} cannot be asked that way ({hidden(reason, place)}): "
        "set ANDON_MODEL_OUTPUT to auto, or choose another MODEL."
    )


def refusal(error: ModelHTTPError, place: Place) -> str:
    """The provider's own message in an HTTP error, short and without secrets."""
    return hidden(message_in(error.body), place)


def message_in(body: object) -> str:
    """The message in an error body: ``{"error": {"message": …}}``, ``{"message": …}``, ``{"error": …}`` or text.

    Google wraps the object in a list where it streams, and its SDK hands the body on as text. Of a web page, which
    proxies send, its title.
    """
    if isinstance(body, str) and body.lstrip().startswith(("{", "[")):
        with contextlib.suppress(ValueError, RecursionError):
            body = json.loads(body)
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, dict):
        inner = body.get("error", body)
        body = inner.get("message", inner) if isinstance(inner, dict) else inner
    text = "" if body is None else str(body)
    return web_page(text) or text
