"""What the providers behind an HTTP API have in common whose models are known by their names."""

from __future__ import annotations

from abc import abstractmethod

from andon.explain.providers.backend import Access, Backend, Capabilities
from andon.explain.providers.failures import Place


class HostedBackend(Backend):
    """A model behind an HTTP API; the base of the backends that differ in library, address and authentication.

    Subclasses build the model over :meth:`open_client`, and say in :meth:`check` what they :meth:`get` to learn
    whether the provider would answer.
    """

    def __init__(self, access: Access, place: Place) -> None:
        super().__init__(access, place)
        #: Whether something stands in place of the provider itself, which may have questions only.
        self.gateway = bool(access.base_url.strip())
        self.key = access.api_key

    async def capabilities(self) -> Capabilities:
        """What is known of the model by its name, with the site's own words put first."""
        return self.access.over(self.known())

    @abstractmethod
    def known(self) -> Capabilities:
        """What the model can do, as far as its name tells."""
