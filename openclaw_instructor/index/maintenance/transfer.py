"""Export collections to one file, and import them into another home, on another machine too."""

from __future__ import annotations

import base64
import datetime
import gzip
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from openclaw_instructor import __version__
from openclaw_instructor.documents import chunking
from openclaw_instructor.errors import IdentityMismatch, InvalidArguments, InvalidData, StoreError
from openclaw_instructor.index import checksums, chunk_store, collections, gitignore, secrets
from openclaw_instructor.index.maintenance import archive, recognition, whole_file
from openclaw_instructor.paths import below

if TYPE_CHECKING:
    from openclaw_instructor.engine import Engine
    from openclaw_instructor.index.collections import Collection, Generation
    from openclaw_instructor.index.store import Store


def export(store: Store, names: Sequence[str], target: Path) -> dict[str, Any]:
    """Write these collections, or all, in one state of the index to `target`, which is read through before it is named.

    Raises UnknownCollection, InvalidArguments for a file there that is no export, and StoreError.
    """
    with whole_file.written(target, "export of an index", archive.is_archive) as fresh:
        with store.read() as connection, gzip.open(fresh, "wb", compresslevel=3) as file:
            known = collections.collections(connection)
            chosen = collections.named(known, ",".join(names)) if names else known
            _write(connection, chosen, archive.Writer(file))
        with archive.opened(fresh) as reader:
            header = reader.header()
            told = [
                _told(known, sum(bool(document.reason) for document, _ in reader.documents(known.documents)))
                for known in header.collections
            ]
            reader.end()
    return {"file": str(target), "bytes": target.stat().st_size, "collections": told}


@dataclass(frozen=True)
class Taken:
    """What an import does: the engine whose vectors are taken, folders of before -> of now, and whether to replace."""

    engine: Engine
    moved: Mapping[str, str]
    replace: bool = False


def take(store: Store, file: Path, how: Taken) -> dict[str, Any]:
    """Add the collections of an export, all of them or, after any error, none.

    Each `collection` of the answer has as `waiting` how many documents are left to a sync to compare with their files.
    Raises InvalidData for a damaged or newer file, IdentityMismatch for vectors of another checkpoint, and
    InvalidArguments for a collection that is there and a folder that is not of the export.
    """
    notes: list[str] = []
    with archive.opened(file) as reader:
        header = reader.header()
        _check_identity(file, header, how.engine)
        _check_moved(header, how.moved)
        with store.write() as connection:
            told = [_told(known, _take_one(connection, reader, known, how)) for known in header.collections]
            reader.end()
    for collection in header.collections:
        roots = [_moved(root.path, how.moved) for root in collection.roots]
        notes += [
            f"{root} is not there; if its files are elsewhere, import with --replace --root {root}=FOLDER"
            for root in roots
            if not Path(root).exists()
        ]
    # After the transaction, because every file is read.
    told = [each | {"waiting": recognition.recognise(store, each["collection"])} for each in told]
    return {"file": str(file), "collections": told, "notes": notes}


def _write(connection: sqlite3.Connection, chosen: Sequence[Collection], writer: archive.Writer) -> None:
    described = [_described(connection, known) for known in chosen]
    header = archive.Header(
        format=archive.FORMAT,
        version=archive.VERSION,
        package=__version__,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        collections=described,
    )
    writer.line(header.model_dump())
    for known in chosen:
        for document in _documents(connection, known.serving):
            chunks = list(_chunks(connection, document["id"]))
            values = {name: document[name] for name in archive.Document.model_fields if name in document.keys()}  # noqa: SIM118
            metadata = connection.execute(
                "SELECT name, value FROM metadata WHERE document_id = ? ORDER BY rowid", (document["id"],)
            )
            more = {"notes": json.loads(document["notes"]), "metadata": [list(row) for row in metadata]}
            writer.line({**values, **more, "chunks": len(chunks)})
            for chunk in chunks:
                writer.line(chunk)
    writer.end()


