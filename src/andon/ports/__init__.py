"""The seams between the pipeline and the islands (bus, store, patterns, agent), as protocols.

Adapters implement these; the pipeline sees nothing else; ``service.py`` joins them.
Async methods may raise the errors named in their docstrings and :class:`asyncio.CancelledError`.
"""

from andon.ports.answers import Analyst, AskAgain, PlaybookAnswers, Runbooks
from andon.ports.broker import AnalyzeHandler, Callers, LogStream, ObjectFetcher, PlainRequestHandler, Publisher
from andon.ports.database import History, LogStore, Pictures, Retention, Spending
from andon.ports.grouping import Grouper, Likeness, PatternMerger, SimilarFixes

__all__ = [
    "Analyst",
    "AnalyzeHandler",
    "AskAgain",
    "Callers",
    "Grouper",
    "History",
    "Likeness",
    "LogStore",
    "LogStream",
    "ObjectFetcher",
    "PatternMerger",
    "Pictures",
    "PlainRequestHandler",
    "PlaybookAnswers",
    "Publisher",
    "Retention",
    "Runbooks",
    "SimilarFixes",
    "Spending",
]
