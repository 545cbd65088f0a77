"""What a provider has to offer to be asked: the seam between the analyst and the providers.

A provider is a callable that takes an :class:`Access` and returns a :class:`Backend`: those that Andon comes with are
named in ``registry.py``, others by the entry points of installed packages.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from andon.core.errors import ModelError
from andon.core.outgoing_http import is_neighbour
from andon.core.settings.providers import PROVIDERS
from andon.explain.providers.access import Access, Capabilities
from andon.explain.providers.chat_completions import ChatApi
from andon.explain.providers.failures import Place, hidden, refused
from andon.explain.providers.http_client import bounded_client, get_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import httpx2
    from pydantic_ai.models import Model

T = TypeVar("T")

__all__ = ["Access", "Backend", "Capabilities", "ChatApi", "Place", "imported"]


class Backend(ABC):
    """One model of one provider: builds it, and knows how to ask whether it is there.

    ``place`` is what messages call it. Making one imports and connects nothing; it raises ConfigError with a sentence
    where a setting or an optional library is missing.
    """

    def __init__(self, access: Access, place: Place) -> None:
        self.provider = access.provider
        self.model = place.model
        self.place = place
        self.access = access
        self._client: httpx2.AsyncClient | None = None

    def connect(self) -> httpx2.AsyncClient | None:
        """The client over which the provider itself is asked (all that follows but :meth:`build`), opened once; None
        where only :meth:`build` opens it, which is then called first. Imports no provider's library; blocks."""
        return self._client

    def chat(self) -> ChatApi | None:
        """Where it takes OpenAI's chat completions over :meth:`connect`, so that it is asked with no library between;
        None where it has to be asked through :meth:`build`."""
        return None

    @abstractmethod
    def build(self) -> Model:
        """The pydantic-ai model; blocks while it imports, so it is called in a thread, before the first question."""

    def start(self) -> None:  # noqa: B027 - the rule, not a part that is missing
        """Begin what takes long before the first answer; called once, on the loop, once it is connected."""

    @abstractmethod
    async def capabilities(self) -> Capabilities:
        """What the model can do, asked of the provider once where only it knows, the site's own words put first
        (:meth:`Access.over`). Never raises: what cannot be asked now is taken for absent, and asked again next time."""

    @abstractmethod
    async def check(self) -> None:
        """Ask whether the model is there, which costs nothing. Raises the ModelError a question would meet."""

    async def ready(self) -> bool:
        """Whether an answer would start at once (False: the model must be loaded first). Raises ModelError."""
        return True

    async def identity(self) -> str:
        """The digest of the model's weights, "" where the provider does not tell. Raises ModelError."""
        return ""

    def answered(self) -> None:  # noqa: B027 - the rule, not a part that is missing
        """The model has just answered."""

    async def close(self) -> None:
        """Close connections; idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def open_client(
        self,
        headers: Mapping[str, str] | None = None,
        *,
        trust_env: bool | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> httpx2.AsyncClient:
        """The client of this backend, which :meth:`close` closes: bounded in time and in what it reads.

        ``trust_env`` heeds the machine's proxies; None: where the address is none of this network.
        """
        self._client = bounded_client(
            timeout=self.access.timeout,
            pool=self.access.pool,
            trust_env=not is_neighbour(self.place.url) if trust_env is None else trust_env,
            headers=headers,
            transport=transport,
        )
        return self._client

    async def get(self, url: str, headers: Mapping[str, str] | None = None, **more: Any) -> Any:
        """See :func:`andon.explain.providers.http_client.get_json`, of this backend's client and place."""
        return await get_json(self._client, self.place, url, headers, **more)


@contextlib.contextmanager
def in_words(backend: Backend, doing: str) -> Iterator[None]:
    """Whatever a provider from outside raises while ``doing`` becomes a ModelMisconfigured that names its package.

    ModelErrors and what Andon's own providers raise pass as they are.
    """
    try:
        yield
    except ModelError:
        raise
    except (Exception, SystemExit) as error:
        if backend.provider in PROVIDERS:
            raise
        reason = hidden(f"{type(error).__name__}: {error}", backend.place)
        raise refused(
            f"PROVIDER={backend.provider} cannot {doing} ({reason}): correct or update its package."
        ) from error


def imported(build: Callable[[], T], backend: Backend) -> T:
    """What ``build`` makes; blocks. Raises ModelMisconfigured where a library that is installed cannot be imported."""
    with in_words(backend, "build its model"):
        try:
            return build()
        except ImportError as error:
            reason = hidden(str(error), backend.place)
            raise refused(
                f"The library behind PROVIDER={backend.provider} cannot be imported ({reason}): install Andon again, "
                "with its extras."
            ) from error
