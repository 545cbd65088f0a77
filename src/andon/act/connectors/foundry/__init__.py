"""Palantir Foundry: files into datasets, rows into streams, actions of an ontology."""

from andon.act.connectors.foundry.foundry_connector import FoundryConnector

__all__ = ["FoundryConnector"]
