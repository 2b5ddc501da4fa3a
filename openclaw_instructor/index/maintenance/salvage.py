"""Save what can be read of a damaged index into a new file.

Documents, chunks and vectors are taken from every page that is intact; the full text is made anew. What lost its
collection or generation gets one in its place, so that it is found by words and its vectors are used again by the next
sync.
"""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from openclaw_instructor.errors import StoreError
from openclaw_instructor.index import checksums, fulltext, migrations, replacement, store_errors
from openclaw_instructor.index.maintenance.sqlite_pages import Pages, Row, Value

TABLES = ("collections", "roots", "generations", "documents", "metadata", "chunks", "vectors")
_TYPES: Mapping[str, tuple[type, ...]] = {"INTEGER": (int,), "TEXT": (str,), "BLOB": (bytes,), "REAL": (int, float)}
_BATCH = 500
# Their rows look like those of other tables when the last columns are left out.
_SHORT = frozenset({"roots", "metadata", "vectors"})
_COPY = """
import shutil, sys
try:
    shutil.copyfile(sys.argv[1], sys.argv[2])
except OSError as error:
    sys.exit(error.strerror)
"""


def salvage(damaged: Path, fresh: Path) -> dict[str, int]:
    """Make `fresh` an index of everything that is readable in `damaged`; return the number of rows of each table.

    Raises StoreError when a newer version wrote it, or the disk refuses.
    """
    copy = fresh.with_name(f"{fresh.name}.copy")
    log = replacement.beside(copy, replacement.LOG)
    try:
        # By another process: closing a descriptor of the file drops the locks that SQLite holds on it in this one.
        for suffix in ("", replacement.LOG):
            if replacement.beside(damaged, suffix).exists():
                _copied(replacement.beside(damaged, suffix), replacement.beside(copy, suffix))
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        with copy.open("rb") as file, log.open("rb") if log.exists() else contextlib.nullcontext() as logged:
            return _filled(fresh, Pages(file, logged), damaged)
    except OSError as error:
        raise StoreError(
            f"the index {damaged} could not be copied to be repaired ({error.strerror}); free disk space and run the "
            "command again"
        ) from None
    finally:
        for left in (copy, log):
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)


def _copied(source: Path, target: Path) -> None:
    command = [sys.executable, "-I", "-c", _COPY, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.returncode, done.stderr.strip())
    target.chmod(0o600)


def _filled(fresh: Path, pages: Pages, damaged: Path) -> dict[str, int]:
    last = len(migrations.MIGRATIONS)
    if pages.version is not None and pages.version > last:
        raise store_errors.newer(damaged)
    number = pages.version if pages.version and pages.version <= last else last
    with store_errors.explained(fresh), contextlib.closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
        # A crash leaves a file that nobody uses.
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;")
        migrations.migrate(connection, number)
        fulltext.register(connection)
        checksums.register(connection)
        connection.execute("BEGIN")
        found = _insert(connection, pages)
        _adopt(connection)
        connection.execute("COMMIT")
        migrations.migrate(connection)
        # Of no document is it known that all its chunks are there, so the next sync reads each; what is the same is not
        # embedded again.
        connection.execute("UPDATE documents SET reader = ''")
        connection.execute("PRAGMA journal_mode = WAL")
    return found


@dataclass(frozen=True)
class _Table:
    """The columns of a table as they are stored: names, types, and which may be left out."""

    name: str
    columns: tuple[str, ...]
    types: tuple[tuple[type, ...], ...]
    optional: tuple[bool, ...]
    keyed: bool

    @classmethod
    def of(cls, connection: sqlite3.Connection, name: str) -> _Table:
        rows = connection.execute(f"PRAGMA table_info({name})").fetchall()
        keyed = name not in ("roots", "metadata")
        return cls(
            name,
            tuple(row[1] for row in rows),
            tuple(_TYPES[row[2]] for row in rows),
            tuple(not row[3] or row[4] is not None for row in rows),
            keyed,
        )

    def fits(self, values: tuple[Value, ...]) -> bool:
        """Whether these may be the values of a row, the key of which is stored apart."""
        if len(values) > len(self.columns) or not all(self.optional[len(values) :]):
            return False
        return all(
            value is None if self.keyed and place == 0 else self._may_be(place, value)
            for place, value in enumerate(values)
        )

    def _may_be(self, place: int, value: Value) -> bool:
        return isinstance(value, self.types[place]) or (value is None and self.optional[place])


