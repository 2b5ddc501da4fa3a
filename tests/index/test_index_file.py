"""What befalls the file of the index: each damage is named with its way out, and nothing intact is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from openclaw_instructor.errors import StoreError
from openclaw_instructor.index import Index
from openclaw_instructor.index.store import Store
from tests.index.word_engine import DOCUMENT, ask

# Another process that opens the index, counts its collections and closes it.
LOOK = """
import sys
from pathlib import Path
from openclaw_instructor.index.store import Store
store = Store(Path(sys.argv[1]))
with store.read() as connection:
    print(connection.execute("SELECT count(*) FROM collections").fetchone()[0])
store.close()
"""


def collections_seen_elsewhere(path: Path) -> int:
    """How many collections another process finds."""
    done = subprocess.run([sys.executable, "-c", LOOK, str(path)], stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def test_a_second_store_in_a_process_does_not_drop_the_locks_of_the_first(docs: Index, home: Path) -> None:
    """Closing any descriptor of a file drops all locks of the process on it; the next to leave would delete the log."""
    second = Store(home / "index.db")
    assert collections_seen_elsewhere(home / "index.db") == 1
    docs.add("more", [home.parent / "notes"], instruction=DOCUMENT)
    assert collections_seen_elsewhere(home / "index.db") == 2
    second.close()


def test_a_log_that_is_deleted_while_it_is_in_use_loses_nothing(
    docs: Index, home: Path, folder: Path, open_index: Callable[..., Index]
) -> None:
    (folder / "new.md").write_text("An otter swims.\n")
    docs.sync("docs")
    (home / "index.db-wal").unlink()
    assert ask(docs, "otter swims")["hits"][0]["snippet"] == "An otter swims."
    (folder / "newer.md").write_text("A walrus sleeps.\n")
    docs.sync("docs")
    other = open_index()
    for text in ("An otter swims.", "A walrus sleeps."):
        assert ask(other, text)["hits"][0]["snippet"] == text


def test_a_folder_in_its_place_is_named(home: Path) -> None:
    (home / "index.db").mkdir(parents=True)
    with pytest.raises(StoreError, match=r"index\.db is a folder, and the index belongs there; move that folder away"):
        Store(home / "index.db")
