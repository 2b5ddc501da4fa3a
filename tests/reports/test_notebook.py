"""Results in a notebook."""

from __future__ import annotations

import json
from pathlib import Path

import lxml.html
import pytest

from openclaw_instructor.reports import notebook
from openclaw_instructor.service import Toolbox
from openclaw_instructor.testing import WordEngine
from tests.reports import hostile


@pytest.fixture
def toolbox(tmp_path: Path) -> Toolbox:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "one.md").write_text("# One\n\nThe first of <img src=x onerror=alert(1)> tulips.\n")
    (tmp_path / "documents" / "<script>.md").write_text("# Two\n\nThe second.\n")
    return Toolbox(tmp_path / "<b>home", engine=WordEngine())


def shown(value: object) -> str:
    """What a notebook shows of a value, as text; fails where more than tables, paragraphs and charts come of it."""
    html = value._repr_html_()  # type: ignore[attr-defined]
    assert len(html) < 30_000
    tree = lxml.html.fragment_fromstring(html, create_parent="div")
    assert not {element.tag for element in tree.iter()} & {"script", "img", "style", "iframe"}
    return str(tree.text_content())


def test_a_toolbox_and_what_it_knows_of_the_index(toolbox: Toolbox, tmp_path: Path) -> None:
    with toolbox:
        assert "<b>home" in shown(toolbox)
        assert "search_docs" in shown(toolbox)
        toolbox.index_add("docs", [tmp_path / "documents"])
        assert "<td>docs</td><td>2</td>" in toolbox.index_sync("docs")._repr_html_()
        states, files = toolbox.index_status(), toolbox.index_files()
        assert [state.documents for state in states] == [2]
        assert "docs" in shown(states)
        assert "<script>.md" in shown(files)
        found = toolbox.index.search("tulips", query_instruction="", mode="keyword")
        assert "<img src=x onerror=alert(1)>" in shown(found)


def test_results_of_tools_are_tables_and_stay_json(toolbox: Toolbox, tmp_path: Path) -> None:
    with toolbox:
        toolbox.index_add("docs", [tmp_path / "documents"])
        toolbox.index_sync("docs")
        found = toolbox.run("search_docs", {"query": "tulips"})
        assert "one.md" in shown(found)
        assert "<img src=x onerror=alert(1)>" in shown(found)
        assert json.loads(json.dumps(found)) == found
        sorted_ = toolbox.run("classify_email", {"subject": "<script>alert(1)</script>", "body": "your invoice"})
        assert "<script>alert(1)</script>" in shown(sorted_)
        assert "runners_up" in shown(sorted_)
        texts = ["tulips in spring", "an invoice"]
        one = toolbox.run("semantic_match", {"query": "tulips", "candidates": texts, "threshold": 0})
        several = toolbox.run("semantic_match", {"queries": ["tulips"], "candidates": texts, "threshold": 0})
        assert "tulips in spring" in shown(one)
        assert "tulips in spring" in shown(several)


def test_a_report_is_shown_with_its_charts() -> None:
    html = notebook.page(hostile.page())
    tree = lxml.html.fragment_fromstring(html, create_parent="div")
    assert len(tree.xpath(".//svg")) == 3
    assert not tree.xpath(".//script | .//img | .//style")
    for text in hostile.TEXTS:
        assert text in tree.text_content()


def test_long_tables_and_cells_are_cut_and_say_so() -> None:
    html = notebook.table("t", ["a"], [["x" * 1_000]] * 50)
    assert "… and 30 more" in html
    assert len(html) < 6_000
