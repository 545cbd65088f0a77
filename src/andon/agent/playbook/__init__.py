"""Built-in answers: rules as data (the YAML files beside this module) and the engine that picks one.

No model, no network, an answer in well under two milliseconds. See :mod:`andon.agent.playbook.rules` for what a
rule file may say.
"""

from andon.agent.playbook.engine import GENERAL, Playbook
from andon.agent.playbook.rules import Rule

__all__ = ["GENERAL", "Playbook", "Rule"]
