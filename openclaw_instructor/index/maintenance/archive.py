"""The format of exported collections: one file for every machine and architecture.

Lines of JSON, compressed with gzip. The first says what the file is, from which version, and of each collection its
folders and the identity of its vectors. Then each collection, its documents, and behind each document its chunks with
their vectors: float16, little-endian, in base64. The last line holds the SHA-256 of everything before it, which tells a
file that was cut off or changed from a whole one. Nothing in it depends on the tables of `index.db`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from openclaw_instructor.documents.document import Location
from openclaw_instructor.errors import InvalidData

FORMAT: Literal["openclaw-instructor collections"] = "openclaw-instructor collections"
VERSION = 1
# A chunk of the largest text that a reader makes, several times over.
MAX_LINE_BYTES = 16 * 1024 * 1024


_Line = TypeVar("_Line", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Root(_Strict):
    """A folder of a collection with its patterns."""

    path: str
    include: list[str]
    exclude: list[str]


class Identity(_Strict):
    """What makes the vectors comparable; see `collections.Generation`."""

    identity: str
    embedding_space: str
    checkpoint: str
    dimension: int = Field(ge=1, le=65_536)


class Collection(_Strict):
    """A collection, and how much follows of it."""

    name: str
    instruction: str
    synced_at: str | None
    unfinished: bool
    coverage: dict[str, int]
    roots: list[Root]
    vectors: Identity | None
    documents: int
    chunks: int


class Header(_Strict):
    """The first line."""

    format: Literal["openclaw-instructor collections"]
    version: int
    package: str
    created: str
    collections: list[Collection]


class Document(_Strict):
    """A document; the fields are those of `chunk_store.DocumentRow`, and how many chunks follow."""

    path: str
    place: str
    size: int
    mtime_ns: int
    hash: str
    reader: str
    title: str
    modified: float
    reason: str
    notes: list[str]
    metadata: list[tuple[str, str]]
    chunks: int = Field(ge=0, le=1_000_000)


class Chunk(_Strict):
    """A chunk with its vector; the fields are those of `documents.chunking.Chunk`."""

    first: int
    last: int
    offset: int | None
    heading: str
    context: str
    text: str
    digest: str
    locations: list[tuple[int, int, Location]]
    vector: Base64Bytes


class Writer:
    """Writes lines and sums them up."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self._sum = hashlib.sha256()

    def line(self, value: dict[str, Any]) -> None:
        """Write one line."""
        data = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        self._sum.update(data)
        self._file.write(data)

    def end(self) -> None:
        """Write the last line."""
        self._file.write(json.dumps({"sha256": self._sum.hexdigest()}).encode() + b"\n")


class Reader:
    """Reads an archive line by line in bounded memory. Raises InvalidData, which names the file, for damage."""

    def __init__(self, path: Path, file: gzip.GzipFile) -> None:
        self.path = path
        self._file = file
        self._sum = hashlib.sha256()

    def header(self) -> Header:
        """Read the first line. A newer version is refused by its number before anything else is looked at."""
        try:
            first = self._next()
        except InvalidData:
            first = {}
        if first.get("format") != FORMAT:
            raise InvalidData(
                f"{self.path} is no export of an index, or is damaged where it begins; make one with "
                "`openclaw-instructor index export`"
            )
        if not isinstance(version := first.get("version"), int) or version > VERSION:
            raise InvalidData(
                f"{self.path} was exported by a newer openclaw-instructor ({first.get('package', 'unknown')}); upgrade "
                "this one"
            )
        return self._checked(Header, first)

    def documents(self, count: int) -> Iterator[tuple[Document, list[Chunk]]]:
        """Read this many documents, each with its chunks."""
        for _ in range(count):
            document = self._checked(Document, self._next())
            yield document, [self._checked(Chunk, self._next()) for _ in range(document.chunks)]

    def end(self) -> None:
        """Read the last line and compare the sums."""
        expected = self._sum.hexdigest()
        if self._next().get("sha256") != expected or self._file.read(1):
            raise self._damaged("its checksum does not match")

    def _next(self) -> dict[str, Any]:
        try:
            line = self._file.readline(MAX_LINE_BYTES)
            if not line.endswith(b"\n"):
                raise self._damaged("it ends early" if len(line) < MAX_LINE_BYTES else "a line is too long")
            self._sum.update(line)
            value = json.loads(line)
        except (ValueError, RecursionError, EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise self._damaged(f"{type(error).__name__} while it was read") from None
        if not isinstance(value, dict):
            raise self._damaged("a line is no object")
        return value

    def _checked(self, kind: type[_Line], value: dict[str, Any]) -> _Line:
        try:
            # JSON has lists where the models have tuples.
            return kind.model_validate_json(json.dumps(value))
        except ValidationError as error:
            place = ".".join(str(part) for part in error.errors(include_input=False, include_url=False)[0]["loc"])
            raise self._damaged(f"`{place}` of a {kind.__name__.lower()} is not as it should be") from None

    def _damaged(self, what: str) -> InvalidData:
        return InvalidData(f"{self.path} is damaged ({what}) and nothing of it was taken; export it again")


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """Open an archive. Raises InvalidData when the file cannot be read."""
    try:
        with gzip.open(path, "rb") as file:
            yield Reader(path, file)
    except OSError as error:
        raise InvalidData(f"{path} cannot be read ({error.strerror or 'it is no gzip file'})") from None


def is_archive(path: Path) -> bool:
    """Whether a file begins as an archive does."""
    with opened(path) as reader:
        try:
            reader.header()
        except InvalidData:
            return False
    return True
