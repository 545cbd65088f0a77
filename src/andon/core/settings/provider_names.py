"""The names of the providers: what people type for them, and the model each one uses where none is named."""

from __future__ import annotations

import difflib
import re
from typing import NamedTuple

from andon.core.errors import ConfigError

#: The names of ``PROVIDER``, in the order they are listed to users.
PROVIDERS: tuple[str, ...] = (
    "OLLAMA",
    "PLAYBOOK",
    "OPENAI_COMPATIBLE",
    "EMBEDDED",
    "OPEN_AI",
    "AZURE",
    "AZURE_AD",
    "CLOUDFLARE_AZURE",
    "GEMINI",
    "CLAUDE",
    "DEEPSEEK",
)

#: What a provider is asked where ``MODEL`` is empty. Azure has deployments, which only the site can name; other
#: OpenAI-compatible servers have whatever was loaded into them; EMBEDDED has its file.
DEFAULT_MODELS = {
    "OLLAMA": "deepseek-r1:1.5b",
    "OPEN_AI": "gpt-5.6-luna",
    "GEMINI": "gemini-3.8-flash",
    "CLAUDE": "claude-haiku-5-5",
    "DEEPSEEK": "deepseek-flash",
}

#: How alike an unknown name must be to a known one to be a slip of the pen.
_SLIP = 0.75
#: What else people write, in letters and digits alone.
_ALIASES = {
    "GPT": "OPEN_AI",
    "CHATGPT": "OPEN_AI",
    "AZUREOPENAI": "AZURE",
    "ENTRA": "AZURE_AD",
    "ENTRAID": "AZURE_AD",
    "AZUREENTRA": "AZURE_AD",
    "AZUREENTRAID": "AZURE_AD",
    "AZUREOPENAIAD": "AZURE_AD",
    "CLOUDFLARE": "CLOUDFLARE_AZURE",
    "AZURECLOUDFLARE": "CLOUDFLARE_AZURE",
    "CLOUDFLAREAZUREOPENAI": "CLOUDFLARE_AZURE",
    "GOOGLE": "GEMINI",
    "GOOGLEAI": "GEMINI",
    "GOOGLEGEMINI": "GEMINI",
    "ANTHROPIC": "CLAUDE",
    "ANTHROPICCLAUDE": "CLAUDE",
    "DEEPSEEKAI": "DEEPSEEK",
    "COMPATIBLE": "OPENAI_COMPATIBLE",
    "VLLM": "OPENAI_COMPATIBLE",
    "LMSTUDIO": "OPENAI_COMPATIBLE",
    "LLAMACPP": "OPENAI_COMPATIBLE",
    "LLAMASERVER": "OPENAI_COMPATIBLE",
    "LOCALAI": "OPENAI_COMPATIBLE",
    "OPENROUTER": "OPENAI_COMPATIBLE",
    "LITELLM": "OPENAI_COMPATIBLE",
    "GGUF": "EMBEDDED",
    "NONE": "PLAYBOOK",
    "OFF": "PLAYBOOK",
    "RULES": "PLAYBOOK",
}
_NAMES = {name.replace("_", ""): name for name in PROVIDERS} | _ALIASES | {"": "OLLAMA"}


class Member(NamedTuple):
    """One entry of ``ANDON_FALLBACK``: a provider, and the model to ask there ("" for its default)."""

    provider: str
    model: str


def provider_name(text: str, *, setting: str = "PROVIDER") -> str:
    """The provider that ``text`` means, whatever its case and separators; OLLAMA where it is empty.

    Raises ConfigError on an unknown one.
    """
    word = re.sub(r"[\s\"'._-]+", "", text.upper())
    if word in _NAMES:
        return _NAMES[word]
    close = difflib.get_close_matches(word, _NAMES, 1, _SLIP)
    meant = f"did you mean {_NAMES[close[0]]}? " if close else ""
    raise ConfigError(f"{setting} is {text!r}, which is no provider; {meant}there are {', '.join(PROVIDERS)}.")


def fallback_members(text: str) -> tuple[Member, ...]:
    """``PROVIDER[:MODEL],…`` as it stands in ``ANDON_FALLBACK``; what comes after PLAYBOOK is never reached.

    Raises ConfigError on an unknown provider, or one that is named twice with the same model.

    >>> fallback_members("ollama:llama3.2:3b, playbook")
    (Member(provider='OLLAMA', model='llama3.2:3b'), Member(provider='PLAYBOOK', model=''))
    """
    members: list[Member] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, model = entry.partition(":")
        if not name.strip():
            raise ConfigError(f"ANDON_FALLBACK has {entry!r}: write PROVIDER or PROVIDER:MODEL, separated by commas.")
        member = Member(provider_name(name, setting="ANDON_FALLBACK"), model.strip())
        if member in members:
            raise ConfigError(f"ANDON_FALLBACK names {entry} twice: leave one of them out.")
        members.append(member)
    return tuple(members)
