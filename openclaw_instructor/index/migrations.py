"""Define the schema of the store as a list of migrations; `PRAGMA user_version` is the number of those applied.

A released migration is never edited; a change is a new one at the end.

collections -< roots            what the user asked for: folders or files, with their include and exclude patterns
collections -< generations      one full set of passages under one identity; `collections.serving` is the one searched
generations -< documents -< chunks - vectors
documents -< metadata           what the file says about itself: author, date, tags, sender
chunks -> passages              the full-text index over chunks, kept by triggers, which call the functions of
                                `fulltext.register`; what these make of a text is part of the schema: another result
                                needs a new step that fills `passages` anew
"""

from __future__ import annotations

import sqlite3

from openclaw_instructor.index import checksums, fulltext

_FIRST = """
CREATE TABLE collections (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  instruction TEXT NOT NULL,
  serving INTEGER REFERENCES generations (id) ON DELETE SET NULL,
  unfinished INTEGER NOT NULL DEFAULT 0,
  synced_at TEXT
);
CREATE TABLE roots (
  collection_id INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
  path TEXT NOT NULL,
  include TEXT NOT NULL,
  exclude TEXT NOT NULL,
  PRIMARY KEY (collection_id, path)
) WITHOUT ROWID;
CREATE TABLE generations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  collection_id INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
  key TEXT NOT NULL DEFAULT (lower(hex(randomblob(8)))),
  identity TEXT NOT NULL,
  space TEXT NOT NULL,
  checkpoint TEXT NOT NULL,
  dimension INTEGER NOT NULL,
  revision INTEGER NOT NULL DEFAULT 0,
  UNIQUE (collection_id, identity)
);
CREATE TABLE documents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  generation_id INTEGER NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
  path TEXT NOT NULL,
  place TEXT NOT NULL,
  size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  hash TEXT NOT NULL,
  title TEXT NOT NULL,
  modified REAL NOT NULL,
  UNIQUE (generation_id, path)
);
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
  first_line INTEGER NOT NULL,
  last_line INTEGER NOT NULL,
  title TEXT NOT NULL,
  heading TEXT NOT NULL,
  text TEXT NOT NULL,
  digest TEXT NOT NULL
);
CREATE INDEX chunks_by_document ON chunks (document_id);
CREATE INDEX chunks_by_digest ON chunks (digest);
CREATE TABLE vectors (
  chunk_id INTEGER PRIMARY KEY REFERENCES chunks (id) ON DELETE CASCADE,
  vector BLOB NOT NULL
);
CREATE VIRTUAL TABLE passages USING fts5 (
  title, heading, text,
  content = 'chunks', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
CREATE TRIGGER chunks_inserted AFTER INSERT ON chunks BEGIN
  INSERT INTO passages (rowid, title, heading, text) VALUES (new.id, new.title, new.heading, new.text);
END;
CREATE TRIGGER chunks_deleted AFTER DELETE ON chunks BEGIN
  INSERT INTO passages (passages, rowid, title, heading, text)
  VALUES ('delete', old.id, old.title, old.heading, old.text);
END;
"""

_PARTS_OF_NAMES = """
ALTER TABLE chunks ADD COLUMN parts TEXT NOT NULL DEFAULT '';
UPDATE chunks SET parts = identifier_words(title || ' ' || heading || ' ' || text);
DROP TRIGGER chunks_inserted;
DROP TRIGGER chunks_deleted;
DROP TABLE passages;
CREATE VIRTUAL TABLE passages USING fts5 (
  title, heading, text, parts,
  content = 'chunks', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
INSERT INTO passages (passages) VALUES ('rebuild');
CREATE TRIGGER chunks_inserted AFTER INSERT ON chunks BEGIN
  INSERT INTO passages (rowid, title, heading, text, parts)
  VALUES (new.id, new.title, new.heading, new.text, new.parts);
END;
CREATE TRIGGER chunks_deleted AFTER DELETE ON chunks BEGIN
  INSERT INTO passages (passages, rowid, title, heading, text, parts)
  VALUES ('delete', old.id, old.title, old.heading, old.text, old.parts);
END;
"""

# Before this step `include` took nothing but what it matches, as it does now behind `!*`.
_ONLY_INCLUDED = """
UPDATE roots SET include = '["!*", ' || substr(include, 2) WHERE include != '[]';
"""

_PARTS_OF_RUNS = """
UPDATE chunks SET parts = inner_words(title || ' ' || heading || ' ' || text);
INSERT INTO passages (passages) VALUES ('rebuild');
"""

