"""Collections leave a home and come into another with all they have, or the import says why not and takes nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.errors import IdentityMismatch, InvalidArguments, InvalidData, UnknownCollection
from openclaw_instructor.index import Index
from openclaw_instructor.index.maintenance.operations import Maintenance
from openclaw_instructor.settings import Settings
from tests.index.word_engine import WordEngine, ask


@pytest.fixture
def other(tmp_path: Path, maintenance_of: Callable[[Path], Maintenance]) -> Maintenance:
    """What looks after the empty index of another home."""
    return maintenance_of(tmp_path / "other")


@pytest.fixture
def file(docs: Index, maintenance: Maintenance, tmp_path: Path) -> Path:
    """An export of the collection `docs`."""
    maintenance.export(tmp_path / "docs.export")
    return tmp_path / "docs.export"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]


def write(file: Path, content: list[dict[str, Any]], *, summed: bool = True) -> None:
    """Write lines as an export; with a right checksum, if it is to be."""
    body = b"".join(json.dumps(line).encode() + b"\n" for line in (content[:-1] if summed else content))
    end = json.dumps({"sha256": hashlib.sha256(body).hexdigest()}).encode() + b"\n" if summed else b""
    file.write_bytes(gzip.compress(body + end))


def hits(index: Index, question: str, mode: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(index, question, mode=mode)["hits"]
    return found


def test_a_collection_answers_elsewhere_as_it_did(
    docs: Index, file: Path, other: Maintenance, tmp_path: Path, engine: WordEngine
) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    done = other.take(file)
    assert done["collections"] == [{"collection": "docs", "documents": 3, "skipped": 0, "chunks": 5, "waiting": 0}]
    assert done["notes"] == []
    engine.calls.clear()
    index = Index(Settings.load(tmp_path / "other"), engine)
    for mode in ("keyword", "vector", "hybrid"):
        for question in ("knead the dough", "installer and click", "night train"):
            assert hits(index, question, mode) == hits(docs, question, mode)
    engine.calls.clear()
    report = index.sync("docs").collections[0]
    assert (report.unchanged, report.embedded, engine.texts) == (3, 0, [])
    assert other.verify()["ok"]
    index.close()


def test_files_that_are_as_they_were_do_not_wait_for_a_sync(
    docs: Index, folder: Path, maintenance: Maintenance, tmp_path: Path
) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    docs.sync()
    before = {state.file: state for state in docs.files("docs")}
    told = maintenance.export(tmp_path / "all.export")["collections"]
    assert (told[0]["documents"], told[0]["skipped"]) == (3, 1)
    assert maintenance.verify()["checked"]["documents"] == docs.status("docs")[0].documents == 3
    done = maintenance.take(tmp_path / "all.export", replace=True)["collections"][0]
    assert (done["documents"], done["skipped"], done["waiting"]) == (3, 1, 0)
    assert {state.file: state for state in docs.files("docs")} == before
    assert before[str(folder / "broken.pdf")].state == "unreadable"


def test_files_that_are_not_as_they_were_wait_for_a_sync(docs: Index, folder: Path, file: Path) -> None:
    maintenance = Maintenance(docs.settings, docs.engine)
    bread, trip = folder / "bread.md", folder / "trip.txt"
    times = bread.stat()
    bread.write_bytes(bread.read_bytes().replace(b"a", b"e"))
    os.utime(bread, ns=(times.st_atime_ns, times.st_mtime_ns))
    trip.unlink()
    assert maintenance.take(file, replace=True)["collections"][0]["waiting"] == 2
    states = {Path(state.file).name: state.state for state in docs.files("docs")}
    assert states == {"bread.md": "changed", "trip.txt": "gone", "install.md": "indexed"}


def test_folders_may_be_elsewhere(
    docs: Index, folder: Path, file: Path, other: Maintenance, tmp_path: Path, engine: WordEngine
) -> None:
    there = tmp_path / "there" / "texts"
    shutil.copytree(folder, there)
    shutil.rmtree(folder)
    other.take(file, {str(folder): str(there)})
    index = Index(Settings.load(tmp_path / "other"), engine)
    hit = hits(index, "knead the dough", "hybrid")[0]
    assert hit["file"] == str(there / "bread.md")
    assert ask(index, "knead the dough", path="texts/bread.md")["count"] == 1
    engine.calls.clear()
    report = index.sync("docs").collections[0]
    assert (report.unchanged, report.removed, report.added, engine.texts) == (3, 0, 0, [])
    index.close()


def test_a_folder_that_is_not_there_keeps_its_documents(
    file: Path, folder: Path, other: Maintenance, tmp_path: Path, engine: WordEngine
) -> None:
    shutil.rmtree(folder)
    note = f"{folder} is not there; if its files are elsewhere, import with --replace --root {folder}=FOLDER"
    assert other.take(file)["notes"] == [note]
    index = Index(Settings.load(tmp_path / "other"), engine)
    assert index.sync().collections[0].error
    assert hits(index, "knead the dough", "hybrid")[0]["title"] == "Bread"
    index.close()


def test_a_collection_that_is_there_is_only_replaced_when_asked(docs: Index, folder: Path, file: Path) -> None:
    (folder / "bread.md").write_text("# Cake\n\nSugar.\n")
    docs.sync()
    maintenance = Maintenance(docs.settings, docs.engine)
    with pytest.raises(InvalidArguments, match=r"there is a collection `docs` already; replace it with --replace"):
        maintenance.take(file)
    assert hits(docs, "sugar", "hybrid")[0]["title"] == "Cake"
    maintenance.take(file, replace=True)
    assert hits(docs, "knead the dough", "hybrid")[0]["title"] == "Bread"
    assert maintenance.verify()["ok"]


def test_vectors_of_another_checkpoint_are_refused_by_name(file: Path, tmp_path: Path) -> None:
    other = Maintenance(Settings.load(tmp_path / "other"), WordEngine("others"))
    with pytest.raises(IdentityMismatch, match=r"embedded with checkpoint `words` .*`others`.*model use words"):
        other.take(file)
    assert other.verify()["checked"]["collections"] == 0


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(bytes(content))


def change(where: str, name: str, value: object) -> Callable[[Path], None]:
    """Change a field of the first line that has it, without a right checksum behind it or with one."""

    def changed(file: Path) -> None:
        content = lines(file)
        line = next(line for line in content if name in line)
        line[name] = value
        write(file, content, summed=where != "unsummed")

    return changed


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut off": (cut, "is damaged"),
    "a flipped bit": (flip, "is damaged"),
    "a changed text": (change("unsummed", "text", "other"), "its checksum does not match"),
    "a missing line": (lambda file: write(file, lines(file)[:3] + lines(file)[4:]), "is damaged"),
    "an open end": (lambda file: write(file, lines(file)[:-1], summed=False), "it ends early"),
    "a vector of another dimension": (change("", "vector", "AAAA"), "a vector has another dimension"),
    "a number for a text": (change("", "text", 7), "`text` of a chunk is not as it should be"),
    "a line of 20 MB": (change("", "text", "x" * 20_000_000), "a line is too long"),
    "deep nesting": (lambda file: file.write_bytes(gzip.compress(b"[" * 100_000 + b"\n")), "is no export"),
    "text": (lambda file: file.write_text("only text"), "is no gzip file|is no export"),
    "nothing": (lambda file: file.write_bytes(b""), "is no export"),
    "a newer version": (change("", "version", 2), "by a newer openclaw-instructor .*; upgrade this one"),
    "a bad name": (lambda file: write(file, [renamed(lines(file)[0]), *lines(file)[1:]]), "collection name"),
}


def renamed(header: dict[str, Any]) -> dict[str, Any]:
    header["collections"][0]["name"] = "../../etc"
    return header


@pytest.mark.parametrize("damage", DAMAGES)
def test_of_a_damaged_file_nothing_is_taken(file: Path, other: Maintenance, damage: str) -> None:
    spoil, said = DAMAGES[damage]
    spoil(file)
    with pytest.raises((InvalidData, InvalidArguments), match=said):
        other.take(file)
    assert other.verify() == {
        "ok": True,
        "problems": [],
        "checked": {"collections": 0, "documents": 0, "chunks": 0, "vectors": 0},
        "fix": "",
        "notes": [],
    }


def test_a_file_that_is_not_there_is_named(other: Maintenance, tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"none\.export cannot be read"):
        other.take(tmp_path / "none.export")


def test_only_what_is_asked_for_is_exported(
    docs: Index, folder: Path, maintenance: Maintenance, tmp_path: Path
) -> None:
    docs.add("more", [folder / "trip.txt"], instruction="Represent: ")
    target = tmp_path / "export"
    told = maintenance.export(target, ["more"])["collections"]
    assert [(each["collection"], each["documents"]) for each in told] == [("more", 0)]
    docs.sync()
    assert [each["documents"] for each in maintenance.export(target)["collections"]] == [3, 1]
    with pytest.raises(UnknownCollection):
        maintenance.export(target, ["none"])


@pytest.mark.parametrize(
    ("moved", "said"),
    [({"/nowhere": "/there"}, "no folder of the export is that"), ({"": "there"}, "give the whole path")],
)
def test_a_wrong_root_is_named(folder: Path, file: Path, other: Maintenance, moved: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidArguments, match=said):
        other.take(file, {old or str(folder): new for old, new in moved.items()})


def test_an_export_overwrites_nothing_else(docs: Index, maintenance: Maintenance, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(gzip.compress(b"not to be lost"))
    with pytest.raises(InvalidArguments, match="is there and is no export of an index"):
        maintenance.export(tmp_path / "mine")
    assert gzip.decompress((tmp_path / "mine").read_bytes()) == b"not to be lost"
