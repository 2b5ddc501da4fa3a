"""A report as HTML: whole without anything else, readable without seeing it, and text whatever a file holds."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import lxml.html

from openclaw_instructor.reports import web_page
from tests.reports import hostile

ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "h1", "h2", "h3", "p", "div"),
    *("dl", "dt", "dd", "ul", "li", "table", "caption", "thead", "tbody", "tr", "th", "td"),
    *("svg", "desc", "path", "polyline", "circle", "rect", "text"),
}


def parsed() -> Any:
    return lxml.html.document_fromstring(web_page.html(hostile.page()).encode())


def test_whatever_texts_hold_no_markup_comes_of_it() -> None:
    tree = parsed()
    assert {element.tag for element in tree.iter()} <= ELEMENTS
    assert not [name for element in tree.iter() for name in element.attrib if name.startswith("on")]
    shown = tree.text_content()
    for text in hostile.TEXTS:
        assert text in shown
    assert "eviltxt.exe[2J?" in shown


def test_nothing_is_loaded_and_nothing_runs() -> None:
    tree = parsed()
    assert not {name for element in tree.iter() for name in element.attrib} & {
        "src",
        "href",
        "style",
        "srcset",
        "action",
    }
    (policy,) = tree.xpath("//meta[@http-equiv]/@content")
    (style,) = tree.xpath("//style/text()")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert "url(" not in style
    assert "@import" not in style


def test_every_chart_is_named_and_described_and_stands_beside_its_numbers() -> None:
    tree = parsed()
    charts = tree.xpath("//svg")
    assert len(charts) == 3
    for chart in charts:
        named = [tree.get_element_by_id(name) for name in chart.get("aria-labelledby").split()]
        assert [each.tag for each in named] == ["title", "desc"]
        assert all(each.text for each in named)
        assert chart.xpath("ancestor::div[contains(@class, 'card')]//table")
    assert len(tree.xpath("//table/caption")) == len(tree.xpath("//table"))
    assert not tree.xpath("//th[not(@scope)]")
    assert "… and 3 more" in tree.text_content()
