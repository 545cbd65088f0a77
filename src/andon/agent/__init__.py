"""Explaining problems: a model behind one provider, and the built-in playbook.

Nothing here imports a provider's library at import time; see :mod:`andon.agent.providers`.
"""
