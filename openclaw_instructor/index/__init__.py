"""Index collections of documents in one SQLite file, and search them by meaning and by words."""

from openclaw_instructor.index.index import Index
from openclaw_instructor.index.results import CollectionReport, CollectionStatus, Hit, SearchResult, SyncReport

__all__ = ["CollectionReport", "CollectionStatus", "Hit", "Index", "SearchResult", "SyncReport"]
