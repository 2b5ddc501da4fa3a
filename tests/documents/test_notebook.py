"""Jupyter notebooks."""

from __future__ import annotations

import json

import pytest

from openclaw_instructor.documents.document import Document, UnreadableDocument
from tests.documents.office_files import outline, read_as


def notebook(*cells: dict[str, object], **metadata: object) -> Document:
    return read_as("a.ipynb", json.dumps({"nbformat": 4, "metadata": metadata, "cells": list(cells)}).encode())


def code(source: str | list[str], *outputs: dict[str, object]) -> dict[str, object]:
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def text(source: str) -> dict[str, object]:
    return {"cell_type": "markdown", "source": source.splitlines(keepends=True)}


def test_cells_in_order() -> None:
    document = notebook(
        text("# Sales\n\nBy *city*.\n\n## Load\n"),
        code(
            ["import pandas\n", "\n", "frame = load()"],
            {"output_type": "stream", "name": "stdout", "text": ["2 rows\n"]},
        ),
        {"cell_type": "raw", "source": "raw text"},
        authors=[{"name": "Anna"}, {"name": "Tom"}],
    )
    assert outline(document) == [
        "# Sales", "By *city*.", "## Load", "import pandas\n\nframe = load()", "2 rows", "raw text",
    ]  # fmt: skip
    assert [str(block.location) for block in document.blocks] == ["cell 1"] * 3 + ["cell 2"] * 2 + ["cell 3"]
    assert (document.title, document.metadata) == ("Sales", {"author": "Anna, Tom"})


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        ({"data": {"text/plain": ["   a\n", "0  1"], "text/html": "<table>"}}, ["   a", "0  1"]),
        ({"data": {"image/png": "iVBORw0" * 999, "text/plain": "<Figure size 640x480>"}}, []),
        ({"data": {"text/plain": "[<Line2D at 0x7f>]"}}, []),
        ({"data": {"image/png": "iVBORw0" * 999}}, []),
        ({"output_type": "error", "ename": "KeyError", "evalue": "'x'", "traceback": ["--"]}, ["KeyError: 'x'"]),
        ({"text": "\x1b[1;32mgreen\x1b[0m"}, ["green"]),
        ({"text": "A" * 5_000 + "\nshort"}, ["short"]),
        ({"text": "x\n" * 100}, ["x"] * 60 + ["... 40 more lines"]),
        ({"text": None}, []),
        ({"data": []}, []),
    ],
)
def test_outputs_are_read_as_text_only(output: dict[str, object], lines: list[str]) -> None:
    document = notebook(code("run()", output))
    assert document.lines == (["run()", "", *lines] if lines else ["run()"])


def test_notebooks_of_the_third_format() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Old"},
        {"cell_type": "code", "input": "1 + 1", "outputs": [{"output_type": "pyout", "text": "2"}]},
    ]
    document = read_as("a.ipynb", json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}).encode())
    assert outline(document) == ["## Old", "1 + 1", "2"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b'{"cells": [', "damaged: not JSON throughout"),
        (b"[]", "not a notebook: it has no cells"),
        (b'{"cells": 3}', "not a notebook: it has no cells"),
        (b"[" * 200_000, "nested too deeply"),
    ],
)
def test_what_is_no_notebook_says_so(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableDocument) as raised:
        read_as("a.ipynb", data)
    assert raised.value.reason == reason


def test_odd_cells_do_no_harm() -> None:
    document = notebook(
        {}, {"cell_type": "code", "source": 3, "outputs": "x"}, {"cell_type": "heading", "level": "x", "source": "H"}
    )
    assert outline(document) == ["# H"]
