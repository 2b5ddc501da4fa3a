"""Read files into documents, text with locations, and cut these into chunks."""

from openclaw_instructor.documents.document import Block, Document, Location, UnreadableDocument
from openclaw_instructor.documents.formats import Format, register

__all__ = ["Block", "Document", "Format", "Location", "UnreadableDocument", "register"]
