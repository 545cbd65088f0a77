"""Explaining problems: the ladder of answers, a model behind one provider, runbooks, the built-in playbook, callers.

Nothing here imports a provider's library at import time; see :mod:`andon.explain.providers.registry`.
"""
