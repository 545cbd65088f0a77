"""Splunk: events by the HTTP event collector, alerts that Splunk runs itself, and searches that only read."""

from andon.act.connectors.splunk.splunk_connector import SplunkConnector

__all__ = ["SplunkConnector"]
