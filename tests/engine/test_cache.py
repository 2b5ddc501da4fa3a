from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor.engine import Engine
from openclaw_instructor.engine import cache as cache_module
from openclaw_instructor.engine.cache import EmbeddingCache, text_key
from openclaw_instructor.engine.queue import Vector
from tests.engine.held_embedder import HeldEmbedder

Make = Callable[..., Engine]


def vector(seed: int, dimension: int = 8) -> Vector:
    return Vector(np.random.default_rng(seed).normal(size=dimension).astype(np.float32), seed, bool(seed % 2))


def test_unchanged_text_is_never_embedded_twice(make_engine: Make, model: HeldEmbedder) -> None:
    first = make_engine()
    before = first.embed(["a", "b", "a"], "Represent: ")
    first.close()
    assert [len(batch) for batch in model.batches] == [2]
    second = make_engine()
    after = second.embed([" b\n", "a"], "Represent: ")
    assert second.load_count == 0
    assert (after.vectors == before.vectors[[1, 0]]).all()
    assert after.tokens == before.tokens[:2]
    assert second.stats()["cache_hits"] == 2


def test_what_is_not_written_yet_is_known_all_the_same(make_engine: Make, model: HeldEmbedder, tmp_path: Path) -> None:
    engine = make_engine()
    before = engine.embed(["a"])
    after = engine.embed(["a"])
    assert [len(batch) for batch in model.batches] == [1]
    assert (after.vectors == before.vectors).all()
    assert engine.stats()["cache_hits"] == 1
    engine.embed([f"text {number}" for number in range(100)])
    engine.close()
    with closing(sqlite3.connect(tmp_path / "cache.db")) as raw:
        assert raw.execute("SELECT count(*) FROM vector").fetchone() == (101,)


def test_another_instruction_is_another_entry(make_engine: Make, model: HeldEmbedder) -> None:
    engine = make_engine()
    engine.embed(["a"], "Represent: ")
    engine.embed(["a"], "Describe: ")
    assert len(model.batches) == 2


def test_no_cache_when_switched_off(make_engine: Make, model: HeldEmbedder, tmp_path: Path) -> None:
    engine = make_engine(cache_mb=0)
    engine.embed(["a"])
    engine.embed(["a"])
    assert len(model.batches) == 2
    assert not (tmp_path / "cache.db").exists()


def test_the_file_holds_no_text(make_engine: Make, tmp_path: Path) -> None:
    engine = make_engine()
    engine.embed(["unmistakable secret"], "Represent the diary: ")
    engine.close()
    content = b"".join(path.read_bytes() for path in tmp_path.glob("cache.db*"))
    assert b"unmistakable" not in content
    assert b"diary" not in content


def test_the_least_recently_used_make_room(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "cache.db", limit=100_000)
    keys = [text_key("identity", str(number)) for number in range(400)]
    for number, key in enumerate(keys):
        cache.put({key: vector(number, 96)})
        cache.get([keys[0]])
    cache.close()
    size = sum(path.stat().st_size for path in tmp_path.glob("cache.db"))
    assert size < 2 * 100_000
    reopened = EmbeddingCache(tmp_path / "cache.db", limit=100_000)
    found = reopened.get(keys)
    assert keys[0] in found
    assert keys[-1] in found
    assert keys[1] not in found
    assert 100 < len(found) < 230
    reopened.close()


def test_the_file_keeps_to_the_bound(tmp_path: Path) -> None:
    limit = 4 << 20
    cache = EmbeddingCache(tmp_path / "cache.db", limit)
    for start in range(0, 6_000, 50):
        cache.put({text_key("identity", str(number)): vector(number, 384) for number in range(start, start + 50)})
    cache.close()
    assert (tmp_path / "cache.db").stat().st_size < 1.15 * limit


def test_a_round_trip_is_exact(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "cache.db", limit=1 << 20)
    stored = {text_key("i", str(number)): vector(number) for number in range(1200)}
    cache.put(stored)
    found = cache.get(list(stored))
    assert found.keys() == stored.keys()
    for key, value in stored.items():
        assert (found[key].values == value.values).all()
        assert (found[key].tokens, found[key].truncated) == (value.tokens, value.truncated)
    cache.close()


