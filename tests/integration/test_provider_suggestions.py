"""What a model may suggest, asked of each kind of provider by its own rules: the form is taken, and read back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from andon.core.models import Explanation
from andon.core.models.explanations import Suggestion
from andon.explain.model.fallback import build_analyst
from andon.explain.suggestions import Offer
from support.patience import PATIENCE
from support.providers.anthropic_api import AnthropicApi
from support.providers.gemini_api import GeminiApi
from support.providers.openai_api import CompatibleApi, DeepSeekApi, OpenAIApi
from support.providers.server import FINDING, Answer, Api
from support.questions import question
from support.settings import settings_of

OFFERS = [Offer("ticket", "jira-plant"), Offer("message", "shift")]
WHY = "The filter mat has to be replaced."
VENDORS: list[tuple[str, Callable[..., Api], str, str]] = [
    ("OPEN_AI", OpenAIApi, "gpt-4o-mini", "/v1"),
    ("OPENAI_COMPATIBLE", CompatibleApi, "qwen3-8b", "/v1"),
    ("DEEPSEEK", DeepSeekApi, "deepseek-flash", ""),
    ("CLAUDE", AnthropicApi, "claude-haiku-5-5", ""),
    ("GEMINI", GeminiApi, "gemini-3.1-flash-lite", ""),
]


def explained(name: str, api: Api, path: str, answers: list[Answer]) -> list[Explanation]:
    """Questions to one analyst that offers something."""
    api.script(*answers)
    config = settings_of(
        provider=name,
        model=api.model,
        api_key=api.key,
        base_url=f"{api.url}{path}",
        model_deadline=PATIENCE,
        model_cold_deadline=PATIENCE,
    )

    async def main() -> list[Explanation]:
        analyst = build_analyst(config, offers=OFFERS)
        assert analyst is not None
        try:
            return [await analyst.explain(question()) for _ in answers]
        finally:
            await analyst.close()

    return asyncio.run(main())


@pytest.mark.parametrize(("name", "stand_in", "model", "path"), VENDORS, ids=[one[0] for one in VENDORS])
def test_each_provider_takes_the_form(name: str, stand_in: Callable[..., Api], model: str, path: str) -> None:
    """No rule of its is broken; what does not fit costs no second request and not the finding."""
    good: dict[str, Any] = {**FINDING, "suggest": "ticket jira-plant", "suggest_why": WHY}
    answers = [
        Answer(finding=good),
        Answer(finding={**good, "suggest": "none", "suggest_why": ""}),
        Answer(finding={**good, "suggest": "close jira-plant"}),
        Answer(finding=FINDING),
    ]
    with stand_in(model=model) as api:
        said = explained(name, api, path, answers)
        assert api.violations == []
        assert len(api.requests) == len(answers)
        heads = {
            json.dumps(request.body.get("tools") or request.body.get("response_format")) for request in api.requests
        }
    assert [one.suggestion for one in said] == [Suggestion("ticket", "jira-plant", WHY), None, None, None]
    assert all(one.finding is not None and "suggest" not in one.finding for one in said)
    assert len(heads) == 1  # byte by byte the same form each time
