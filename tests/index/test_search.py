"""What a search finds, shows and says."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.evaluate.rankings import FullText, candidates, fuse
from openclaw_instructor.index import Index
from openclaw_instructor.index.vectors.local import LocalSearcher
from tests.index.word_engine import DOCUMENT, QUERY, WordEngine, ask


def files(result: dict[str, Any]) -> list[str]:
    return [Path(hit["file"]).name for hit in result["hits"]]


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_a_hit_says_where_it_is(docs: Index, folder: Path, mode: str) -> None:
    result = ask(docs, "install the package on Linux", mode=mode)
    hit = result["hits"][0]
    assert (hit["rank"], hit["file"]) == (1, str(folder.resolve() / "guides" / "install.md"))
    assert (hit["lines"], hit["location"]) == ("5-7", "lines 5-7")
    assert (hit["title"], hit["heading"]) == ("Installing", "Linux")
    assert hit["snippet"] == "## Linux\n\nInstall the package with `pip install thing`."
    assert hit["collection"] == "docs"
    assert 0 < hit["score"] <= 1
    assert (result["count"], result["collections_searched"]) == (len(result["hits"]), ["docs"])
    assert (result["stale"], result["truncated_query"], result["notes"]) == (False, False, [])


def test_query_and_document_instructions_are_kept_apart(
    docs: Index, engine: WordEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = engine.identity

    def identity(instruction: str, extra: str = "") -> str:
        seen.append(instruction)
        return real(instruction, extra)

    monkeypatch.setattr(engine, "identity", identity)
    ask(docs, "anything")
    assert DOCUMENT in seen
    assert QUERY not in seen


def test_by_words_no_model_is_loaded(docs: Index, engine: WordEngine) -> None:
    engine.calls.clear()
    assert files(ask(docs, "museum closed", mode="keyword")) == ["trip.txt"]
    assert not engine.loaded


def test_words_meet_the_names_that_are_made_of_them(docs: Index, folder: Path) -> None:
    (folder / "reference.md").write_text("# Calls\n\n`getFileSize` and `HTTPServer.handleTimeout` answer at once.\n")
    docs.sync()
    for query in ("size", "getFileSize", "getfilesize", "server", "timeout", "handle"):
        assert files(ask(docs, query, mode="keyword")) == ["reference.md"]


@pytest.mark.parametrize(
    ("name", "text", "queries"),
    [
        ("weather.md", "# 報告\n\n東京都の天気は晴れです。明日の佐々木さんも。\n", "天気 東京都 晴れ 東 佐々木 気は"),
        ("bill.md", "請求書の支払い期限は三十日です。ﾃﾞｰﾀはAPIキーで。\n", "請求書 支払い データ API キー 書"),
        ("tea.txt", "我们今天下午在图书馆喝茶。𠮷野家。\n", "图书馆 今天下午 茶 𠮷野"),
        ("town.txt", "우리는 서울에서 만나요.\n", "서울 서울은 만"),
        ("rice.txt", "ฉันกินข้าวผัดที่บ้าน\n", "ข้าว ข้าวผัด บ้าน"),
    ],
)
def test_words_are_found_inside_sentences_without_blanks(
    docs: Index, folder: Path, name: str, text: str, queries: str
) -> None:
    (folder / name).write_text(text)
    (folder / "other.md").write_text("# 別\n\n猫が眠る。狗在睡觉。고양이가 자요. แมวนอน\n")
    docs.sync()
    for query in queries.split():
        assert files(ask(docs, query, mode="keyword")) == [name], query


def test_evaluation_finds_words_inside_sentences_without_blanks_too() -> None:
    texts = ["東京都の天気は晴れです", "請求書の支払い期限は三十日です", "猫が眠る"]
    full_text = FullText([{"id": text, "text": text} for text in texts])
    queries = {"天気": texts[0], "東京都": texts[0], "請求書": texts[1], "支払い": texts[1]}
    assert {query: list(run) for query, run in full_text.bm25({query: query for query in queries}).items()} == {
        query: [text] for query, text in queries.items()
    }


def test_words_meet_their_inflections_accents_and_capitals(docs: Index) -> None:
    assert files(ask(docs, "KNEADING", mode="keyword")) == ["bread.md"]
    assert files(ask(docs, "MUSÉUMS", mode="keyword")) == ["trip.txt"]


def test_the_file_name_is_searched_too(docs: Index) -> None:
    assert files(ask(docs, "trip", mode="keyword")) == ["trip.txt"]


@pytest.mark.parametrize(
    "query",
    [
        '"',
        "a AND",
        "NEAR(",
        "title:",
        "* OR *",
        "-x",
        "^",
        "x'; DROP TABLE chunks; --",
        "{a b}: c",
        "\ud800",
        "\0",
        "日本",
    ],
)
def test_no_query_is_read_as_syntax(docs: Index, query: str) -> None:
    for mode in ("hybrid", "keyword"):
        assert ask(docs, query + " dough", mode=mode)["hits"][0]["title"] == "Bread"
    ask(docs, query, mode="hybrid")


def test_stop_words_count_only_when_there_is_nothing_else(docs: Index) -> None:
    assert files(ask(docs, "where was the dough", mode="keyword")) == ["bread.md"]
    assert ask(docs, "to the", mode="keyword")["count"] > 0


def test_a_query_longer_than_the_model_reads_is_truncated_and_said_so(docs: Index) -> None:
    assert ask(docs, "dough " * 600)["truncated_query"]
    assert not ask(docs, "dough " * 100)["truncated_query"]
    huge = ask(docs, "dough rise " * 1_000_000)
    assert huge["truncated_query"]
    assert huge["hits"][0]["title"] == "Bread"
    assert len(json.dumps(huge)) < 12_000


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.txt", {"trip.txt"}),
        ("guides/*.md", {"install.md"}),
        ("notes/guides/", {"install.md"}),
        ("notes/*.md", {"bread.md"}),
        ("**/*.md", {"install.md", "bread.md"}),
        ("nowhere/", set()),
    ],
)
@pytest.mark.parametrize("mode", ["vector", "hybrid"])
def test_the_path_filter_is_a_glob_at_any_depth(docs: Index, pattern: str, names: set[str], mode: str) -> None:
    result = ask(docs, "the train, the dough, the package", path=pattern, mode=mode)
    assert set(files(result)) == names
    if not names:
        widen = "nothing passed the filters and matched; widen `path`"
        assert result["notes"] == ["no indexed file fits the path 'nowhere/'", widen]


def test_an_absolute_path_filters_from_the_root_of_the_disk(docs: Index, folder: Path) -> None:
    assert set(files(ask(docs, "dough", path=f"{folder.resolve()}/*.md"))) == {"bread.md"}


def test_dates_are_days_in_local_time_from_one_on_and_before_another(docs: Index, folder: Path) -> None:
    import datetime

    for name, day in (("bread.md", 10), ("trip.txt", 20)):
        noon = datetime.datetime(2024, 5, day, 12).timestamp()
        os.utime(folder / name, (noon, noon))
    docs.sync()
    query = "dough train"
    assert set(files(ask(docs, query, before="2024-05-31"))) == {"bread.md", "trip.txt"}
    assert set(files(ask(docs, query, after="2024-05-10", before="2024-05-11"))) == {"bread.md"}
    assert set(files(ask(docs, query, after="2024-05-11", before="2024-05-21"))) == {"trip.txt"}
    assert set(files(ask(docs, query, after="2024-05-21"))) == {"install.md"}
    assert set(files(ask(docs, query, after="2024-05-10T13:00:00", before="2024-05-20T11:00"))) == set()


def test_all_collections_are_searched_together(docs: Index, tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "a.txt").write_text("The baker wrote about sourdough and kneading.")
    docs.add("mail", [tmp_path / "mail"], instruction="Represent the mail: ")
    docs.sync("mail")
    result = ask(docs, "kneading", collection=None)
    assert result["collections_searched"] == ["docs", "mail"]
    assert {hit["collection"] for hit in result["hits"]} == {"docs", "mail"}
    assert {hit["collection"] for hit in ask(docs, "kneading", collection="mail")["hits"]} == {"mail"}


def test_an_empty_collection_beside_it_changes_no_score(docs: Index, tmp_path: Path) -> None:
    alone = ask(docs, "install the package", collection=None)["hits"]
    (tmp_path / "nothing").mkdir()
    docs.add("nothing", [tmp_path / "nothing"], instruction=DOCUMENT)
    docs.sync("nothing")
    assert ask(docs, "install the package", collection=None)["hits"] == alone


def test_evaluation_ranks_what_search_ranks(index: Index, engine: WordEngine, tmp_path: Path) -> None:
    """Whole documents that are one chunk each: the same scores, also for texts that only the words find."""
    names = ("harbour", "meadow", "lantern", "granite", "willow", "copper", "saddle", "kettle", "thunder", "pebble")
    texts = [f"The {a} beside the {b}, {a} again." for a in names for b in names] + ["at an inn " * 5] * 150
    (tmp_path / "texts").mkdir()
    for number, text in enumerate(texts):
        (tmp_path / "texts" / f"{number:03}.txt").write_text(text)
    index.add("texts", [tmp_path / "texts"], instruction=DOCUMENT)
    index.sync()
    query = "which inn has a granite kettle"
    hits = ask(index, query, collection="texts", top_k=20)["hits"]

    corpus = [{"id": str(n), "title": f"{n:03}.txt {n:03}.txt", "text": text} for n, text in enumerate(texts)]
    asked, found = engine.embed([query], QUERY).vectors, engine.embed(texts, DOCUMENT).vectors
    full_text = FullText(corpus)
    scores = fuse(candidates({"q": query}, asked, found, full_text), full_text.documents)["q"]
    assert len(hits) > 10
    for hit in hits:
        assert scores[str(int(Path(hit["file"]).stem))] == pytest.approx(hit["score"], abs=0.005)


def test_search_goes_on_while_a_sync_publishes(docs: Index, folder: Path, engine: WordEngine) -> None:
    (folder / "tea.md").write_text("# Tea\n\nBoil the water first.\n")
    inside, go_on = threading.Event(), threading.Event()
    syncing = threading.Thread(target=docs.sync)

    def pause() -> None:
        if threading.current_thread() is syncing:
            inside.set()
            go_on.wait(20)

    engine.before_embed = pause
    syncing.start()
    inside.wait(20)
    during = ask(docs, "knead the dough")
    go_on.set()
    syncing.join()
    assert during["hits"][0]["title"] == "Bread"
    assert during["notes"] == ["collection `docs` is being synced now; ask again later for what is still missing"]
    assert ask(docs, "boil the water")["hits"][0]["title"] == "Tea"


def test_many_threads_search_at_once(docs: Index) -> None:
    titles: list[str] = []
    threads = [
        threading.Thread(target=lambda: titles.append(ask(docs, "knead the dough")["hits"][0]["title"]))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert titles == ["Bread"] * 12


def test_of_equal_texts_the_first_is_shown_however_they_are_proposed(
    docs: Index, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        (folder / f"{number}.md").write_text("Zebras have stripes.\n")
    docs.sync()
    before = ask(docs, "stripes of zebras", mode="vector")["hits"]
    assert len(before[0]["also_in"]) == 3
    search = LocalSearcher.search
    monkeypatch.setattr(LocalSearcher, "search", lambda *given: search(*given)[::-1])
    assert ask(docs, "stripes of zebras", mode="vector")["hits"] == before