def test_a_damaged_file_starts_empty(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    path.write_bytes(b"this is not a database at all" * 200)
    cache = EmbeddingCache(path, limit=1 << 20)
    cache.put({b"k": vector(1)})
    assert b"k" in cache.get([b"k"])
    assert cache.problem is None
    cache.close()


@pytest.mark.parametrize("word", [b"tablevector", b"TABLE", b"used INTEGER", b"checksum"])
def test_a_garbled_schema_starts_empty(tmp_path: Path, word: bytes) -> None:
    path = tmp_path / "cache.db"
    made = EmbeddingCache(path, limit=1 << 20)
    made.put({b"k": vector(1)})
    made.close()
    assert word in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(word, b"\xff\x80" + word[2:]))
    damaged = EmbeddingCache(path, limit=1 << 20)
    damaged.get([b"k"])
    damaged.put({b"k": vector(2)})
    assert (b"k" in damaged.get([b"k"]), damaged.problem) == (True, None)
    damaged.close()


def test_damage_while_open_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    cache = EmbeddingCache(path, limit=1 << 20)
    cache.put({text_key("i", str(number)): vector(number, 256) for number in range(300)})
    cache.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    damaged = EmbeddingCache(path, limit=1 << 20)
    damaged.get([text_key("i", "1")])
    damaged.put({b"k": vector(1)})
    damaged.put({b"k": vector(1)})
    assert b"k" in damaged.get([b"k"])
    damaged.close()


def test_an_unusable_place_switches_the_cache_off(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = EmbeddingCache(tmp_path / "file" / "cache.db", limit=1 << 20)
    cache.put({b"k": vector(1)})
    assert cache.get([b"k"]) == {}
    assert "cache is off" in str(cache.problem)


def test_the_engine_works_without_a_usable_home(model: HeldEmbedder, make_engine: Make, tmp_path: Path) -> None:
    (tmp_path / "cache.db").mkdir()
    engine = make_engine()
    assert engine.embed(["still fine"]).tokens == [3]
    assert "cache is off" in engine.stats()["cache_problem"]


def test_a_lock_held_by_another_process_only_skips_a_turn(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "cache.db", limit=1 << 20, patience=0.05)
    other = sqlite3.connect(tmp_path / "cache.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    cache.put({b"k": vector(1)})
    other.execute("ROLLBACK")
    other.close()
    assert cache.problem is None
    cache.put({b"k": vector(1)})
    assert b"k" in cache.get([b"k"])
    cache.close()


def test_a_row_that_was_damaged_is_embedded_again(tmp_path: Path) -> None:
    """Whatever byte of a vector, of its counters or of its key changes, no wrong vector comes back."""
    path = tmp_path / "cache.db"
    keys = [text_key("identity", f"text {number}") for number in range(4)]
    vectors = {key: Vector(np.full(8, 0.5, dtype="<f4"), 3, False) for key in keys}
    cache = EmbeddingCache(path, 1 << 20)
    cache.put(vectors)
    cache.close()
    with closing(sqlite3.connect(path)) as raw, raw:
        change = "UPDATE vector SET data = ? WHERE key = ?"
        raw.execute(change, (np.full(8, 0.25, dtype="<f4").tobytes(), keys[0]))
        raw.execute(change, (np.full(7, 0.5, dtype="<f4").tobytes()[:-1], keys[1]))
        raw.execute("UPDATE vector SET tokens = 'many' WHERE key = ?", (keys[2],))
    cache = EmbeddingCache(path, 1 << 20)
    assert list(cache.get(keys)) == [keys[3]]
    cache.put({keys[0]: vectors[keys[0]]})
    assert np.array_equal(cache.get(keys)[keys[0]].values, vectors[keys[0]].values)
    assert set(cache.get(keys)) == {keys[0], keys[3]}
    cache.close()


def test_the_cache_leaves_the_last_room_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EmbeddingCache(tmp_path / "cache.db", 1 << 20)
    key = text_key("identity", "text")
    vector = {key: Vector(np.ones(8, dtype="<f4"), 3, False)}
    monkeypatch.setattr(cache_module, "_LEAVE_FREE", 1 << 62)
    cache.put(vector)
    assert cache.get([key]) == {}
    assert cache.problem is None
    monkeypatch.setattr(cache_module, "_LEAVE_FREE", 0)
    cache.put(vector)
    assert set(cache.get([key])) == {key}
    cache.close()
