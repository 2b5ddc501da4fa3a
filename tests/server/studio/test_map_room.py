"""The room Map, in Chromium."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openclaw_instructor.tasks.text_map import PER_CALL
from tests.server.serving import Local
from tests.server.studio.conftest import Studio

COLOURS = """\
version: 1
tasks:
  sort_colours:
    kind: classify
    description: Sort a colour.
    instruction: "Represent the colour:"
    labels:
      - {name: warm, examples: [red fire, orange fruit, yellow sun, brown earth, pink flower]}
      - {name: cold, examples: [blue sea, green grass, white snow, grey stone, violet night]}
"""


def coloured(page: Any, number: int) -> int:
    """How many pixels of a map hold a point."""
    script = (
        "i => { const c = document.querySelectorAll('canvas.map')[i]; const d = c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data; let n = 0; for (let a = 3; a < d.length; a += 4) "
        "if (d[a] > 100) n++; return n; }"
    )
    return int(page.evaluate(script, number))


def test_a_collection_lies_on_two_maps_that_are_linked(studio: Studio) -> None:
    page = studio.open("map")
    page.get_by_text("of the variance").wait_for()
    assert page.locator("canvas.map").count() == 1
    page.get_by_label("A second instruction").fill("Represent the text for clustering by topic:")
    page.get_by_role("button", name="Draw").click()
    page.locator("canvas.map").nth(1).wait_for()
    studio.wait_for("document.querySelectorAll('canvas.map')[1].width > 100")
    page.get_by_text("of the variance").nth(1).wait_for()
    page.wait_for_timeout(100)
    before = [coloured(page, number) for number in (0, 1)]
    assert min(before) > 0
    studio.check()
    first = page.locator("canvas.map").first
    box = first.bounding_box()
    corners = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)]
    page.mouse.move(box["x"] + box["width"] * 0.01, box["y"] + box["height"] * 0.01)
    page.mouse.down()
    for x, y in corners:
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y)
    page.mouse.up()
    page.get_by_text("chosen").first.wait_for()
    assert page.get_by_role("link", name="garden.md").count() >= 1
    first.focus()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    page.keyboard.press("Enter")
    page.locator("main article").first.wait_for()
    assert studio.problems == []


def test_a_second_instruction_has_every_point_and_says_how_far_it_is(local: Local, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("name,note\n" + "".join(f"row {n},{'word ' * 30}{n}\n" for n in range(1_300)))
    local.toolbox.index_add("rows", [tmp_path])
    local.toolbox.index_sync("rows")
    passages = local.toolbox.index_status("rows")[0].chunks
    asked = {"collection": "rows", "instruction": "Represent the row:", "points": 10_000}
    lines = [json.loads(line) for line in local.ask("/v1/map", asked).body.splitlines()]
    assert lines[0]["count"] == len(lines[0]["group"]) == passages
    assert [line["progress"][0] for line in lines if "progress" in line] == list(range(0, passages, PER_CALL))
    for line in lines:
        if "map" in line:
            assert len(np.frombuffer(base64.b64decode(line["x"]), "<u2")) == passages
    assert [line["map"] for line in lines if "map" in line] == [0, 1]
    local.toolbox.index_remove("rows")


def test_umap_follows_and_a_drawing_is_cancelled(studio: Studio, local: Local) -> None:
    pytest.importorskip("fastumap")
    local.toolbox.settings.instructions_path.write_text(COLOURS)
    page = studio.open("map?show=task:sort_colours")
    page.get_by_role("combobox", name="By", exact=True).select_option("umap")
    page.get_by_role("button", name="Draw").click()
    page.get_by_text("by UMAP").wait_for(timeout=180_000)  # a process of its own
    local.model.gate.clear()
    page.get_by_label("A second instruction").fill("Represent the mood of the text:")
    page.get_by_role("button", name="Draw").click()
    second = page.locator("figure", has_text="Represent the mood of the text:")
    second.get_by_text("texts embedded").wait_for()
    second.get_by_role("button", name="Cancel").click()
    second.get_by_text("cancelled; what was embedded is kept").wait_for()
    local.model.gate.set()
    local.toolbox.settings.instructions_path.unlink()
    assert studio.problems == []


def test_the_examples_of_a_task_are_coloured_by_label(studio: Studio) -> None:
    page = studio.open("map?show=task:classify_email")
    page.get_by_text("of the variance").wait_for()
    assert "(" in page.locator(".swatch").first.locator("..").inner_text()
    assert page.locator(".swatch").count() >= 3
    assert studio.problems == []