# `reader` is empty for what was read before there were several formats: such a file is read anew. A document with a
# `reason` could not be read and has no chunks. `line_offset` is where a part of a long line begins in it.
_LOCATIONS = """
ALTER TABLE generations RENAME COLUMN space TO embedding_space;
ALTER TABLE documents ADD COLUMN ctime_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN reader TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE chunks ADD COLUMN context TEXT NOT NULL DEFAULT '';
ALTER TABLE chunks ADD COLUMN locations TEXT NOT NULL DEFAULT '[]';
ALTER TABLE chunks ADD COLUMN line_offset INTEGER;
CREATE TABLE metadata (
  document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  value TEXT NOT NULL
);
CREATE INDEX metadata_by_document ON metadata (document_id);
CREATE INDEX metadata_by_value ON metadata (name, value COLLATE NOCASE);
"""

# What a sync saw of each root, why it could not do all, and what it counted.
_TRUTH_OF_A_SYNC = """
ALTER TABLE roots ADD COLUMN state TEXT NOT NULL DEFAULT '';
ALTER TABLE collections ADD COLUMN problem TEXT NOT NULL DEFAULT '';
ALTER TABLE collections ADD COLUMN coverage TEXT NOT NULL DEFAULT '{}';
"""

_WITHOUT_FULL_TEXT = """
DROP TRIGGER chunks_inserted;
DROP TRIGGER chunks_deleted;
DROP TABLE passages;
"""
_FULL_TEXT = """
CREATE VIRTUAL TABLE passages USING fts5 (
  title, heading, text, extras, forms, content = '', tokenize = "TOKENIZER"
);
CREATE TRIGGER chunks_inserted AFTER INSERT ON chunks BEGIN
  INSERT INTO passages (rowid, title, heading, text, extras, forms)
  VALUES (new.id, word_stream(new.title), word_stream(new.heading), word_stream(new.text),
          extras_stream(new.title, new.heading, new.context, new.text),
          forms_stream(new.title, new.heading, new.context, new.text));
END;
CREATE TRIGGER chunks_deleted AFTER DELETE ON chunks BEGIN
  INSERT INTO passages (passages, rowid, title, heading, text, extras, forms)
  VALUES ('delete', old.id, word_stream(old.title), word_stream(old.heading), word_stream(old.text),
          extras_stream(old.title, old.heading, old.context, old.text),
          forms_stream(old.title, old.heading, old.context, old.text));
END;
INSERT INTO passages (rowid, title, heading, text, extras, forms)
SELECT id, word_stream(title), word_stream(heading), word_stream(text),
       extras_stream(title, heading, context, text), forms_stream(title, heading, context, text) FROM chunks;
""".replace("TOKENIZER", fulltext.TOKENIZER)

# The full text has streams of words of its own making; `chunks.parts`, which held some of them, is no longer filled.
_STREAMS = f"{_WITHOUT_FULL_TEXT}UPDATE chunks SET parts = '' WHERE parts != '';{_FULL_TEXT}"  # noqa: S608

# What is stored is checked by `index verify`.
_CHECKSUMS = f"""
ALTER TABLE chunks ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
ALTER TABLE vectors ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE chunks SET checksum = {checksums.CHUNK.format("")};
UPDATE vectors SET checksum = {checksums.VECTOR.format("")};
"""  # noqa: S608

MIGRATIONS: tuple[str, ...] = (
    _FIRST,
    _PARTS_OF_NAMES,
    _ONLY_INCLUDED,
    _PARTS_OF_RUNS,
    _LOCATIONS,
    _TRUTH_OF_A_SYNC,
    _STREAMS,
    _CHECKSUMS,
)


def migrate(connection: sqlite3.Connection, to: int | None = None) -> None:
    """Apply the missing migrations up to a number, all in one transaction: no version between is ever left."""
    fulltext.register(connection)
    checksums.register(connection)
    # Of steps whose full text a later one makes anew.
    for name in ("identifier_words", "inner_words"):
        connection.create_function(name, 1, lambda _: "", deterministic=True)
    steps = MIGRATIONS[version(connection) : to]
    if steps:
        number = version(connection) + len(steps)
        connection.executescript(f"BEGIN IMMEDIATE;{''.join(steps)}PRAGMA user_version = {number};COMMIT;")


def rebuild_fulltext(connection: sqlite3.Connection) -> None:
    """Make the full text anew from the chunks, inside the caller's transaction."""
    statement = ""
    for line in f"{_WITHOUT_FULL_TEXT}{_FULL_TEXT}".splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""


def version(connection: sqlite3.Connection) -> int:
    """Return the number of migrations applied to this file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
