"""Source code to definitions: what is a piece, what it is called, and what is left out."""

from __future__ import annotations

import importlib.util
import itertools
import json
import queue
import random
import sched
import shlex
import sys
import textwrap
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor import distribution
from openclaw_instructor.documents import Document, Location, UnreadableDocument, reading
from openclaw_instructor.documents.chunking import MAX_CONTENT_TOKENS, Chunk, Chunker
from openclaw_instructor.documents.encoding import MAX_LINES
from openclaw_instructor.documents.formats import format_of, formats
from openclaw_instructor.documents.readers.source_code import FORMATS, read
from openclaw_instructor.documents.syntax import parsing
from openclaw_instructor.documents.syntax.definitions import spoken
from openclaw_instructor.documents.syntax.languages import LANGUAGES
from openclaw_instructor.documents.syntax.pieces import MAX_CHARACTERS
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.prompt import Prompter
from openclaw_instructor.testing import WordEmbedder
from tests.documents.code_samples import SAMPLES, STATEMENTS, Sample


def document(source: str, name: str = "file.py") -> Document:
    return read(source.encode(), PurePath(name))


def pieces(found: Document) -> list[tuple[str, str]]:
    """(heading, text) of each piece; a heading opens it, and it ends where the next one opens."""
    opened = [number for number, block in enumerate(found.blocks) if block.level]
    result = []
    for begin, end in itertools.pairwise([*opened, len(found.blocks)]):
        members = found.blocks[begin:end]
        result.append((members[0].heading, "\n".join(found.lines[members[0].first - 1 : members[-1].last])))
    return result


def headings(source: str, name: str = "file.py") -> list[str]:
    return [heading for heading, _ in pieces(document(source, name))]


def chunks(found: Document) -> list[Chunk]:
    return Chunker(WordEmbedder().count, 500, "space").split(found)


def filled(head: str, indent: str = "    ", statements: int = STATEMENTS) -> str:
    return head + "".join(f"{indent}total = total + measure({number}, 1234567)\n" for number in range(statements))


def assert_whole(found: Document) -> None:
    """Every line that is not blank is in exactly one block, the blocks are in order, and none ends in blank lines."""
    covered = [number for block in found.blocks for number in range(block.first, block.last + 1)]
    written = [number for number, line in enumerate(found.lines, start=1) if line.strip()]
    assert covered == sorted(set(covered))
    assert set(written) <= set(covered)
    assert all(found.lines[block.first - 1].strip() and found.lines[block.last - 1].strip() for block in found.blocks)


def test_every_language_has_a_sample_and_its_grammar() -> None:
    assert {language.name for language in LANGUAGES} == set(SAMPLES)
    assert all(language.installed for language in LANGUAGES)


@pytest.mark.parametrize("name", SAMPLES)
def test_definitions_are_pieces_under_what_encloses_them(name: str) -> None:
    sample = SAMPLES[name]
    found = document(sample.source, sample.name)
    assert found.metadata == {"language": name}
    assert not found.notes
    assert tuple(heading for heading, _ in pieces(found)) == sample.headings
    texts = dict(pieces(found))
    for heading, line in sample.held:
        assert line in texts[heading], (heading, line)
    assert_whole(found)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
@pytest.mark.parametrize("change", ["CRLF", "CR", "tabs", "mark", "no end"])
def test_line_ends_tabs_and_marks_change_nothing(sample: Sample, change: str) -> None:
    source = sample.source
    if change == "tabs" and sample.name == "Shop.hs":
        pytest.skip("a tab is eight columns in Haskell")
    changed = {
        "CRLF": source.replace("\n", "\r\n"),
        "CR": source.replace("\n", "\r"),
        "tabs": source.replace("    ", "\t"),
        "mark": "\ufeff" + source,
        "no end": source.rstrip("\n"),
    }[change]
    found = document(changed, sample.name)
    assert tuple(heading for heading, _ in pieces(found)) == sample.headings
    assert not any("\r" in line or "\ufeff" in line for line in found.lines)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_a_broken_line_leaves_the_other_definitions_where_they_are(sample: Sample) -> None:
    lines = sample.source.split("\n")
    lines.insert(len(lines) - 1, "] ) unexpected = = ( [")
    found = document("\n".join(lines), sample.name)
    kept = [heading for heading, _ in pieces(found)]
    assert sum(heading in kept for heading in sample.headings) >= len(sample.headings) - 1
    assert_whole(found)


