"""Stem words as the full text does: by asking SQLite's own tokenizer."""

from __future__ import annotations

import sqlite3
import threading
from functools import lru_cache

from openclaw_instructor.index import fulltext

_REMEMBERED = 50_000
_lock = threading.Lock()


@lru_cache(maxsize=_REMEMBERED)
def stem(word: str) -> str:
    """Return the stem of a folded word."""
    with _lock:
        connection = _tokenizer()
        connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
        connection.execute("INSERT INTO words (rowid, word) VALUES (1, ?)", (word,))
        found = connection.execute("SELECT term FROM terms").fetchone()
    return str(found[0]) if found else word


@lru_cache(maxsize=1)
def _tokenizer() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute(f'CREATE VIRTUAL TABLE words USING fts5 (word, content = "", tokenize = "{fulltext.TOKENIZER}")')
    connection.execute("CREATE VIRTUAL TABLE terms USING fts5vocab (words, row)")
    return connection
