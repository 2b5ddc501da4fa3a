"""The rooms Tasks and Engine, in Chromium."""

from __future__ import annotations

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
    page.get_by_text("No problems; 1 tasks of your own").wait_for()
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
    page.get_by_text("open this room anew").wait_for()
    assert "<b>party</b>" in local.toolbox.settings.instructions_path.read_text()
    assert studio.problems == []


def test_the_engine_shows_what_the_daemon_does(studio: Studio, local: Local) -> None:
    local.ask("/v1/tools/semantic_match", {"query": "cat", "candidates": ["cat", "dog"]})
    page = studio.open("engine")
    assert page.get_by_label("Passes").inner_text().split()[1] != "0"
    assert page.get_by_role("row", name="semantic_match").count() == 1
    page.locator("canvas").nth(3).wait_for()
    studio.check()
