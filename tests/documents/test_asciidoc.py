"""AsciiDoc."""

from __future__ import annotations

from tests.documents.office_files import outline, read_as

BOOK = """= The Book
Anna Müller <anna@x.y>; Tom Ray
v1.2, 2024-03-05: Draft
:keywords: alpha, beta
:product: Gizmo

Preamble.

== Install {product} *now* and https://x.y[there]

// a comment
[source,bash]
----
make install

= not a heading
----

////
nobody reads this
////

.Prices
[cols="1,2",options="header"]
|===
|Part |Price

|P-1
|3.50

|P-2 |4.50
|===

NOTE: Careful.

Old title
---------

Text

====
example

text
====

=== Deeper ===
include::other.adoc[]
"""


def test_a_book() -> None:
    document = read_as("a.adoc", BOOK.encode())
    assert outline(document) == [
        "# The Book",
        "Anna Müller <anna@x.y>; Tom Ray\nv1.2, 2024-03-05: Draft",
        "Preamble.",
        "## Install Gizmo now and there",
        "----\nmake install\n\n= not a heading\n----",
        ".Prices",
        "|Part |Price",
        "[Part | Price] |P-1\n|3.50",
        "[Part | Price] |P-2 |4.50",
        "NOTE: Careful.",
        "## Old title",
        "Text",
        "example",
        "text",
        "### Deeper",
        "include::other.adoc[]",
    ]
    assert document.lines == BOOK.split("\n")
    assert document.title == "The Book"
    assert document.metadata == {"author": "Anna Müller, Tom Ray", "date": "2024-03-05", "tags": ["alpha", "beta"]}
    assert document.notes == ["includes other files, which are read on their own"]


def test_tables_whose_first_row_names_the_columns_by_itself() -> None:
    text = "|===\n|City |Sales\n|Kiel |10\n|Ulm |20\n|===\n"
    assert outline(read_as("a.asciidoc", text.encode())) == [
        "|City |Sales", "[City | Sales] |Kiel |10", "[City | Sales] |Ulm |20",
    ]  # fmt: skip


def test_the_title_may_have_a_line_below_it() -> None:
    document = read_as("a.asciidoc", b"The Book\n========\n\nPart\n----\n\ntext\n")
    assert outline(document) == ["# The Book", "## Part", "text"]


def test_hostile_lines_take_no_time() -> None:
    for line in ("= " + "a " * 500_000, "https://" * 100_000, "[" * 500_000, "|" * 500_000, "= *" + "*a" * 300_000):
        read_as("a.adoc", f"|===\n{line}\n|===\n{line}\n".encode())
