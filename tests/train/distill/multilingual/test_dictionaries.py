"""Dictionaries of public packages: their forms are read, and what is no translation is left out."""

from __future__ import annotations

import gzip
import json
import sqlite3
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from openclaw_instructor.train.distill.multilingual import dictionaries, words
from openclaw_instructor.train.distill.multilingual.dictionaries import Word
from openclaw_instructor.train.distill.multilingual.rows import read_aligned


def write_dictd(folder: Path, pair: str, entries: Sequence[tuple[str, str]]) -> None:
    """Write a dictionary in dictd's form: bodies one after the other, and an index of places in base 64."""

    def number(value: int) -> str:
        text = b64encode(b"\0\0" + value.to_bytes(4, "big")).decode()
        return text.lstrip("A") or "A"

    folder.mkdir(parents=True, exist_ok=True)
    content, index = b"", []
    for headword, body in entries:
        index.append(f"{headword}\t{number(len(content))}\t{number(len(body.encode()))}")
        content += body.encode()
    with gzip.open(folder / f"freedict-{pair}.dict.dz", "wb") as file:
        file.write(content)
    (folder / f"freedict-{pair}.index").write_text("\n".join(index) + "\n", encoding="utf-8")


def write_cldr(folder: Path, language: str, emoji: dict[str, object], territories: dict[str, str]) -> None:
    names = folder / "localenames" / "main" / language
    for path, content in (
        (folder / "annotations" / language, {"annotations": {"annotations": emoji}}),
        (names, {"main": {language: {"localeDisplayNames": {"territories": territories}}}}),
    ):
        path.mkdir(parents=True)
        name = "annotations.json" if path != names else "territories.json"
        (path / name).write_text(json.dumps(content), encoding="utf-8")


def test_emoji_and_countries_are_words(tmp_path: Path) -> None:
    english = {"a": {"tts": ["dog"], "default": ["dog", "pet"]}, "b": {"tts": ["hand: dark skin tone"]}}
    german = {"a": {"tts": ["Hund"], "default": ["Haustier", "Hund"]}, "b": {"tts": ["Hand: dunkle Haut"]}}
    write_cldr(tmp_path, "en", english, {"FR": "France", "FR-alt-short": "FR"})
    write_cldr(tmp_path, "de", german, {"FR": "Frankreich", "FR-alt-short": "FR"})
    assert list(dictionaries.cldr(tmp_path, "de")) == [
        Word("de", "dog", "Hund"),
        Word("de", "dog, pet", "Haustier, Hund"),
        Word("de", "France", "Frankreich"),
    ]
    assert list(dictionaries.cldr(tmp_path, "xx")) == []


def test_entries_of_dictd(tmp_path: Path) -> None:
    entries = [
        ("00databaseshort", "Polish-English"),
        ("kot", "kot /kɔt/ <n>\ncat, tomcat\nan animal (of the family of cats)"),
        ("zamek", "zamek //ˈzãmɛk// <n>\n1. castle\na building of kings\n2. lock 3.\nof a door"),
        ("długi", "długi\na very long description that is no translation of anything"),
    ]
    write_dictd(tmp_path / "a", "pol-eng", entries)
    assert list(dictionaries.dictd(tmp_path, "pol-eng")) == [("kot", ["cat", "tomcat"]), ("zamek", ["castle", "lock"])]
    assert list(dictionaries.dictd(tmp_path, "pol-deu")) == []