def _described(connection: sqlite3.Connection, known: Collection) -> archive.Collection:
    serving = known.serving
    counts = {"documents": 0, "chunks": 0}
    if serving is not None:
        (counts["documents"],) = connection.execute(
            "SELECT count(*) FROM documents WHERE generation_id = ?", (serving.id,)
        ).fetchone()
        _, counts["chunks"] = chunk_store.counts(connection, serving.id)
    return archive.Collection(
        name=known.name,
        instruction=known.instruction,
        synced_at=known.synced_at,
        unfinished=known.unfinished,
        coverage=dict(known.coverage),
        roots=[
            archive.Root(path=str(root.path), include=list(root.include), exclude=list(root.exclude))
            for root in known.roots
        ],
        vectors=_identity(serving),
        **counts,
    )


def _identity(serving: Generation | None) -> archive.Identity | None:
    if serving is None:
        return None
    return archive.Identity(
        identity=serving.identity,
        embedding_space=serving.embedding_space,
        checkpoint=serving.checkpoint,
        dimension=serving.dimension,
    )


def _documents(connection: sqlite3.Connection, serving: Generation | None) -> Iterator[sqlite3.Row]:
    if serving is not None:
        yield from connection.execute("SELECT * FROM documents WHERE generation_id = ? ORDER BY id", (serving.id,))


def _chunks(connection: sqlite3.Connection, document_id: int) -> Iterator[dict[str, Any]]:
    """Yield the chunks of a document. Raises StoreError for one that is damaged."""
    rows = connection.execute(
        "SELECT first_line AS first, last_line AS last, line_offset AS offset, heading, context, text, digest, "  # noqa: S608
        f"locations, vector, chunks.checksum = {checksums.CHUNK.format('')} AND "
        f"vectors.checksum = {checksums.VECTOR.format('')} AS intact FROM chunks LEFT JOIN vectors "
        "ON chunk_id = chunks.id WHERE document_id = ? ORDER BY chunks.id",
        (document_id,),
    )
    for row in rows:
        if not row["intact"]:
            raise StoreError("a passage of the index is damaged; run `openclaw-instructor index repair`, then export")
        values = {name: row[name] for name in archive.Chunk.model_fields}
        locations, vector = json.loads(row["locations"]), base64.b64encode(row["vector"]).decode()
        yield {**values, "locations": locations, "vector": vector}


def _check_identity(file: Path, header: archive.Header, engine: Engine) -> None:
    for collection in header.collections:
        if collection.vectors is not None and collection.vectors.embedding_space != engine.identity(""):
            checkpoint = collection.vectors.checkpoint
            raise IdentityMismatch(
                f"collection `{collection.name}` of {file} was embedded with checkpoint `{checkpoint}` in a way that "
                f"`{engine.checkpoint_name}` does not compare with; `openclaw-instructor model use {checkpoint}` here, "
                "or add its folders with `openclaw-instructor index add`"
            )


def _check_moved(header: archive.Header, moved: Mapping[str, str]) -> None:
    roots = [root.path for collection in header.collections for root in collection.roots]
    for old, new in moved.items():
        if not any(below(root, old) or below(old, root) for root in roots):
            raise InvalidArguments(
                f"--root {old}: no folder of the export is that; it has {', '.join(roots) or 'none'}"
            )
        if not PurePath(new).is_absolute():
            raise InvalidArguments(f"--root {old}={new}: give the whole path of the folder")


