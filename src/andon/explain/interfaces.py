"""A model that explains problems."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from andon.core.models import Explanation, Question

#: Asked before a further call for the same question; whether it may be made. It counts as made where it may.
AskAgain = Callable[[], Awaitable[bool]]
#: The built-in rules, alone or with the site's own: the answer of the one that matches best, at once; never raises.
Rules = Callable[[Question], Explanation]
#: Loads, off the loop, what the first answer would have to wait for; at once where that was done.
Ready = Callable[[], Awaitable[None]]


async def at_hand() -> None:
    """What needs no loading is ready."""


class Analyst(Protocol):
    """A model behind one provider, or several of which the next question goes to the first that is well.

    ``provider``, ``model``, ``prompt_version`` and ``identity`` are those of the one that is asked next.
    """

    @property
    def provider(self) -> str:
        """The provider's name, as in ``PROVIDER``."""
        ...

    @property
    def model(self) -> str:
        """The model's name."""
        ...

    @property
    def prompt_version(self) -> str:
        """The version of the wording by which it is asked, the site's own instructions included."""
        ...

    async def identity(self) -> str:
        """The digest of the model's weights, so that another model behind the same name is noticed; "" where nobody
        tells. Never raises."""
        ...

    async def warm_up(self) -> None:
        """Open what the model's provider is asked over, and begin what takes long before the first answer; idempotent.
        What only a question needs is loaded with the first one."""
        ...

    async def explain(self, question: Question, again: AskAgain | None = None, *, choose: bool = False) -> Explanation:
        """Ask once. Raises ModelUnavailable, ModelMisconfigured or ModelAnswerError.

        Where an answer is worth a second call (a finding that does not fit), ``again`` is asked first: False
        forbids it. Without ``again`` it is free to call twice, never more often. With ``choose`` the answer may end as
        soon as it names the offered rule that fits: then that rule's own text is the explanation.
        """
        ...

    async def check(self) -> None:
        """Raises the ModelError a question would meet now, without asking one."""
        ...

    async def close(self) -> None:
        """Close connections; idempotent."""
        ...
