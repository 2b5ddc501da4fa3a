"""The index on the real engine with the bundled checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from openclaw_instructor.index import Index
from openclaw_instructor.service import Toolbox

pytestmark = pytest.mark.mini


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolbox]:
    base = tmp_path_factory.mktemp("bundled")
    (base / "notes").mkdir()
    texts = {
        "car.md": "# Garage\n\nThe automobile needs new tyres before winter, and the brakes squeak.\n",
        "cat.md": "# Pets\n\nThe kitten sleeps on the sofa all day and eats at night.\n",
        "tax.md": "# Money\n\nThe revenue office wants the declaration of income by the end of May.\n",
    }
    for name, text in texts.items():
        (base / "notes" / name).write_text(text)
    with Toolbox(base / "home") as toolbox:
        toolbox.index_add("docs", [base / "notes"])
        toolbox.index_sync("docs")
        yield toolbox


@pytest.mark.parametrize(
    ("question", "name"),
    [("my vehicle has a problem", "car.md"), ("pet animal resting", "cat.md"), ("when to pay taxes", "tax.md")],
)
def test_a_passage_is_found_by_meaning(toolbox: Toolbox, question: str, name: str) -> None:
    result = toolbox.run("search_docs", {"query": question, "mode": "vector"})
    assert Path(result["hits"][0]["file"]).name == name
    assert result["notes"] == []


def test_words_alone_and_status_load_no_weights(toolbox: Toolbox) -> None:
    with Toolbox(settings=toolbox.settings) as fresh:
        assert fresh.run("search_docs", {"query": "brakes", "mode": "keyword"})["count"] == 1
        assert fresh.index_sync("docs").collections[0].unchanged == 3
        assert not fresh.index_status("docs")[0].stale
        assert not fresh.engine.loaded


def test_nothing_is_cut_off_by_the_real_tokenizer(toolbox: Toolbox, tmp_path: Path) -> None:
    folder = tmp_path / "long"
    folder.mkdir()
    prose = " ".join(f"Sentence {i} tells of naïve Übermut, 日本語 and e-mail@example.org/{i}." for i in range(300))
    (folder / "prose.md").write_text(f"# A title that takes its own tokens\n\n{prose}\n")
    toolbox.index_add("long", [folder])
    report = toolbox.index_sync("long").collections[0]
    assert (report.truncated, report.chunks > 20) == (0, True)
    index: Index = toolbox.index
    embedder = toolbox.engine.embedder
    with index._store.read() as connection:
        texts = [row[0] for row in connection.execute("SELECT text FROM chunks WHERE length(text) > 200")]
    assert max(embedder.count(texts)) <= 240


def test_an_edited_instruction_is_noticed_by_the_next_search(toolbox: Toolbox) -> None:
    with Toolbox(settings=toolbox.settings) as other:
        other.index.instruct("docs", "Represent the diary for retrieval: ")
        assert other.index.status("docs")[0].stale
        assert not other.run("search_docs", {"query": "brakes"})["stale"]
        assert other.settings.instructions_path.write_text(
            "version: 1\ntasks:\n  search_docs:\n    kind: search\n    description: Search.\n    instructions:\n"
            '      query: "Represent the question:"\n      document: "Represent the note:"\n    collection: docs\n'
        )
        result = other.run("search_docs", {"query": "brakes"})
        assert result["stale"]
        assert "index sync docs" in result["notes"][0]
        other.index_sync("docs")
        assert not other.run("search_docs", {"query": "brakes"})["stale"]
        other.settings.instructions_path.unlink()
