"""ServiceNow: incidents by the Table API, events by the interface of Event Management, and looking tickets up."""

from andon.act.connectors.servicenow.incidents import ServiceNowConnector

__all__ = ["ServiceNowConnector"]
