"""Results in a notebook."""

from __future__ import annotations

from pathlib import Path

from openclaw_instructor.service import Toolbox
from openclaw_instructor.testing import WordEngine


def test_a_toolbox_and_a_sync_are_tables_of_text(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "one.md").write_text("# One\n\nThe first.\n")
    with Toolbox(tmp_path / "<b>home", engine=WordEngine()) as toolbox:
        shown = toolbox._repr_html_()
        assert "&lt;b&gt;home" in shown
        assert "<td>search_docs</td><td>search</td>" in shown
        toolbox.index_add("docs", [tmp_path / "documents"])
        assert "<td>docs</td><td>1</td>" in toolbox.index_sync("docs")._repr_html_()
