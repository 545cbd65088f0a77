"""What a model's answer has to be before it may replace or accompany anything."""

from andon.explain.gate.form import worthless
from andon.explain.gate.gate import Fault, fault

__all__ = ["Fault", "fault", "worthless"]