def test_lines_are_those_of_the_file() -> None:
    source = (
        "import os\n\n\n" + filled("def first():\n", statements=12) + "\n\n" + filled("def second():\n", statements=12)
    )
    found = document(source)
    assert found.lines == source.split("\n")
    first, second = chunks(found)
    assert first.location == Location("lines", 1, 16)
    assert second.location == Location("lines", 19, 31)
    assert second.text == "\n".join(source.split("\n")[18:31])


def test_the_chunker_keeps_each_piece_whole() -> None:
    """Between two definitions, and not within one that fits."""
    source = "\n\n".join(filled(f"def function_{number}(total):\n", statements=13) for number in range(20))
    found = document(source)
    assert [(chunk.heading, chunk.text) for chunk in chunks(found)] == [
        (heading, text.rstrip()) for heading, text in pieces(found)
    ]
    assert [heading for heading, _ in pieces(found)] == [f"def function_{number}" for number in range(20)]


def test_a_function_that_is_too_long_is_cut_between_its_statements() -> None:
    loop = "    for each in total:\n        measure(each)\n        measure(each, each)\n"
    found = document("def long(total):\n" + loop * 60)
    cut = chunks(found)
    assert len(cut) > 1
    assert {chunk.heading for chunk in cut} == {"def long"}
    assert cut[0].text.startswith("def long(total):\n")
    assert all(chunk.text.startswith("    for each") for chunk in cut[1:])
    assert all(chunk.text.endswith("measure(each, each)") for chunk in cut)


def test_small_functions_are_merged_and_all_are_named() -> None:
    source = "".join(f"def f{number}():\n    return {number}\n\n\n" for number in range(40))
    found = pieces(document(source))
    assert 1 < len(found) < 20
    assert found[0][0].startswith("def f0, def f1, def f2")
    assert all(text.count("def ") > 1 for _, text in found[:-1])
    assert "".join(text for _, text in found).count("def ") == 40


def test_definitions_of_different_scopes_are_not_merged() -> None:
    source = "def first(): pass\n\n" + filled("class A:\n    def method(self):\n", "        ") + "\ndef last(): pass\n"
    assert headings(source) == ["def first", "class A > def method", "def last"]


def test_the_head_of_a_class_goes_with_its_first_member_unless_it_says_more() -> None:
    member = filled("    def member(self):\n", "        ")
    assert pieces(document("class A:\n" + member))[0] == ("class A > def member", ("class A:\n" + member).rstrip())
    described = f'class A:\n    """{"It is described. " * 8}"""\n\n'
    assert headings(described + member) == ["class A", "class A > def member"]


def test_what_closes_a_block_stays_with_it() -> None:
    body = filled("", "    ").replace(")\n", ");\n")
    source = f"class A {{\n  void f() {{\n{body}  }}\n\n}}\n// the end\n"
    found = document(source, "A.java")
    assert pieces(found)[-1][1].endswith("  }\n\n}\n// the end")
    assert_whole(found)


def test_a_comment_belongs_to_what_stands_directly_below_it() -> None:
    section = "# " + "-" * 70 + "\n# The second part\n# " + "-" * 70 + "\n"
    source = filled("def a():\n") + f"\n{section}\n# about b\n# still\n" + filled("def b():\n")
    assert [(heading, text.split("\n")[0]) for heading, text in pieces(document(source))] == [
        ("def a", "def a():"),
        ("", "# " + "-" * 70),
        ("def b", "# about b"),
    ]


def test_methods_of_nested_classes_know_all_of_them() -> None:
    source = "class A:\n class B:\n  class C:\n" + filled("   def f():\n", "      ")
    assert headings(source) == ["class A > class B > class C > def f"]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("class CookieJar > def set_policy, async def _clear", "cookie jar set policy clear"),
        ("func (s *HTTPServer) ServeTLS", "s http server serve tls"),
        ("impl fmt::Display for Basket<T>", "fmt display basket t"),
        ("def content_type_of", "content type of"),
        ("CREATE TABLE shop.line_items", "create table shop line items"),
        (".basket > li:hover", "basket li hover"),
        ("", ""),
    ],
)
def test_headings_are_embedded_in_words(label: str, words: str) -> None:
    assert spoken(label) == words


def test_a_chunk_shows_the_names_and_embeds_their_words() -> None:
    source = filled("class CookieJar(dict):\n    def set_policy(self):\n", "        ", 20)
    (chunk,) = chunks(document(source))
    assert chunk.heading == "class CookieJar > def set_policy"
    assert chunk.embedded == f"cookie jar set policy\n{source.rstrip()}"


