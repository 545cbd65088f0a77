"""Asking a model: prompts, the fence around logs, tools, one run of the agent, what its answer is worth."""
