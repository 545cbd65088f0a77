"""Applying the rules of retention a little at a time, and forecasting what they would do."""

from andon.store.engine.audit import AuditEntry
from andon.store.retention.forecast import Forecast, RetentionState, predict, state

__all__ = ["AuditEntry", "Forecast", "RetentionState", "predict", "state"]