def _take_one(
    connection: sqlite3.Connection, reader: archive.Reader, collection: archive.Collection, how: Taken
) -> int:
    """Put a collection into the index and return how many of its files could not be read."""
    name = collections.checked_name(collection.name)
    if name in {known.name for known in collections.collections(connection)}:
        if not how.replace:
            raise InvalidArguments(
                f"there is a collection `{name}` already; replace it with --replace, or remove it first: "
                f"`openclaw-instructor index remove {name}`"
            )
        collections.remove(connection, name)
    collections.put(connection, name, collection.instruction, [_root(root, how.moved) for root in collection.roots])
    (known,) = collections.named(collections.collections(connection), name)
    if collection.vectors is None:
        return 0
    wanted = collections.Generation(id=0, key="", revision=0, **collection.vectors.model_dump())
    generation = collections.target(connection, known, wanted)
    places = _Places(collection, how.moved)
    skipped = 0
    for document, chunks in reader.documents(collection.documents):
        row = _row(document, places)
        vectors = [_vector(reader, chunk, wanted.dimension) for chunk in chunks]
        chunk_store.publish(connection, generation.id, row, [_chunk(chunk) for chunk in chunks], vectors)
        skipped += bool(document.reason)
    collections.touch(connection, known, generation)
    if not collection.unfinished and collection.synced_at:
        collections.finish(connection, known, generation, collection.synced_at, "", collection.coverage)
    return skipped


class _Places:
    """Where documents are in this home."""

    def __init__(self, collection: archive.Collection, moved: Mapping[str, str]) -> None:
        self._moved = moved
        self._roots = sorted((root.path for root in collection.roots), key=len, reverse=True)

    def place(self, document: archive.Document) -> str:
        """Return the path from the name of its root on, which may have another name now."""
        root = next((root for root in self._roots if below(document.path, root)), None)
        before = PurePath(root).name if root else ""
        if root is None or document.place.split("/", 1)[0] != before:
            return document.place
        return PurePath(_moved(root, self._moved)).name + document.place[len(before) :]

    def path(self, document: archive.Document) -> str:
        """Return the path of a document."""
        return _moved(document.path, self._moved)


def _moved(path: str, moved: Mapping[str, str]) -> str:
    for old in sorted(moved, key=len, reverse=True):
        if below(path, old):
            return moved[old] + path[len(old) :]
    return path


def _root(root: archive.Root, moved: Mapping[str, str]) -> collections.Root:
    gitignore.patterns(root.include, "include")
    gitignore.patterns(root.exclude, "exclude")
    path = Path(_moved(root.path, moved))
    if not path.is_absolute() or secrets.above(path) is not None:
        raise InvalidArguments(f"{path} cannot be a folder of a collection; import with --root {root.path}=FOLDER")
    return collections.Root(path, tuple(root.include), tuple(root.exclude))


def _row(document: archive.Document, places: _Places) -> chunk_store.DocumentRow:
    values = document.model_dump(exclude={"chunks", "path", "place", "notes", "metadata"})
    metadata: dict[str, list[str]] = {}
    for name, value in document.metadata:
        metadata.setdefault(name, []).append(value)
    return chunk_store.DocumentRow(
        **values,
        path=places.path(document),
        place=places.place(document),
        # Of another disk: the content is compared, here or by the next sync, which embeds nothing that is the same.
        ctime_ns=0,
        notes=tuple(document.notes),
        metadata={name: tuple(found) for name, found in metadata.items()},
    )


def _chunk(chunk: archive.Chunk) -> chunking.Chunk:
    values = chunk.model_dump(exclude={"vector", "locations"})
    return chunking.Chunk(**values, embedded="", locations=tuple(chunk.locations))


def _vector(reader: archive.Reader, chunk: archive.Chunk, dimension: int) -> bytes:
    if len(chunk.vector) != 2 * dimension:
        raise InvalidData(f"{reader.path} is damaged (a vector has another dimension) and nothing of it was taken")
    return chunk.vector


def _told(collection: archive.Collection, skipped: int) -> dict[str, Any]:
    """Count as `index status` does, where the files that could not be read are no documents."""
    return {
        "collection": collection.name,
        "documents": collection.documents - skipped,
        "skipped": skipped,
        "chunks": collection.chunks,
    }
