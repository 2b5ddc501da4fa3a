"""What a search says when it can not simply answer, and how it chooses and cuts its hits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.errors import (
    Busy,
    CheckpointUnavailable,
    IdentityMismatch,
    InvalidArguments,
    ModelLoading,
    UnknownCollection,
)
from openclaw_instructor.index import Index
from openclaw_instructor.index.search import CANDIDATES, SNIPPETS_CHARACTERS
from openclaw_instructor.index.selection import PER_DOCUMENT
from tests.index.word_engine import DOCUMENT, WordEngine, ask


def files(result: dict[str, Any]) -> list[str]:
    return [Path(hit["file"]).name for hit in result["hits"]]


@pytest.mark.parametrize(("query", "message"), [("", "query is empty"), (" \n\t", "query is empty")])
def test_an_empty_query_is_the_users_mistake(docs: Index, query: str, message: str) -> None:
    with pytest.raises(InvalidArguments, match=message):
        ask(docs, query)


def test_an_unknown_mode_is_the_users_mistake(docs: Index) -> None:
    with pytest.raises(InvalidArguments, match="mode 'fuzzy': use one of hybrid, vector, keyword"):
        ask(docs, "x", mode="fuzzy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"after": "1 May"}, "after: '1 May' is no date; write it like 2026-01-31, "),
        ({"before": "0001-01-01"}, "before: '0001-01-01' is out of range"),
        ({"path": "!"}, "path: "),
    ],
)
def test_a_bad_filter_is_the_users_mistake(docs: Index, options: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidArguments, match=message):
        ask(docs, "x", **options)


def test_no_collection_at_all_is_said_with_the_command(index: Index) -> None:
    assert "index add docs FOLDER" in ask(index, "anything", collection="*")["notes"][0]
    result = ask(index, "anything", collection=None)
    assert (result["count"], result["collections_searched"]) == (0, [])
    assert result["notes"] == ["nothing is indexed yet; run `openclaw-instructor index add docs FOLDER`"]


def test_a_missing_collection_is_an_error_with_the_nearest_name(index: Index, docs: Index) -> None:
    with pytest.raises(UnknownCollection, match="no collection `doc`; did you mean `docs`"):
        ask(index, "x", collection="doc")


def test_a_named_collection_where_there_is_none_is_said_with_its_name(index: Index) -> None:
    assert ask(index, "x", collection="mail")["notes"] == [
        "nothing is indexed yet; run `openclaw-instructor index add mail FOLDER`"
    ]
    with pytest.raises(UnknownCollection, match="none exists yet; create it: `openclaw-instructor index add mail"):
        index.status("mail")


def test_a_collection_not_yet_indexed_is_stale(index: Index, folder: Path) -> None:
    index.add("docs", [folder], instruction=DOCUMENT)
    result = ask(index, "dough")
    assert (result["count"], result["stale"]) == (0, True)
    assert result["notes"] == [
        "collection `docs` has not been indexed yet; run `openclaw-instructor index sync docs`",
        "docs: no text is indexed yet; run `openclaw-instructor index sync docs`",
    ]


def test_an_empty_collection_says_so(index: Index, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    index.add("docs", [tmp_path / "empty"], instruction=DOCUMENT)
    index.sync()
    assert ask(index, "dough")["notes"] == [
        "the index of docs is empty; run `openclaw-instructor index add docs FOLDER`"
    ]


def test_nothing_found_says_so(docs: Index) -> None:
    assert ask(docs, "zyzzyva", mode="keyword")["notes"] == [
        "nothing in docs matched; use other words, or add documents: `openclaw-instructor index add docs FOLDER`"
    ]


@pytest.mark.parametrize("error", [CheckpointUnavailable("offline and `x` is not here"), ModelLoading("loading")])
def test_without_the_model_words_answer_and_it_is_said(docs: Index, engine: WordEngine, error: Busy) -> None:
    engine.failure = error
    result = ask(docs, "knead the dough")
    assert result["hits"][0]["title"] == "Bread"
    assert result["notes"] == [f"searched by words only: {error.message}"]
    with pytest.raises(type(error)):
        ask(docs, "knead the dough", mode="vector")


def test_without_a_checkpoint_words_answer_too(docs: Index, engine: WordEngine) -> None:
    def identity(instruction: str, extra: str = "") -> str:
        raise CheckpointUnavailable("gone")

    engine.identity = identity  # type: ignore[method-assign]
    assert ask(docs, "knead the dough")["notes"] == ["searched by words only: gone"]
    assert ask(docs, "knead the dough", mode="keyword")["notes"] == []
    assert docs.status("docs")[0].stale is False


def test_a_full_queue_is_not_hidden(docs: Index, engine: WordEngine) -> None:
    engine.failure = Busy("full")
    with pytest.raises(Busy):
        ask(docs, "dough")


def test_vectors_of_another_checkpoint_are_never_compared(docs: Index, open_index: Callable[..., Index]) -> None:
    with pytest.raises(IdentityMismatch, match="run `openclaw-instructor index sync docs`"):
        ask(open_index(WordEngine("other")), "dough", mode="vector")


def test_one_document_does_not_crowd_out_the_others(docs: Index, folder: Path) -> None:
    (folder / "many.md").write_text("".join(f"## Part {i}\n\nquartz crystal number{i}\n\n" for i in range(20)))
    (folder / "other.md").write_text("quartz and much else that dilutes it in a longer text about nothing\n")
    docs.sync()
    assert files(ask(docs, "quartz crystal", top_k=3, mode="keyword")).count("many.md") == PER_DOCUMENT
    assert files(ask(docs, "quartz crystal", top_k=10, mode="keyword")).count("many.md") == 9


def test_the_same_text_is_shown_once(docs: Index, folder: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (folder / name).write_text("quartz crystal")
    docs.sync()
    assert len(ask(docs, "quartz crystal", mode="keyword")["hits"]) == 1


def test_overlapping_parts_of_a_section_are_shown_once(docs: Index, folder: Path) -> None:
    lines = [" ".join(f"w{i}x{j}" for j in range(10)) for i in range(40)]
    lines[20] = "quartz crystal"
    (folder / "long.txt").write_text("\n".join(lines))
    docs.sync()
    assert ask(docs, "quartz crystal", mode="keyword", top_k=10)["count"] == 1


@pytest.mark.parametrize("top_k", [1, 30, 100])
def test_many_hits_are_shown_shortly(docs: Index, folder: Path, top_k: int) -> None:
    for i in range(120):
        (folder / f"{i:03}-{'n' * 60}.md").write_text(
            f"# Long {i}\n\n" + "\n".join(f"quartz {i} {j} “ü”" for j in range(60))
        )
    docs.sync()
    result = ask(docs, "quartz", top_k=top_k)
    assert result["count"] == len(result["hits"]) == top_k
    assert sum(len(hit["snippet"]) for hit in result["hits"]) <= SNIPPETS_CHARACTERS
    assert all("quartz" in hit["snippet"] for hit in result["hits"])


@pytest.mark.parametrize("mode", ["hybrid", "vector", "keyword"])
def test_copies_do_not_crowd_out_other_answers(docs: Index, folder: Path, mode: str) -> None:
    for number in range(CANDIDATES + 20):
        (folder / f"part{number}").mkdir()
        (folder / f"part{number}" / "LICENSE.md").write_text("quartz crystal\n")
    (folder / "one.md").write_text("quartz crystal in a longer text that says more of it than the copies say\n")
    (folder / "two.md").write_text("of the quartz that is found in rivers and brooks near the old mines up there\n")
    docs.sync()
    assert sorted(files(ask(docs, "quartz crystal", top_k=3, mode=mode))) == ["LICENSE.md", "one.md", "two.md"]


def test_pieces_of_one_long_line_are_answers_of_their_own(docs: Index, folder: Path) -> None:
    (folder / "transcript.md").write_text(" ".join(f"quartz{number} crystal and so on" for number in range(400)))
    docs.sync()
    result = ask(docs, "crystal", top_k=4, mode="keyword")
    assert files(result) == ["transcript.md"] * 4
    assert len({hit["snippet"] for hit in result["hits"]}) == 4


def test_a_long_line_above_dashes_is_no_heading(docs: Index, folder: Path, home: Path) -> None:
    (folder / "transcript.md").write_text("zebra " * 20_000 + "\n---\n\nand then\n")
    (folder / "zebra.md").write_text("# " + "The zebra " * 2_000 + "\n\nA zebra.\n")
    docs.sync()
    result = ask(docs, "zebra", top_k=5)
    assert files(result)[:4].count("transcript.md") == files(result)[:4].count("zebra.md") == PER_DOCUMENT
    assert max(len(hit["heading"]) + len(hit["title"]) for hit in result["hits"]) <= 400
    assert result["count"] == 5


def test_a_query_of_too_many_words_is_said(docs: Index) -> None:
    query = " ".join(f"word{number}" for number in range(65))
    assert ask(docs, query, mode="keyword")["truncated_query"]
    assert not ask(docs, query.rsplit(" ", 1)[0], mode="keyword")["truncated_query"]


def test_a_hits_own_file_can_be_the_path(docs: Index, folder: Path) -> None:
    (folder / "bread [old].md").write_text("dough of old\n")
    docs.sync()
    for path in (str(folder / "bread [old].md"), "notes/bread [old].md"):
        assert files(ask(docs, "dough", path=path)) == ["bread [old].md"]