def test_long_names_do_not_make_long_headings() -> None:
    name = "n" * 500
    source = filled(f"class {name}:\n    def {name}():\n", "        ") + "".join(
        f"def {name}{i}(): pass\n" for i in range(9)
    )
    assert all(len(heading) <= 200 for heading in headings(source))


def test_code_without_definitions_is_one_piece_for_the_chunker_to_pack() -> None:
    found = document("".join(f"measure({number}, 1234567)\n" for number in range(500)))
    assert [heading for heading, _ in pieces(found)] == [""]
    assert len(chunks(found)) > 1


def test_a_header_is_cpp_only_if_its_text_is() -> None:
    assert document("struct point { int x; };\nint class;\n", "a.h").metadata == {"language": "C"}
    assert document("#pragma once\nclass Point {};\n", "a.h").metadata == {"language": "C++"}


@pytest.mark.parametrize(
    "name", ["Makefile", "Dockerfile", "tool.ini", "tool.toml", "a.yml", "a.json", "a.jl", "a.R", "a.vim"]
)
def test_other_code_and_settings_are_read_by_blank_lines(name: str) -> None:
    found = document("first = 1\nsecond = 2\n\n\nthird = 3\n", name)
    assert [(block.first, block.last, block.level) for block in found.blocks] == [(1, 2, 0), (5, 5, 0)]
    assert not found.notes
    assert reading.readable(PurePath(name))


def test_a_file_for_one_purpose_of_several_is_taken_by_its_first_name() -> None:
    assert [
        name for name in ("Dockerfile.dev", "Makefile.am", "Dockerfiles.bin") if reading.readable(PurePath(name))
    ] == [
        "Dockerfile.dev",
        "Makefile.am",
    ]


@pytest.mark.parametrize(("name", "language"), [("Rakefile", "Ruby"), ("Gemfile", "Ruby"), ("SConstruct", "Python")])
def test_names_without_a_suffix_have_a_language(name: str, language: str) -> None:
    assert document("def a; end\n", name).metadata == {"language": language}
    known = format_of(PurePath(name))
    assert known is not None
    assert known.name == language


@pytest.mark.parametrize("optional", [True, False])
def test_a_language_without_its_grammar_is_read_by_blank_lines(optional: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    language = next(language for language in LANGUAGES if language.optional == optional)
    parsing._grammar.cache_clear()
    monkeypatch.setitem(sys.modules, language.module, None)
    sample = SAMPLES[language.name]
    found = document(sample.source, sample.name)
    hint = distribution.pip_line("code") if optional else "pip install tree-sitter tree-sitter-python"
    (note,) = found.notes
    assert note.startswith(f"read by blank lines, not by its definitions: no grammar for {language.name} is installed")
    assert hint in note
    assert not any(block.level for block in found.blocks)
    assert_whole(found)


def test_a_grammar_that_is_installed_later_has_its_files_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {known.name: known.version for known in FORMATS}
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None)
    assert all(not language.installed and versions[language.name] == 2 for language in LANGUAGES)


def test_data_that_was_exported_on_one_line_is_read() -> None:
    items = ",".join(f'{{"id":{n},"note":"order in May {n}"}}' for n in range(300))
    found = read(f'{{"items":[{items}]}}'.encode(), PurePath("orders.json"))
    assert "order in May 299" in found.lines[0]
    assert found.blocks


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("jquery.min.js", b"!function(a){return a};" * 2_000, "minified or generated"),
        ("styles.css", b".a{b:c}" * 1_000, "minified or generated"),
        ("dump.sql", b"INSERT INTO a VALUES " + b"(1, 'x')," * 1_000 + b";\n", "minified or generated"),
        ("package-lock.json", b"{}", "a generated list of locked versions"),
        ("pnpm-lock.yaml", b"a: 1", "a generated list of locked versions"),
        ("npm-shrinkwrap.json", b"{}", "a generated list of locked versions"),
        ("composer-lock.json", b"{}", "a generated list of locked versions"),
        ("data.json", b'[\n "word word word",\n' * 20_000, "data, not settings: 420 kB are over the limit of 200 kB"),
        ("movie.ts", random.Random(1).randbytes(10_000), "a binary file"),
    ],
)
def test_what_programs_write_for_programs_is_left_out_with_a_reason(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableDocument, match=reason):
        read(data, PurePath(name))


