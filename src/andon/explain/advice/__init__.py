"""What an answer may not advise: the rules, and how they are found in an answer's words."""

from andon.explain.advice.forbidden import refusal, refusal_of, violations

__all__ = ["refusal", "refusal_of", "violations"]
