"""Read mail as people see it, for classification, search and matching."""

from openclaw_instructor.documents.email.bounded import read
from openclaw_instructor.documents.email.links import Link
from openclaw_instructor.documents.email.message import Email
from openclaw_instructor.documents.email.reader import from_fields

__all__ = ["Email", "Link", "from_fields", "read"]