def _insert(connection: sqlite3.Connection, pages: Pages) -> dict[str, int]:
    tables = {name: _Table.of(connection, name) for name in TABLES}
    counts: Counter[str] = Counter()
    batch: dict[tuple[str, int], list[tuple[Value, ...]]] = {}
    for table, row in _of_tables(pages.rows(), tables):
        values = (row.rowid, *row.values[1:]) if table.keyed else row.values
        waiting = batch.setdefault((table.name, len(values)), [])
        waiting.append(values)
        if len(waiting) >= _BATCH:
            counts[table.name] += _insert_rows(connection, table, waiting)
            waiting.clear()
    for (name, _), rows in batch.items():
        counts[name] += _insert_rows(connection, tables[name], rows)
    return {name: counts[name] for name in TABLES}


def _insert_rows(connection: sqlite3.Connection, table: _Table, rows: list[tuple[Value, ...]]) -> int:
    if not rows:
        return 0
    columns, marks = ", ".join(table.columns[: len(rows[0])]), ", ".join("?" * len(rows[0]))
    statement = f"INSERT OR IGNORE INTO {table.name} ({columns}) VALUES ({marks})"  # noqa: S608
    return max(0, connection.executemany(statement, rows).rowcount)


def _of_tables(rows: Iterable[Row], tables: Mapping[str, _Table]) -> Iterator[tuple[_Table, Row]]:
    """Yield the rows of our tables: by the schema where that is readable, else by what they look like."""
    roots: dict[int, str] = {}
    for row in rows:
        if row.root == 1 and len(row.values) == 5 and row.values[0] == "table":
            _, name, _, root, _ = row.values
            if isinstance(root, int):
                roots[root] = str(name)
        elif row.root in roots:
            table = tables.get(roots[row.root])
            if table is not None and table.fits(row.values):
                yield table, row
        elif row.root == 0:
            # The key of a table with numbers for keys is stored as nothing.
            found = next((table for table in tables.values() if len(row.values) > 1 and table.fits(row.values)), None)
            if found is not None and (found.name not in _SHORT or len(row.values) == len(found.columns)):
                yield found, row


def _adopt(connection: sqlite3.Connection) -> None:
    """Give documents without a generation, and generations without a collection, one in its place."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(generations)")}
    space = "embedding_space" if "embedding_space" in columns else "space"
    lost = "SELECT DISTINCT generation_id FROM documents WHERE generation_id NOT IN (SELECT id FROM generations)"
    for (generation,) in connection.execute(lost).fetchall():
        owner = connection.execute("SELECT id FROM collections WHERE serving = ?", (generation,)).fetchone()
        dimension = connection.execute(
            "SELECT length(vector) / 2 FROM vectors JOIN chunks ON chunks.id = chunk_id JOIN documents "
            "ON documents.id = document_id WHERE generation_id = ? GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
            (generation,),
        ).fetchone()
        connection.execute(
            f"INSERT INTO generations (id, collection_id, identity, {space}, checkpoint, dimension) "  # noqa: S608
            "VALUES (?, ?, 'recovered', 'recovered', 'unknown', ?)",
            (generation, owner[0] if owner else -generation, dimension[0] if dimension else 0),
        )
    lost = "SELECT id, collection_id FROM generations WHERE collection_id NOT IN (SELECT id FROM collections)"
    for generation, collection in connection.execute(lost).fetchall():
        connection.execute(
            "INSERT OR IGNORE INTO collections (id, name, instruction, serving) VALUES (?, ?, '', ?)",
            (collection, f"recovered-{abs(collection)}", generation),
        )
    connection.execute("UPDATE collections SET unfinished = 1")
    connection.execute("UPDATE collections SET serving = NULL WHERE serving NOT IN (SELECT id FROM generations)")
    connection.execute(
        "UPDATE collections SET serving = (SELECT max(id) FROM generations WHERE collection_id = collections.id) "
        "WHERE serving IS NULL"
    )
