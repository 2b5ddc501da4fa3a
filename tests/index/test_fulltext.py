"""What the words of a query find, and how much they say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from math import log, sqrt

import pytest

from openclaw_instructor.index.fulltext import (
    VERY_FORM,
    Lookup,
    Match,
    Table,
    create_table,
    extras_stream,
    forms_stream,
    rarity,
    word_stream,
)
from openclaw_instructor.index.query import parse

PAINTS = [
    "the red kettle",
    "a kettle, a kettle and a kettle",
    "red paint",
    "blue paint",
    "grey paint",
    "paint and paper",
]


_opened: list[sqlite3.Connection] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().close()


def empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    _opened.append(connection)
    connection.execute(create_table("texts"))
    return connection


def table_of(*texts: str) -> Table:
    """A full text of these, numbered from 0, behind twenty others about nothing."""
    connection = empty()
    for number, text in enumerate((*texts, *(f"filler{number} is written here" for number in range(20)))):
        streams = (word_stream(text), extras_stream("", "", "", text), forms_stream("", "", "", text))
        connection.execute("INSERT INTO texts (rowid, text, extras, forms) VALUES (?, ?, ?, ?)", (number, *streams))
    return Table(connection, "texts")


def found(query: str, *texts: str) -> list[int]:
    return [match.key for match in Lookup.of(table_of(*texts), parse(query)).matches(10)]


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        (
            "call getFileSize first",
            "getFileSize GetFileSize get_file_size get-file-size GET_FILE_SIZE getfilesize size",
        ),
        ("call get_file_size first", "getFileSize get_file_size get-file-size getfilesize GETFILESIZE file"),
        ("set get-file-size first", "getFileSize get_file_size get-file-size getfilesize"),
        ("call getfilesize first", "getFileSize get_file_size get-file-size getfilesize"),
        ("send an e-mail", "email e-mail E-Mail"),
        ("send an email", "e-mail email"),
        ("GitHub and JavaScript", "github GitHub git-hub javascript"),
        ("Résumé of the naïve", "resume résumé re\u0301sume\u0301 RÉSUMÉ naive na\u00adive"),
        ("Đường phố Hà Nội", "duong pho hà nội Đường"),
        ("Ελλάδα και ὁδός", "ελλαδα ΕΛΛΆΔΑ οδος"),
        ("ёлка и Straße, ﬁle, ｆｕｌｌ", "елка strasse STRASSE file full ｆｉｌｅ"),
        ("since v3.14.2 only", "v3.14.2 3.14.2 V3.14.2"),
        ("since 3.14.2 only", "v3.14.2 3.14.2"),
        ("1,000 of them", "1,000 1000"),
        ("see /etc/ssh/sshd_config:22", "/etc/ssh/sshd_config sshd_config sshd-config etc/ssh ssh"),
        ("shows ERR-7731 at times", "ERR-7731 err7731 ERR_7731 err"),
        ("C++ and C#", "c++ C#"),
        ("the 🚀 flies", "🚀"),
        ("नमस्ते दुनिया", "दुनिया"),
        ("السَّلَامُ عليكم", "السلام السَّلَامُ"),
        ("東京都の天気 APIキー", "天気 東京都 東 API キー"),
    ],
)
def test_spellings_find_each_other(text: str, queries: str) -> None:
    for query in queries.split():
        assert found(query, text) == [0], query


@pytest.mark.parametrize(
    ("query", "others"),
    [
        ("10.0.0.1", "ports 1 and 10 of 0 to 0"),
        ("2024-03-05", "05 of 2024, 03"),
        ("3.14.2", "2 of 14, or 3"),
        ("ERR-7731", "ERR of 7731"),
        ("/etc/hosts.allow", "allow hosts below etc"),
        ("--dry-run", "run it until it is dry"),
        ("fs.readFile", "read a file from fs"),
        ("get_file_size", "get the size of a file"),
    ],
)
def test_a_literal_is_its_words_in_order(query: str, others: str) -> None:
    assert found(query, others, f"there is {query}, as said") == [1]
    assert found(query, others) == [0]


@pytest.mark.parametrize(
    ("query", "other"),
    [
        ("10.0.0.1", "10.0.0.1.5"),
        ("1.2.3", "1.2.3.4"),
        ("--dry-run", "a dry run"),
        ("-v", "the letter v"),
        ("C++", "the letter C"),
        ("university", "universe"),
        ("news", "new"),
        ("new", "news"),
        ("organ", "organization"),
        ("MES", "mes"),
        ("SAP", "sap"),
    ],
)
def test_the_very_form_comes_first(query: str, other: str) -> None:
    assert found(query, other, query)[0] == 1
    assert found(query, query, other)[0] == 0


def test_words_in_capitals_are_found() -> None:
    texts = ("it works and it is us who do it", "Call the IT department", "Hands, says the WHO")
    assert found("IT department", *texts)[0] == 1
    assert found("IT", *texts) == [1]
    assert found("WHO recommendation", *texts) == [2]
    assert found("IT repair", "the red paint", "repair it") == [1]


def test_every_quotation_is_had() -> None:
    texts = ("a blue wooden chair", "the blue chair", "blue chairs", "a chair, blue")
    assert found('"blue chair"', *texts) == [1]
    assert found('"blue chair" wooden', *texts) == [1]
    assert found('"blue" "wooden"', *texts) == [0]
    assert found('"red chair"', *texts) == []


def test_what_is_excluded_is_not_found() -> None:
    texts = ("a jaguar in the wood", "a jaguar is a car", "sports club jaguar", "jaguar-car")
    assert sorted(found("jaguar -car", *texts)) == [0, 2]
    assert sorted(found('jaguar -car -"sports club"', *texts)) == [0]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ('"javascript is fun" "fun" "JavaScript"', "JavaScript is fun"),
        ('"github actions" "Github actions" "GitHub Actions" "github"', "Use GitHub Actions"),
        ('"YouTube video" "youtube video"', "a youtube video"),
        ('"get file size" "getFileSize" "getfilesize now"', "call getFileSize now"),
        ('"北京大学" "大学" "京大学" "学" "北" "大学习"', "我们在北京大学习惯了。"),
        ('"อากาศร้อน" "ประเทศ"', "ประเทศไทยมีอากาศร้อนมาก"),
        ('"회의록" "서울특별"', "서울특별시에서 회의록을 작성했습니다"),
        ('"ປະເທດລາວ"', "ປະເທດລາວງາມຫຼາຍ"),
        ('"ភាសាខ្មែរ"', "ភាសាខ្មែរពិបាក"),
        ('"iPhoneケー" "iphoneケース"', "これはiPhoneケースです"),
    ],
)
def test_a_quotation_stands_in_names_and_in_runs_without_blanks(query: str, text: str) -> None:
    for phrase in query.split('" "'):
        assert found(f'"{phrase.strip(chr(34))}"', text) == [0], phrase


def test_a_quotation_is_no_other_form_of_its_words() -> None:
    assert found('"javascript is fun"', "JavaScript is funs", "fun is JavaScript") == []
    assert found('"北京大学"', "北京的大学", "北大学京") == []


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("学习 -北京大学", ("在上海学习历史", "在北京大学学习科学")),
        ("runners -GitHub", ("gitlab runners", "github runners", "GitHub runners")),
        ("runners -github", ("gitlab runners", "github runners", "GitHub runners")),
        ("tree -node.js", ("a node of the tree", "node.js in the tree", "tree of Node.js.")),
        ("tree -C++", ("the tree of c", "tree in C++")),
        ('-"apple"', ("an apple",)),
    ],
)
def test_an_exclusion_is_what_it_says(query: str, texts: tuple[str, ...]) -> None:
    assert found(query, *texts) == ([0] if len(texts) > 1 else [])


def test_nothing_but_exclusions_is_told() -> None:
    for query in ('-"apple"', "-apple -pear", "-北京大学"):
        notes = Lookup.of(table_of("apple"), parse(query)).notes()
        assert any("only says what to leave out" in note for note in notes), query
    assert Lookup.of(table_of("apple"), parse("pear -apple")).notes() == ["left out what has 'apple'"]


def test_an_option_that_a_text_has_is_no_exclusion() -> None:
    assert found("find -name", "use find with -name here", "the name of it")[0] == 0
    assert found("find -name", "find it", "find the name of it") == [0]


def test_no_stream_runs_into_the_next() -> None:
    connection = empty()
    streams = forms_stream("the blue", "chair", "", "e-mail 1,000")
    connection.execute(
        "INSERT INTO texts (extras, forms) VALUES (?, ?)", (extras_stream("", "", "", "e-mail 1,000"), streams)
    )
    table = Table(connection, "texts")
    assert Lookup.of(table, parse('"blue chair"')).matches(5) == []
    assert Lookup.of(table, parse('"email 1000"')).matches(5) == []


def covered(query: str, *texts: str) -> dict[int, Match]:
    return {match.key: match for match in Lookup.of(table_of(*texts), parse(query)).matches(10)}


def test_a_text_counts_by_how_much_of_the_query_it_covers() -> None:
    matches = covered("red kettle", *PAINTS)
    assert matches[0].covered == matches[0].fit == pytest.approx(1.0)
    assert matches[1].covered == pytest.approx(sqrt(1 / 2))
    assert matches[1].fit == pytest.approx(1 / 4)


def test_a_word_that_no_text_has_counts_for_the_fit_alone() -> None:
    matches = covered("red zeppelin", *PAINTS)
    assert matches[0].covered == pytest.approx(1.0)
    assert 0 < matches[0].fit < 0.25


@pytest.mark.parametrize("query", ["ERR-7732", "10.0.0.2", "v3.14.3"])
def test_a_code_that_stands_nowhere_does_not_fit_by_its_parts(query: str) -> None:
    table = table_of("ERR-7731 on 10.0.0.1 with v3.14.2", *PAINTS)
    lookup = Lookup.of(table, parse(query))
    assert [match.fit for match in lookup.matches(1)] == [0.0]
    assert lookup.notes() == [f"nothing has {query.lower()!r} as a whole"]


def test_the_very_form_adds_a_share_of_its_rarity() -> None:
    by_stem, by_form = (covered(query, *PAINTS)[0].score for query in ("kettles", "kettle"))
    assert by_form - by_stem == pytest.approx(VERY_FORM * rarity(26, 2))
    assert rarity(26, 2) == pytest.approx(log(24.5 / 2.5))
    assert rarity(10, 10) > 0


def test_who_alone_has_something_is_known() -> None:
    def alone(query: str, *texts: str) -> tuple[int, ...]:
        return Lookup.of(table_of(*texts), parse(query)).alone

    assert alone("what is ERR-7731 about paint", *PAINTS, "shows ERR-7731") == (6,)
    assert alone("grey paint", *PAINTS) == (4,)
    assert alone("painting", *PAINTS) == ()
    assert alone(" ".join(f"word{n}s" for n in range(9)) + " grey", *PAINTS) == ()
    assert alone(" ".join(f"word{n}s" for n in range(9)) + " 10.0.0.1", *PAINTS, "at 10.0.0.1") == (6,)


def test_who_has_all_that_is_asked_is_first() -> None:
    def first(query: str, *texts: str) -> tuple[int, ...]:
        return Lookup.of(table_of(*texts), parse(query)).first

    assert first("what is ERR-7731?", "shows ERR-7731", "no ERR-7731", "ERR of 7731") == (0, 1)
    assert first("organ", "organization", "organ") == (1, 0)
    assert first("red organ", "organ", "red") == ()
    assert first("written") == ()


def test_nothing_found_is_nothing() -> None:
    assert found("zeppelin", *PAINTS) == found("???", *PAINTS) == []


@pytest.mark.parametrize(
    "query", ["what of 3 May 2025?", "3rd of may, 2025", "May 3, 2025", "2025-05-03", "03 May 2025", "may 3rd 2025"]
)
@pytest.mark.parametrize("text", ["Seen on 3 May 2025.", "May 3rd, 2025: rain", "log of 2025-05-03", "03 may 2025"])
def test_a_date_is_one_thing_however_it_is_written(query: str, text: str) -> None:
    table = table_of("5 March 2025 and 4 May 2025", "2025 in May: 3 boats", text)
    assert [match.key for match in Lookup.of(table, parse(query)).matches(1)] == [2]
