from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import polib
import pytest
from click.testing import CliRunner

from openclaw_instructor.train.distill.multilingual import catalogs


def entry(english: str, text: str, **more: object) -> polib.POEntry:
    return polib.POEntry(msgid=english, msgstr=text, **more)


@pytest.fixture
def game(tmp_path: Path) -> Path:
    """A game's messages: compiled for German, as text for Chinese and Ukrainian."""
    folder = tmp_path / "game"
    german, chinese, ukrainian = polib.POFile(), polib.POFile(), polib.POFile()
    german.append(entry("A small knife.\nIt is sharp.", "Ein kleines Messer.\nEs ist scharf."))
    german.append(entry("You are <color_red>hungry</color>.", "Du bist <color_red>hungrig</color>."))
    german.append(entry("%s is hungry", "%s hat Hunger"))
    german.append(polib.POEntry(msgid="apple", msgid_plural="apples", msgstr_plural={0: "Apfel", 1: "Äpfel"}))
    german.append(entry("Radio", "Radio"))
    chinese.append(entry("A wooden table.", "一张木桌。"))
    chinese.append(entry("A wooden chair.", "A wooden seat."))
    ukrainian.append(entry("A red bird.", "Червоний птах.", flags=["fuzzy"]))
    ukrainian.append(entry("A blue bird.", "Синій птах.", obsolete=True))
    ukrainian.append(entry("A bird.", "Птах."))
    (folder / "de" / "LC_MESSAGES").mkdir(parents=True)
    german.save_as_mofile(str(folder / "de" / "LC_MESSAGES" / "game.mo"))
    chinese.save(str(folder / "zh_CN.maps.po"))
    ukrainian.save(str(folder / "data.uk_UA.po"))
    return folder


@pytest.fixture
def presets(tmp_path: Path) -> Path:
    folder = tmp_path / "presets" / "dist" / "translations"
    folder.mkdir(parents=True)
    for code, name, terms in (("en", "Bakery", "bread"), ("de", "Bäckerei", "Brot"), ("zh-CN", "面包店", "面包")):
        content = {"presets": {"shop/bakery": {"name": name, "terms": terms}}, "fields": {}}
        (folder / f"{code}.json").write_text(json.dumps({code: {"presets": content}}))
    return tmp_path / "presets"


@pytest.fixture
def verses(tmp_path: Path) -> Path:
    path = tmp_path / "bible.db"
    texts = {35: ("Jesus wept.", "예수께서 눈물을 흘리시더라"), 36: ("They said, See!", "(11-36) 보라*")}
    rows = [
        (book, 43, 11, number, text) for number, both in texts.items() for book, text in zip("4n", both, strict=True)
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bible (bbName, bNumber, cNumber, vNumber, vText)")
        connection.executemany("INSERT INTO bible VALUES (?, ?, ?, ?, ?)", rows)
    return path


def rows(out: Path, language: str) -> list[tuple[str, str, str]]:
    with gzip.open(out / "train" / f"{language}.jsonl.gz", "rt") as file:
        return [(row["en"], row["text"], row["source"]) for row in map(json.loads, file)]


def run(out: Path, *options: object) -> None:
    result = CliRunner().invoke(catalogs.main, [str(out), *map(str, options)], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_plain_messages_become_rows_of_their_languages(game: Path, presets: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(out, "--catalogs", "game", game, "--presets", presets, "--languages", "de zh uk sv")
    assert rows(out, "de") == [
        ("A small knife.", "Ein kleines Messer.", "game"),
        ("It is sharp.", "Es ist scharf.", "game"),
        ("You are hungry.", "Du bist hungrig.", "game"),
        ("apple", "Apfel", "game"),
        ("Bakery", "Bäckerei", "id-tagging-schema"),
    ]
    assert rows(out, "zh") == [("A wooden table.", "一张木桌。", "game"), ("Bakery", "面包店", "id-tagging-schema")]
    assert rows(out, "uk") == [("A bird.", "Птах.", "game")]
    assert rows(out, "sv") == []


def test_verses_are_paired_without_marks_of_the_editors(verses: Path, tmp_path: Path) -> None:
    run(tmp_path / "out", "--verses", verses, "--languages", "ko pl")
    assert rows(tmp_path / "out", "ko") == [("They said, See!", "보라", "verses")]
    assert rows(tmp_path / "out", "pl") == []


def test_texts_to_evaluate_on_are_left_out(game: Path, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "test.jsonl.gz", "wt") as file:
        file.write(json.dumps({"en": "x", "text": "ein kleines Messer"}) + "\n")
        file.write(json.dumps({"s1": "It is sharp!", "s2": "y", "score": 3}) + "\n")
    run(tmp_path / "out", "--catalogs", "game", game, "--without", tmp_path, "--languages", "de")
    assert [english for english, _, _ in rows(tmp_path / "out", "de")] == ["You are hungry.", "apple"]
