"""Checksums of what is stored, which find damage that SQLite cannot see: a flipped bit inside a text or a vector."""

from __future__ import annotations

import sqlite3
import zlib

# What is covered, as SQL over a row; the order of the columns is part of the schema.
CHUNK = (
    "row_checksum({0}first_line, {0}last_line, {0}line_offset, {0}title, {0}heading, {0}context, {0}text, {0}digest, "
    "{0}locations)"
)
VECTOR = "row_checksum({0}chunk_id, {0}vector)"


def register(connection: sqlite3.Connection) -> None:
    """Register the function that computes them on a connection."""
    connection.create_function("row_checksum", -1, _of, deterministic=True)


def _of(*values: str | bytes | int | None) -> int:
    """Compute the CRC-32 of these values, each with its type and length."""
    checksum = 0
    for value in values:
        data = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        checksum = zlib.crc32(data, zlib.crc32(b"%s %d " % (type(value).__name__.encode(), len(data)), checksum))
    return checksum
