"""The rooms Tasks and Engine, in Chromium."""

from __future__ import annotations

import json
from pathlib import Path

from tests.server.serving import Local
from tests.server.studio.conftest import Studio

GREETINGS = """\
version: 1
tasks:
  find_greeting:
    kind: match
    description: Find the greeting that fits.
    instruction: "Represent the greeting:"
"""


def test_yaml_is_checked_as_one_types_then_tried_and_saved(studio: Studio, local: Local) -> None:
    page = studio.open("tasks")
    editor = page.get_by_label("instructions.yaml")
    editor.fill(GREETINGS.replace("kind: match", "kind: macth"))
    page.get_by_role("button", name="line 4").click()
    assert page.evaluate("getSelection().toString()").strip() == "kind: macth"
    assert page.get_by_role("button", name="Save").is_disabled()
    editor.fill(GREETINGS)
    page.get_by_text("No problems; 1 task of your own").wait_for()
    page.get_by_role("combobox", name="Task", exact=True).select_option("find_greeting")
    page.get_by_label("Arguments").fill('{"query": "good day", "candidates": ["good day to you", "tomatoes"]}')
    page.get_by_role("button", name="Run").click()
    page.locator(".bars").first.wait_for()
    assert "good day to you" in page.locator(".bars").first.inner_text()
    assert not local.toolbox.settings.instructions_path.exists()
    page.get_by_text("What an agent sees").click()
    assert "Find the greeting" in page.locator("main").inner_text()
    studio.check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Save it").click()
    page.get_by_text("are in force").wait_for()
    assert local.toolbox.settings.instructions_path.read_text() == GREETINGS
    assert studio.problems == []


def test_an_example_is_added(studio: Studio, local: Local) -> None:
    page = studio.open("tasks")
    page.get_by_role("combobox", name="Task", exact=True).select_option("classify_email")
    page.get_by_text("Add an example").click()
    page.get_by_label("A text as it really comes in").fill("Come to the <b>party</b> on Sunday")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_role("button", name="Write it").click()
    page.get_by_text("added to").wait_for()
    studio.wait_for("document.querySelector('textarea').value.includes('<b>party</b>')")
    assert "<b>party</b>" in local.toolbox.settings.instructions_path.read_text()
    assert studio.problems == []


TABLE = "text,label\n" + "".join(
    f"please pay invoice {number} of the amount,money\nour roses want water {number},garden\n" for number in range(15)
)
SORTING = """\
version: 1
tasks:
  sort_notes:
    kind: classify
    description: Sort a note.
    instruction: "Represent the note:"
    abstain_below: 0.9
    labels:
      - {name: money, examples: ["the train to Vienna is late"]}
      - {name: garden, examples: ["a bill came with the post"]}
"""


def test_a_task_is_tuned_and_what_won_is_put_in_force(studio: Studio, local: Local, tmp_path: Path) -> None:
    path = local.toolbox.settings.instructions_path
    path.write_text(SORTING)
    (tmp_path / "table.csv").write_text(TABLE)
    page = studio.open("tasks?task=sort_notes")
    page.get_by_text("Tune it on a table").click()
    page.get_by_label("Table to tune on").set_input_files(str(tmp_path / "table.csv"))
    page.get_by_role("button", name="Compare set-ups").click()
    apply = page.get_by_role("button", name="Apply what won")
    apply.wait_for()
    assert "Macro-F1" in page.get_by_role("region", name="Before and after").inner_text()
    studio.check()
    apply.click()
    page.get_by_role("button", name="Cancel").last.click()
    assert path.read_text() == SORTING
    apply.click()
    page.get_by_role("button", name="Apply it").click()
    page.get_by_text("taught 30 texts").wait_for()
    assert len(local.toolbox.corrections.in_force("sort_notes")) == 30
    assert path.read_text() != SORTING
    assert page.get_by_label("instructions.yaml").input_value() == path.read_text()
    assert studio.problems == []


def test_tuning_is_cancelled(studio: Studio, local: Local, tmp_path: Path) -> None:
    local.toolbox.settings.instructions_path.write_text(SORTING.replace("sort_notes", "sort_bills"))
    (tmp_path / "table.csv").write_text(TABLE)
    page = studio.open("tasks?task=sort_bills")
    page.get_by_text("Tune it on a table").click()
    page.get_by_label("Table to tune on").set_input_files(str(tmp_path / "table.csv"))
    local.model.gate.clear()
    page.get_by_label("Another instruction to compare").fill("Represent the mood of the note:")
    page.get_by_role("button", name="Compare set-ups").click()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled; nothing was changed").wait_for()
    local.model.gate.set()
    assert studio.problems == []


def test_what_was_edited_since_is_not_tuned_over(local: Local) -> None:
    path = local.toolbox.settings.instructions_path
    path.write_text(SORTING.replace("sort_notes", "sort_bills"))
    headers = {"Content_Type": "application/octet-stream"}
    tuned = local.ask("/v1/tasks/tune?task=sort_bills&name=t.csv", TABLE.encode(), **headers)
    last = json.loads(tuned.body.splitlines()[-1]) if isinstance(tuned.body, str) else tuned.body
    path.write_text(path.read_text().replace("Sort a note", "Sort any note"))
    refused = local.ask("/v1/tasks/tune/apply", {"id": last["id"]})
    assert refused.status == 400
    assert "was edited since" in refused.body["error"]["message"]


def test_the_engine_shows_what_the_daemon_does(studio: Studio, local: Local) -> None:
    local.ask("/v1/tools/semantic_match", {"query": "cat", "candidates": ["cat", "dog"]})
    page = studio.open("engine")
    assert page.get_by_label("Passes").inner_text().split()[1] != "0"
    assert page.get_by_role("row", name="semantic_match").count() == 1
    page.locator("canvas").nth(3).wait_for()
    studio.check()
