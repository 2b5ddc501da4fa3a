"""The room Documents, in Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.server.serving import Local
from tests.server.studio.conftest import HOSTILE, Studio


def test_collections_say_what_is_read_and_what_is_due(studio: Studio, documents: Path) -> None:
    page = studio.open("documents")
    docs = page.get_by_label("docs", exact=True)
    assert "3 of 4 files" in docs.inner_text()
    assert str(documents) in docs.inner_text()
    docs.get_by_role("button", name="Files").click()
    row = page.get_by_role("row", name="broken.pdf")
    assert "unreadable" in row.inner_text()
    assert page.get_by_role("row", name=HOSTILE).count() == 1
    studio.check()


def test_a_folder_is_added_synced_and_removed(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text("# One\n\nThe first of all numbers.\n")
    page = studio.open("documents")
    page.get_by_text("Add a folder").click()
    page.get_by_label("Collection").fill("numbers")
    page.get_by_label("Folder or file").fill(str(tmp_path))
    page.get_by_role("button", name="Add and read").click()
    page.get_by_role("button", name="Read it").click()
    numbers = page.get_by_label("numbers", exact=True)
    numbers.get_by_text("1 of 1 files").wait_for()
    (tmp_path / "two.md").write_text("# Two\n\nThe second one.\n")
    numbers.get_by_role("button", name="Sync").click()
    page.get_by_text("numbers: 1 added").wait_for()
    numbers.get_by_text("2 of 2 files").wait_for()
    numbers.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Cancel").click()
    assert numbers.count() == 1
    numbers.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    page.get_by_text("removed numbers").wait_for()
    numbers.wait_for(state="detached")
    assert (tmp_path / "one.md").exists()
    assert studio.problems == []


def test_what_cannot_be_done_says_why(studio: Studio) -> None:
    page = studio.open("documents")
    page.get_by_text("Add a folder").click()
    page.get_by_label("Folder or file").fill("/there/is/no/such/folder")
    page.get_by_role("button", name="Add and read").click()
    page.get_by_role("button", name="Read it").click()
    page.get_by_role("alert").wait_for()
    assert "/there/is/no/such/folder" in page.get_by_role("alert").inner_text()
    studio.problems.clear()  # the browser reports the refused request itself


def test_passages_are_shown_as_they_were_cut(studio: Studio, documents: Path) -> None:
    page = studio.open(f"documents?file={documents}/gateway.md&at=lines 5-7")
    assert page.locator("main article").count() >= 1
    assert "drain its sessions" in page.locator("main").inner_text()
    studio.check()


def test_a_very_long_passage_and_a_hostile_one_are_text(studio: Studio, local: Local, tmp_path: Path) -> None:
    # One word without end is cut into parts; the page gets no more of it at once than it can lay out.
    (tmp_path / f"long {HOSTILE}").write_text("# <img src=x onerror=alert(4)>\n\n" + "<b>x" * 2_500_000)
    local.toolbox.index_add("long", [tmp_path])
    local.toolbox.index_sync("long")
    page = studio.open("documents?collection=long")
    page.get_by_role("row", name="long").wait_for()
    text = page.locator("main").inner_text()
    assert HOSTILE in text
    link = page.locator("tbody a").first
    if link.count():
        link.click()
        page.locator("main article").first.wait_for()
        assert "<b>x" in page.locator("main").inner_text()
    assert page.locator("main img, main b").count() == 0
    assert studio.problems == []
    local.toolbox.index_remove("long")


def test_a_session_that_only_reads_cannot_change_anything(open_studio: Callable[..., Studio]) -> None:
    page = open_studio("read").open("documents")
    docs = page.get_by_label("docs", exact=True)
    assert docs.get_by_role("button", name="Sync").is_disabled()
    assert docs.get_by_role("button", name="Remove").is_disabled()
    assert page.get_by_text("may not add or remove").count() == 1
