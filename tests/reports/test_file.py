"""The file of a report: what it may be called, and how a picture is written."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest

from openclaw_instructor.errors import InstructorError, InvalidArguments, MissingExtra, UnreadableSource
from openclaw_instructor.reports import file, picture
from openclaw_instructor.reports.page import Page
from tests.reports import hostile


def size(content: bytes) -> tuple[int, int]:
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def test_a_picture_holds_every_part_whatever_its_texts_are(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = file.checked(str(tmp_path / "report.PNG"))
    assert file.write(hostile.page(), path) == []
    width, height = size(path.read_bytes())
    assert width == picture.WIDTH
    empty = Page("t", "s", {}, [])
    assert file.write(empty, path) == []
    assert size(path.read_bytes())[1] < 200 < height


def test_letters_that_the_picture_lacks_are_said(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (note,) = file.write(Page("受信トレイ", "s", {}, []), tmp_path / "report.png")
    assert ".html" in note


@pytest.mark.parametrize("name", ["report.pdf", "report", ".html", "report.html.gz", "report.svg"])
def test_another_suffix_gets_one_sentence_that_names_the_two(name: str) -> None:
    with pytest.raises(InvalidArguments) as raised:
        file.checked(name)
    said = raised.value.message
    assert said.startswith(f"--report: {name}: ")
    assert ".html or .png" in said
    assert "\n" not in said


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    for name, said in (("no/such/report.html", "does not exist; create it"), ("folder.html", "is a folder")):
        with pytest.raises(UnreadableSource, match=said):
            file.checked(str(tmp_path / name))
    with pytest.raises(InstructorError, match="cannot be written"):
        file.write(hostile.page(), tmp_path / "folder.html")


def test_a_picture_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"run: pip install .*plot.*name a file \.html"):
        file.checked("report.png")
    assert file.checked("report.html") == Path("report.html")
