"""What may be in the place of a vector file: it is made anew, whatever it claims, in memory bounded by the index."""

from __future__ import annotations

import json
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor.index import Index
from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.index.vectors.exact import FaissVectors, NumpyVectors
from tests.index.word_engine import ask

QUESTION = "how long does the dough rise"


@pytest.fixture
def file(docs: Index, home: Path) -> Path:
    (file,) = (home / "vectors").iterdir()
    return file


def with_footer(file: Path, data: bytes) -> None:
    """Write other vectors with a footer that is right for them, as of this generation."""
    blob = file.read_bytes()
    (length,) = struct.unpack("<I", blob[-12:-8])
    state = json.loads(blob[-12 - length : -12])
    footer = json.dumps(state | {"crc32": zlib.crc32(data)}).encode()
    file.write_bytes(data + footer + struct.pack("<I8s", len(footer), b"ocivec01"))


def of_another_dimension(file: Path) -> None:
    other = FaissVectors(17)
    other.add(np.arange(3, dtype=np.int64), np.ones((3, 17), dtype=np.float32))
    with_footer(file, other.dump())


def claiming(place: int, count: int) -> Callable[[Path], None]:
    """Claim so many vectors at a place of the header."""

    def write(file: Path) -> None:
        data = bytearray(FaissVectors(256).dump())
        struct.pack_into("<Q", data, place, count)
        with_footer(file, bytes(data))

    return write


def sparse(file: Path) -> None:
    """A file of a terabyte that takes no room."""
    os.truncate(file, 2**40)


def long_footer(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-12] + struct.pack("<I8s", 0xFFFFFFF0, b"ocivec01"))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "random": lambda file: file.write_bytes(os.urandom(20_000)),
    "nothing": lambda file: file.write_bytes(b""),
    "of another dimension": of_another_dimension,
    "a header of 2^60 vectors": claiming(8, 2**60),
    "an inner header of 2^60 vectors": claiming(45, 2**60),
    "2^39 bytes of vectors": claiming(74, 2**37),
    "2^40 ids": claiming(82, 2**40),
    "a terabyte": sparse,
    "a footer of 4 GB": long_footer,
    "no JSON": lambda file: file.write_bytes(b"x" * 100 + struct.pack("<I8s", 50, b"ocivec01")),
    "deep JSON": lambda file: file.write_bytes(b"[" * 4_000 + struct.pack("<I8s", 4_000, b"ocivec01")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_it_is_made_anew_in_bounded_memory(
    docs: Index, file: Path, home: Path, open_index: Callable[..., Index], damage: str
) -> None:
    before = ask(docs, QUESTION, mode="vector")
    content = file.read_bytes()
    DAMAGES[damage](file)
    problems = Maintenance(docs.settings, docs.engine).verify()["problems"]
    assert [problem["part"] for problem in problems] == ["vector files"]
    index = open_index()
    tracemalloc.start()
    after = ask(index, QUESTION, mode="vector")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000
    assert after["hits"] == before["hits"]
    assert after["notes"] == [f"the vector file {file} was damaged and has been rebuilt from the store"]
    assert file.read_bytes() == content


def test_a_folder_in_its_place_changes_no_answer(docs: Index, file: Path, open_index: Callable[..., Index]) -> None:
    before = ask(docs, QUESTION, mode="vector")
    file.unlink()
    file.mkdir()
    assert ask(open_index(), QUESTION, mode="vector")["hits"] == before["hits"]


@pytest.mark.parametrize("backend", [FaissVectors, NumpyVectors])
def test_vectors_are_given_back_by_their_ids(backend: type[FaissVectors] | type[NumpyVectors]) -> None:
    held, loaded = backend(3), backend(3)
    ids = np.array([9, 2, 5], dtype=np.int64)
    held.add(ids, np.arange(9, dtype=np.float32).reshape(3, 3))
    loaded.load(held.dump())
    assert loaded.of(np.array([2, 9], dtype=np.int64)).tolist() == [[3.0, 4.0, 5.0], [0.0, 1.0, 2.0]]