def test_a_word_without_an_english_side_is_reached_by_another_language(tmp_path: Path) -> None:
    write_dictd(tmp_path, "pol-eng", [("kot", "kot\ncat"), ("zamek", "zamek\n1. castle\n2. lock")])
    write_dictd(tmp_path, "pol-rus", [("kot", "kot\nко́шка"), ("zamek", "zamek\nзамок")])
    write_dictd(tmp_path, "fin-eng", [("linna", "linna\ncastle"), ("reuna", "reuna\nedge, lock, rim, brink, verge")])
    write_dictd(tmp_path, "fin-rus", [("linna", "linna\nзамок"), ("reuna", "reuna\nкошка")])
    found = set(dictionaries.freedict(tmp_path, "ru"))
    assert Word("ru", "cat", "кошка") in found  # without the mark of its stress
    assert {word.english for word in found if word.text == "замок"} == {"castle", "lock"}
    assert list(dictionaries.freedict(tmp_path, "ko")) == []


def test_a_language_with_an_english_side_uses_it(tmp_path: Path) -> None:
    write_dictd(tmp_path, "pol-eng", [("kot", "kot\ncat")])
    write_dictd(tmp_path, "eng-ind", [("cat", "cat\nkucing")])
    write_dictd(tmp_path, "eng-deu", [("cat", "cat\nKatze")])
    assert list(dictionaries.freedict(tmp_path, "pl")) == [Word("pl", "cat", "kot")]
    assert list(dictionaries.freedict(tmp_path, "id")) == [Word("id", "cat", "kucing")]
    assert list(dictionaries.freedict(tmp_path, "de")) == []  # the dictionaries from English are under another licence


@pytest.fixture
def jmdict(tmp_path: Path) -> Path:
    path = tmp_path / "jamdict.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(
            """
            CREATE TABLE Sense (ID INTEGER, idseq INTEGER);
            CREATE TABLE SenseGloss (sid INTEGER, text TEXT);
            CREATE TABLE Kanji (ID INTEGER, idseq INTEGER, text TEXT);
            CREATE TABLE KJP (kid INTEGER, text TEXT);
            CREATE TABLE Kana (ID INTEGER, idseq INTEGER, text TEXT);
            CREATE TABLE KNP (kid INTEGER, text TEXT);
            INSERT INTO Sense VALUES (1, 10), (2, 10), (3, 20);
            INSERT INTO SenseGloss VALUES (1, 'clock (on a wall)'), (1, 'watch'), (1, 'timepiece');
            INSERT INTO SenseGloss VALUES (2, 'other'), (3, 'rare');
            INSERT INTO Kanji VALUES (1, 10, '時計'), (2, 20, '稀');
            INSERT INTO KJP VALUES (1, 'news1');
            INSERT INTO Kana VALUES (1, 10, 'とけい');
            """
        )
    return path


def test_common_words_of_japanese(jmdict: Path) -> None:
    assert list(dictionaries.jmdict(jmdict)) == [Word("ja", "clock, watch", "時計")]


def test_words_of_chinese(tmp_path: Path) -> None:
    path = tmp_path / "cedict.gz"
    lines = (
        "# CC-CEDICT",
        "時鐘 时钟 [shi2 zhong1] /clock/time piece (old)/CL:個|个[ge4]/",
        "北京 北京 [Bei3 jing1] /Beijing/",
        "殷憂啟聖吧 殷忧启圣吧 [yin1 you1 qi3 sheng4 ba5] /deep suffering/",
        "個 个 [ge4] /variant of 箇/",
    )
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("\n".join(lines))
    assert list(dictionaries.cedict(path)) == [Word("zh", "clock, time piece", "时钟")]


def test_common_words_become_rows_of_the_recipe(tmp_path: Path) -> None:
    write_dictd(tmp_path / "dictd", "pol-eng", [("kot", "kot\ncat"), ("x", "x\nzymurgistical"), ("mama", "mama\nmama")])
    options = ["--freedict", str(tmp_path / "dictd"), "--languages", "pl"]
    result = CliRunner().invoke(words.main, [str(tmp_path / "out"), *options])
    assert (result.exit_code, result.output) == (0, "pl: 1 of 3 rows\n")
    texts = read_aligned([tmp_path / "out"], ["pl"])
    assert (texts.english, texts.translations[0].text) == (["cat"], "kot")
