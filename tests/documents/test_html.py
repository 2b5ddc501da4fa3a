"""Pages to their main text."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from openclaw_instructor.documents import Document, UnreadableDocument
from openclaw_instructor.documents.formats import format_of
from openclaw_instructor.documents.readers.html import read

HEAD = "<!DOCTYPE html><html><head><title>Page</title></head><body>"


def page(body: str | bytes, head: str = HEAD) -> Document:
    data = body if isinstance(body, bytes) else (head + body).encode()
    return read(data, PurePath("page.html"))


def texts(document: Document) -> list[str]:
    return ["\n".join(document.lines[block.first - 1 : block.last]) for block in document.blocks]


def headings(document: Document) -> list[tuple[int, str]]:
    return [(block.level, block.heading) for block in document.blocks if block.level]


FURNITURE = {
    "navigation": "<nav><ul><li><a href='/'>Lost</a></ul></nav>",
    "a header": "<header><a href='/'>Lost</a></header>",
    "a footer": "<footer>Lost 2024</footer>",
    "an aside": "<aside>Lost</aside>",
    "a role": "<div role='navigation'><a href='/'>Lost</a></div>",
    "a script": "<script>var Lost = '<p>Lost</p>'</script>",
    "a style": "<style>.Lost {color: red}</style>",
    "a template": "<template><p>Lost</p></template>",
    "no script": "<noscript>Lost: please enable JavaScript</noscript>",
    "hidden": "<div hidden>Lost</div>",
    "no display": "<p style='color:red; display : none'>Lost</p>",
    "invisible": "<p style='visibility:hidden'>Lost</p>",
    "no size": "<span style='font-size:0px'>Lost</span>",
    "aria": "<span aria-hidden='true'>Lost</span>",
    "for screen readers": "<span class='sr-only'>Lost</span>",
    "a hiding sheet": "<style>.a, .secret{display:none}</style><p class='x secret'>Lost</p>",
    "menu by class": "<div class='main-menu'><a href='/'>Lost</a> <a href='/'>Lost</a></div>",
    "sidebar by id": "<div id='sidebar'><ul><li><a href='/'>Lost</a></ul></div>",
    "breadcrumbs": "<ol class='breadcrumb'><li><a href='/'>Lost</a></ol>",
    "cookies by class": "<div class='cookie-banner'>Lost crumbs</div>",
    "cookies by id": "<div id='onetrust-consent-sdk'><p>Lost</p></div>",
    "cookies by words": "<div class='abc'><p>Lost: we use cookies.</p><div><button>Accept all</button></div></div>",
    "cookies in German": "<div><p>Lost: Cookies helfen uns.</p><a href='#'>Zustimmen</a></div>",
    "a form": "<form><label>Lost</label><input value='Lost'><select><option>Lost</select></form>",
    "a drawing": "<svg><title>Lost</title><text>Lost</text></svg>",
    "a comment": "<!-- Lost <p>Lost</p> -->",
}


@pytest.mark.parametrize("furniture", FURNITURE)
@pytest.mark.parametrize(
    "frame", ["{}<p>Kept before.</p><p>Kept.</p>", "<main><p>Kept.</p></main>{}", "<p>Kept.</p>{}"]
)
def test_what_is_not_the_text_of_a_page_is_left_out(furniture: str, frame: str) -> None:
    read = page(frame.format(FURNITURE[furniture]))
    assert "Lost" not in read.text
    assert read.title == "Page"
    assert texts(read)[-1] == "Kept."


@pytest.mark.parametrize(
    "kept",
    [
        "<article><header><h1>Kept</h1></header></article>",
        "<div class='navigation-of-ships'><p>Kept: how to steer.</p></div>",
        "<p class='menu'>Kept: soup, fish and <a href='x'>cake</a> on every weekday.</p>",
        "<section class='cookies'><h2>Kept: how to bake cookies</h2><p>Butter first.</p></section>",
        "<div role='tabpanel' hidden>Kept in a tab</div>",
        "<div class='tab-pane' style='display:none'>Kept in a tab</div>",
        "<details><summary>Kept</summary>more</details>",
        "<main aria-hidden='true'><p>Kept behind a dialog</p></main>",
        "<div class='hidden md:block'>Kept on wide screens</div>",
        "<main><aside>Kept: a remark.</aside></main>",
        "<blockquote><p>Word.</p><footer>Kept: who said it</footer></blockquote>",
        "<style>@media print {.only {display:none}}</style><p class='only'>Kept on screens</p>",
        "<center><font color='#ffffff'>Kept</font></center>",
    ],
)
def test_what_only_looks_like_furniture_is_kept(kept: str) -> None:
    assert "Kept" in page(kept).text


def test_a_page_of_nothing_but_links_is_read() -> None:
    assert texts(page("<nav><ul><li><a href='a'>First</a><li><a href='b'>Second</a></ul></nav>")) == [
        "- First",
        "- Second",
    ]


def test_headings_are_blocks_of_their_level() -> None:
    body = (
        "<h1>One <a class='headerlink' href='#one'>¶</a></h1><p>text<h3>Three<br>lines</h3>"
        "<div role='heading' aria-level='2'>Two</div><h2></h2><h2>Never closed<p>text</p>"
    )
    assert headings(page(body)) == [(1, "One"), (3, "Three lines"), (2, "Two"), (2, "Never closed")]
    assert texts(page(body)) == ["One", "text", "Three lines", "Two", "Never closed", "text"]


def test_a_paragraph_in_a_heading_element_is_no_heading() -> None:
    assert headings(page("<h1>" + "word " * 200 + "</h1>")) == []


def test_paragraphs_links_lists_and_terms() -> None:
    body = (
        "<p>Run  the\n<a href='u'>installer</a>,<br>then <b>re</b>start.</p>Loose text"
        "<ul><li>One<li>Two<ol start=3><li>Inner</ol></ul><dl><dt>Term<dd>Meaning</dl><img alt='A falcon' src=x.png>"
    )
    document = page(body)
    assert texts(document) == [
        "Run the installer,\nthen restart.",
        "Loose text",
        "- One",
        "- Two",
        "  3. Inner",
        "Term",
        "Meaning",
        "A falcon",
    ]
    assert document.lines[3:9] == ["Loose text", "", "- One", "- Two", "  3. Inner", ""]


def test_code_is_kept_as_it_is_written() -> None:
    body = (
        "<pre><code>\ndef f(x):\n\n    return  x &lt; <b>3</b>\n\n</code></pre>"
        "<table class='highlighttable'><tr><td class='linenos'><pre>1\n2</pre></td>"
        "<td><pre>a = 1\nb = 2</pre></td></tr></table>"
        "<pre>one<br>two</pre>"
    )
    assert texts(page(body)) == ["def f(x):\n\n    return  x < 3", "a = 1\nb = 2", "one\ntwo"]


def rows(document: Document) -> list[tuple[str, str]]:
    return [(text, block.context) for text, block in zip(texts(document), document.blocks, strict=True)]


def test_every_row_of_a_table_says_its_columns() -> None:
    body = (
        "<table><caption>Stock</caption><thead><tr><th>Part</th><th>Price<br>EUR</th></tr></thead>"
        "<tr><td>Nut</td><td>3</td></tr><tr><td rowspan='2'>Bolt</td><td>4</td></tr><tr><td>5</td></tr></table>"
    )
    named = "Stock: Part | Price EUR"
    assert rows(page(body)) == [
        ("Stock", ""),
        ("Part | Price EUR", ""),
        ("Nut | 3", named),
        ("Bolt | 4", named),
        ("Bolt | 5", named),
    ]


def test_columns_under_a_common_heading_have_both_names() -> None:
    body = (
        "<table><tr><th rowspan=2>City<th colspan=2>Rain</tr><tr><th>May<th>June</tr>"
        "<tr><td>Bergen<td>120<td>130</tr></table>"
    )
    assert rows(page(body))[-1] == ("Bergen | 120 | 130", "City | Rain May | Rain June")


def test_a_first_row_without_header_cells_may_name_the_columns() -> None:
    body = "<table><tr><td>Name<td>Age</tr><tr><td>Ann<td>31</tr><tr><td>Bob<td>45</tr></table>"
    assert rows(page(body))[1:] == [("Ann | 31", "Name | Age"), ("Bob | 45", "Name | Age")]
    numbers = "<table><tr><td>1<td>2</tr><tr><td>3<td>4</tr><tr><td>5<td>6</tr></table>"
    assert {context for _, context in rows(page(numbers))} == {""}


def test_tables_for_layout_are_read_as_what_they_hold() -> None:
    body = (
        "<table><tr><td><h2>Left</h2><p>one</td>"
        "<td><ul><li>two</ul><table><tr><th>a<th>b<tr><td>c<td>d</table></td></table>"
    )
    document = page(body)
    assert headings(document) == [(2, "Left")]
    assert texts(document) == ["Left", "one", "- two", "a | b", "c | d"]


def test_blocks_say_where_they_stand_in_the_file() -> None:
    document = page(
        "\n\n<h1>One</h1>\n<p>two\nthree</p>\n<pre>\nfour\nfive</pre>\n<table><tr><th>a<th>b\n<tr><td>c<td>d</table>"
    )
    assert [str(block.location) for block in document.blocks] == [
        "lines 3",
        "lines 4-5",
        "lines 7-8",
        "lines 9",
        "lines 10",
    ]


def test_lines_are_counted_as_far_as_files_go() -> None:
    document = page("<p>one</p>" + "\n" * 70_000 + "<p>two</p>" + "\n" * 70_000 + "<p>three</p>")
    assert [block.location.first for block in document.blocks if block.location] == [1, 70_001, 140_001]


def test_what_a_page_states_about_itself() -> None:
    head = (
        "<html lang='de'><head><title> Der\n Titel </title><meta name='Author' content='Ada'>"
        "<meta property='article:published_time' content='2024-03-05T10:00:00+01:00'>"
        "<meta name='description' content='Worum es geht'><meta name='keywords' content='a, b,a'></head><body>"
    )
    document = page("<h1>x</h1>", head)
    assert document.title == "Der Titel"
    assert document.metadata == {
        "author": "Ada",
        "date": "2024-03-05T10:00:00+01:00",
        "description": "Worum es geht",
        "tags": ["a", "b"],
        "language": "de",
    }
    assert page("<h1>First</h1>", "").title == "First"


@pytest.mark.parametrize(
    "data",
    [
        "<meta charset=iso-8859-2><p>Zażółć</p>".encode("iso8859-2"),
        "<meta http-equiv='Content-Type' content='text/html; charset=windows-1250'><p>Zażółć</p>".encode("cp1250"),
        "<?xml version='1.0' encoding='ISO-8859-2'?><html xmlns='http://www.w3.org/1999/xhtml'><p>Zażółć</p></html>".encode(
            "iso8859-2"
        ),
        "<meta charset=iso-8859-1><p>Zażółć</p>".encode(),
        "<p>Zażółć</p>".encode("utf-16"),
        "<meta charset=utf-16><p>Zażółć</p>".encode(),
        "<p>Zażółć</p>".encode("utf-8-sig"),
    ],
)
def test_the_charset_is_found(data: bytes) -> None:
    assert texts(page(data)) == ["Zażółć"]


def test_xhtml_closes_elements_its_own_way() -> None:
    text = (
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/><script src='x'/></head>"
        "<body><a id='top'/><p>One&nbsp;two</p><div/><br/><p>three</p></body></html>"
    )
    assert texts(read(text.encode(), PurePath("x.xhtml"))) == ["One two", "three"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no text"),
        ("<html><body></body></html>", "no text"),
        ("<title>Only a title</title>", "no text"),
        ("<div id='app'></div><script src='app.js'></script>", "no text: a script draws this page"),
    ],
)
def test_a_page_without_text_is_unreadable(text: str, reason: str) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        read(text.encode(), PurePath("x.html"))
    assert caught.value.reason == reason


def test_pages_nested_without_end_are_read_as_paragraphs() -> None:
    document = page("<div>word<script>lost</script>" * 5_000)
    assert texts(document) == ["word"] * 5_000
    assert document.title == "Page"
    assert document.notes == ["nested more than 2,048 levels deep: read without headings and tables"]
    assert "lost" not in document.text


@pytest.mark.parametrize(
    "unit",
    [
        "<div>",
        "<a ",
        "<",
        "<!--",
        "<b><p>x",
        "<a><div>",
        "<ul><li>",
        "<li>x",
        "<table><tr><td>",
        "<table><a>x",
        "<td colspan=999 rowspan=999>x",
        "<p hidden>x",
        "<button>accept</button>",
        "<h2>x",
        "</div>",
        "&",
        "<style>{",
        "<title>",
        "<svg><![CDATA[",
        "<meta charset=",
        "\0",
    ],
)
def test_hostile_pages_take_linear_time(unit: str) -> None:
    # Quadratic time would take minutes; the limit of the suite is the assertion.
    for head in ("", HEAD):
        try:
            page((head + unit * (300_000 // len(unit))).encode())
        except UnreadableDocument:
            continue


@pytest.mark.parametrize(
    "tag",
    [
        "<p " + " ".join(f"a{number}=1" for number in range(100_000)) + ">x",
        "<p class='" + "site-" * 100_000 + "'>x",
        "<img alt='x' src='data:image/png;base64," + "A" * 1_000_000 + "'>x",
        "<p style='display" + " " * 500_000 + "'>x",
    ],
    ids=["attributes", "classes", "data", "style"],
)
def test_hostile_tags_take_linear_time(tag: str) -> None:
    assert page(tag).text.endswith("x")


def test_suffixes() -> None:
    for name in ("a.html", "b.HTM", "c.xhtml"):
        known = format_of(PurePath(name))
        assert known is not None
        assert (known.name, known.isolated) == ("html", True)