def test_one_long_line_is_no_reason() -> None:
    found = document(filled("def a():\n", statements=200) + f'KEY = "{"x" * 3_000}"\n')
    assert [heading for heading, _ in pieces(found)] == ["def a", ""]


def test_a_file_over_the_limit_of_the_parser_is_read_by_blank_lines() -> None:
    found = document("x = 1\n\n" * (parsing.MAX_BYTES // 7 + 10))
    assert found.notes == ["read by blank lines, not by its definitions: it is over 1 MB"]
    assert not any(block.level for block in found.blocks)


def test_a_text_that_takes_too_long_to_parse_is_read_by_blank_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "_SECONDS", -1.0)
    found = document(filled("def a():\n", statements=2_000))
    assert found.notes == ["read by blank lines, not by its definitions: parsing it takes too long"]


@pytest.mark.parametrize("line", ["(", "{", "[1,", "if x:", "class A:", "def f(): {", "x;", "'\"", "\\", "#", "<<A"])
@pytest.mark.parametrize("suffix", [".py", ".js", ".c", ".rb", ".sh"])
def test_hostile_lines_give_whole_documents(line: str, suffix: str) -> None:
    assert_whole(document(f"{line}\n" * 5_000, "x" + suffix))


def test_code_that_nests_deeper_than_the_stack_is_read() -> None:
    depth = 5 * sys.getrecursionlimit()
    found = document("function f() {\n" * depth + "}\n" * depth, "x.js")
    assert_whole(found)
    assert all(block.heading.count(" > ") <= 4 for block in found.blocks)


def test_ten_megabytes_of_one_bracket() -> None:
    with pytest.raises(UnreadableDocument, match="minified"):
        read(b"(" * 10_000_000, PurePath("a.py"))
    found = read(b"(\n" * 5_000_000, PurePath("a.py"))
    assert [(block.first, block.last) for block in found.blocks] == [(1, MAX_LINES)]
    assert "lines are read" in found.notes[0]


def test_empty_files_and_files_of_comments() -> None:
    assert document("").blocks == []
    assert document("\n\n  \n").blocks == []
    assert headings("# only a comment\n") == [""]
    assert_whole(document(";;;\n\n;;;\n", "a.js"))


@given(st.sampled_from(sorted(SAMPLES)), st.integers(0, 2**32), st.integers(1, 12))
def test_damaged_code_loses_no_line(name: str, seed: int, cuts: int) -> None:
    sample = SAMPLES[name]
    chance = random.Random(seed)
    source = sample.source
    for _ in range(cuts):
        start = chance.randrange(len(source))
        source = (
            source[:start]
            + chance.choice(["", "\n", "}", "(", '"', "'''", "\t", "/*", "é"])
            + source[start + chance.randrange(9) :]
        )
        source = source or "x"
    found = document(source, sample.name)
    assert_whole(found)
    assert found.lines == source.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def test_languages_are_read_in_a_child_process(tmp_path: object) -> None:
    sample = SAMPLES["Go"]
    known = format_of(PurePath(sample.name))
    assert known is not None
    assert known.isolated
    assert reading.read(sample.source.encode(), PurePath(sample.name)) == document(sample.source, sample.name)


def test_no_other_format_claims_the_same_names() -> None:
    mine = {key for known in FORMATS for key in (*known.suffixes, *known.names)}
    others = {key for known in formats() if known not in FORMATS for key in (*known.suffixes, *known.names)}
    assert not mine & others
    assert sum(len(known.suffixes) + len(known.names) for known in FORMATS) == len(mine)
    assert all(key == key.lower() and key.startswith(".") for known in FORMATS for key in known.suffixes)
    assert all(key == key.upper() for known in FORMATS for key in known.names)


def test_a_piece_of_the_largest_size_fits_a_chunk() -> None:
    """Of ordinary code, by the bundled checkpoint's tokenizer."""
    count = Prompter(Checkpoint.open("mini")).count
    sources = [Path(module.__file__ or "") for module in (json.decoder, textwrap, shlex, sched, queue)]
    texts = [text for source in sources for _, text in pieces(read(source.read_bytes(), source))]
    sized = [text for text in texts if len("".join(text.split())) <= MAX_CHARACTERS]
    fitting = [tokens <= MAX_CONTENT_TOKENS for tokens in count(sized)]
    assert sum(fitting) >= 0.95 * len(fitting) > 20
