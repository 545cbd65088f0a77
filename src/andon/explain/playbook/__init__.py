"""Built-in answers: rules as data (the YAML files beside this module) and the engine that picks one.

No model, no network, an answer in well under two milliseconds. See :mod:`andon.explain.playbook.rules` for what a
rule file may say, and :mod:`andon.explain.playbook.site` for a site's own rules.
"""

from andon.explain.playbook.parsed_files import NAME as RULES_KEPT
from andon.explain.playbook.playbook import GENERAL, Playbook, bundled_playbook
from andon.explain.playbook.rules import Rule
from andon.explain.playbook.site import SitePlaybook

__all__ = ["GENERAL", "RULES_KEPT", "Playbook", "Rule", "SitePlaybook", "bundled_playbook"]
