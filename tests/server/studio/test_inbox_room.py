"""The room Inbox, in Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.serving import Local
from tests.server.studio.conftest import Studio

TASKS = """\
version: 1
tasks:
  sort_mail:
    kind: classify
    input: email
    description: Sort a mail.
    instruction: "Represent the mail:"
    abstain_below: 0
    min_margin: 0
    labels:
      - name: invoices
        examples: ["invoice payment due amount euros", "your invoice number please pay the amount"]
      - name: garden
        examples: ["tomatoes need water and full sun", "plant the roses in spring near water"]
"""
MBOX = """\
From a@example.com Mon Jan  5 10:00:00 2026
From: Shop <shop@example.com>
Subject: invoice 12 payment due

please pay the amount of 80 euros

From b@example.com Mon Jan  5 11:00:00 2026
From: "<script>alert(1)</script>" <evil@example.com>
Subject: <img src=x onerror=alert(2)>
Content-Type: text/html

<html><body><script>alert(3)</script><p onclick="alert(4)">tomatoes want water</p><iframe src="http://evil.example"></iframe></body></html>
"""
LABELLED = "text,label\n" + "".join(
    f"please pay invoice {number} of the amount,invoices\ntomatoes and roses want water {number},garden\n"
    for number in range(12)
)


@pytest.fixture(scope="module", autouse=True)
def tasks(local: Local) -> None:
    local.toolbox.settings.instructions_path.write_text(TASKS)


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    (tmp_path / "mail.mbox").write_text(MBOX)
    return tmp_path / "mail.mbox"


def test_mail_is_labelled_corrected_with_a_key_and_undone(studio: Studio, local: Local, mails: Path) -> None:
    page = studio.open("inbox")
    page.get_by_label("Task").select_option("sort_mail")
    page.get_by_label("Files of mail").set_input_files(str(mails))
    page.get_by_text("2 messages").wait_for()
    page.get_by_role("button", name="invoice 12").click()
    article = page.locator("article")
    assert "invoices" in article.locator(".bars").inner_text()
    assert "invoice" in article.inner_text()
    assert "Nearest examples" in article.inner_text()
    studio.check()
    page.locator("main").focus()
    page.keyboard.press("b")
    page.get_by_text("1 corrected").wait_for()
    (correction,) = local.toolbox.corrections.in_force("sort_mail")
    assert correction.label == "garden"
    page.keyboard.press("u")
    page.get_by_text("0 corrected").wait_for()
    assert local.toolbox.corrections.in_force("sort_mail") == []
    assert studio.problems == []


def test_a_mail_full_of_script_is_text(studio: Studio, mails: Path) -> None:
    page = studio.open("inbox")
    page.get_by_label("Task").select_option("sort_mail")
    page.get_by_label("Files of mail").set_input_files(str(mails))
    page.get_by_role("button", name="<img src=x").click()
    article = page.locator("article")
    assert "<img src=x onerror=alert(2)>" in article.inner_text()
    assert "tomatoes want water" in article.inner_text()
    assert page.locator("main script, main img, main iframe, main p[onclick]").count() == 0
    assert studio.problems == []


def test_a_task_is_measured_on_a_table_with_labels(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "labelled.csv").write_text(LABELLED)
    page = studio.open("inbox")
    page.get_by_label("Task").select_option("sort_mail")
    page.get_by_text("How well does it do?").click()
    page.get_by_label("Table with labels").set_input_files(str(tmp_path / "labelled.csv"))
    page.get_by_role("button", name="Measure").click()
    measures = page.get_by_label("Measures", exact=True)
    measures.get_by_text("24 texts").wait_for()
    measures.locator("canvas").nth(1).wait_for()
    assert measures.locator("canvas").count() == 2
    assert measures.get_by_role("region", name="Confusions").count() == 1
    studio.check()
    page.get_by_role("button", name="What was corrected").click()
    page.get_by_text("are in force").wait_for()
    assert studio.problems == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of mail as people keep it: folders in it, a mailbox without a suffix, a Maildir, and other things."""
    folder = tmp_path / "mail"
    for name, content in {
        "a.eml": "From: a@example.com\nSubject: invoice one\n\npay the amount\n",
        "2026/july/b.eml": "From: b@example.com\nSubject: garden two\n\ntomatoes want water\n",
        "2026/Inbox": MBOX,
        "Maildir/cur/1700000000.M1P2.host:2,S": "From: c@example.com\nSubject: maildir three\n\nroses in spring\n",
        "2026/photo.jpg": "no mail",
        ".git/d.eml": "From: d@example.com\nSubject: hidden\n\nx\n",
        "empty.eml": "",
        "2026/numbers.csv": "x,y\n1,2\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def check_folder(page: Any) -> None:
    """That everything which is mail was read, and that the rest is named."""
    page.get_by_text("5 messages").wait_for()
    for subject in ("invoice one", "garden two", "invoice 12", "maildir three"):
        assert page.get_by_role("button", name=subject).count() == 1
    page.get_by_text("files or parts were skipped").click()
    said = page.locator("details", has_text="were skipped").inner_text()
    assert "photo.jpg: .jpg is no mail" in said
    assert "empty.eml: it is empty" in said
    assert "d.eml: it is hidden" in said
    assert "2026/numbers.csv: " in said


def test_a_whole_folder_is_picked(studio: Studio, folder: Path) -> None:
    page = studio.open("inbox")
    page.get_by_role("combobox", name="Task").select_option("sort_mail")
    page.get_by_label("A folder of mail").set_input_files(str(folder))
    check_folder(page)
    studio.problems.clear()  # the browser reports the refused request itself
    studio.check()


def test_a_whole_folder_is_dropped(studio: Studio, folder: Path) -> None:
    page = studio.open("inbox")
    page.get_by_role("combobox", name="Task").select_option("sort_mail")
    box = page.locator(".drop").bounding_box()
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
        place = {"x": box["x"] + 20, "y": box["y"] + 10}
        session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})
    check_folder(page)
    studio.problems.clear()  # the browser reports the refused request itself


def test_what_cannot_be_read_says_why(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "mail.docx").write_bytes(b"PK")
    page = studio.open("inbox")
    page.get_by_label("Files of mail").set_input_files(str(tmp_path / "mail.docx"))
    page.get_by_text("files or parts were skipped").click()
    page.get_by_text(".docx is no mail and no table").wait_for()
    assert studio.problems == []
