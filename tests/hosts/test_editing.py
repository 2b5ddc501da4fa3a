"""One entry goes in and out of a file, and nothing else of it changes."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openclaw_instructor.hosts import json_edit, toml_edit
from openclaw_instructor.hosts.json_edit import NotEditable

ENTRY = {"command": "/bin/program", "args": ["--home", "/a b", "mcp"]}


def added(editor: ModuleType, text: str, section: str = "servers") -> str:
    """The text with our entry, checked: what was there is there, and removing it gives the text back."""
    new: str = editor.with_entry(text, section, "mine", ENTRY)
    before = editor.load(text)
    assert editor.load(new) == before | {section: before.get(section, {}) | {"mine": ENTRY}}
    assert editor.without_entry(new, section, "mine", prune=section not in before) == text
    return new


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"a": 1}',
        '{\n  "a": 1\n}\n',
        '{\n    "servers": {\n        "x": {}\n    },\n    "z": 1\n}',
        '{\n\t"a": 1, // why\n\t/* and\n\tthis */\n}\n',
        '{\n\t"a": 1 // no comma yet\n}\n',
        '// first\n{\n  // one\n  "servers": {\n    // two\n  },\n}\n// last',
        '{\r\n    "servers": {\r\n        "x": {}, // é\r\n    }\r\n}',
        '{\n  "servers": {"x": {"command": "//y"}},\n  "z": [1,\n 2,]\n}',
        '{"servers":{"x":{}}}',
    ],
)
def test_json_keeps_every_other_byte(text: str) -> None:
    added(json_edit, text)


def test_json_is_indented_as_the_file_is() -> None:
    assert added(json_edit, '{\n\t"servers": {\n\t\t"x": {}\n\t}\n}\n') == (
        '{\n\t"servers": {\n\t\t"x": {},\n\t\t"mine": {\n\t\t\t"command": "/bin/program",\n'
        '\t\t\t"args": [\n\t\t\t\t"--home",\n\t\t\t\t"/a b",\n\t\t\t\t"mcp"\n\t\t\t]\n\t\t}\n\t}\n}\n'
    )


def test_json_between_others_is_removed_with_its_comma() -> None:
    text = '{"servers": {\n  "x": {}, // x\n  "mine": {}, // mine\n  "y": {}\n}}'
    removed = json_edit.without_entry(text, "servers", "mine", prune=True)
    assert removed == '{"servers": {\n  "x": {}, // x // mine\n  "y": {}\n}}'


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(
    st.dictionaries(st.text(max_size=4), _JSON, max_size=4).filter(lambda value: "servers" not in value),
    st.none() | st.dictionaries(st.text(max_size=3), _JSON, max_size=3),
    st.sampled_from([None, 1, 2, "\t"]),
)
def test_any_json_comes_back(value: dict[str, Any], servers: Any, indent: Any) -> None:
    whole = value if servers is None else {**value, "servers": servers}
    added(json_edit, json.dumps(whole, ensure_ascii=False, indent=indent))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "not a JSON object"),
        ("{a: 1}", "not valid JSON"),
        ("{'a': 1}", "not valid JSON"),
        ('{"a": 1,, "b": 2}', "not valid JSON"),
        ('{"a": 0x10}', "not valid JSON"),
        ('{"a": 1} {"b": 2}', "not a JSON object"),
        ('{"servers": {}, "servers": {"x": 1}}', "twice"),
        ('{"servers": []}', "`servers` is not an object"),
    ],
)
def test_other_json_is_refused(text: str, words: str) -> None:
    with pytest.raises(NotEditable, match=words):
        json_edit.with_entry(text, "servers", "mine", ENTRY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '# c\nmodel = "x"\n',
        '[servers.a]\ncommand = "b" # k\n\n[other]\nx=1\n',
        "[servers]\n",
        'model = "x"\r\n[servers.a]\r\ncommand = "b"\r\n',
    ],
)
def test_toml_keeps_every_other_byte(text: str) -> None:
    assert added(toml_edit, text).startswith(text)


def test_what_a_host_adds_below_our_table_goes_with_it() -> None:
    text = toml_edit.with_entry('model = "x" # mine\n', "servers", "mine", ENTRY)
    text += (
        '\n[servers.mine.tools.search_docs]\napproval_mode = "approve"\n\n[projects."/p"]\ntrust_level = "trusted"\n'
    )
    left = toml_edit.without_entry(text, "servers", "mine", prune=True)
    assert toml_edit.load(left) == {"model": "x", "projects": {"/p": {"trust_level": "trusted"}}}
    assert left.startswith('model = "x" # mine\n')


@pytest.mark.parametrize(
    ("text", "words"), [("x = ", "not valid TOML"), ("servers = {a = {}}", "on one line"), ("servers = 1", "table")]
)
def test_other_toml_is_refused(text: str, words: str) -> None:
    with pytest.raises(NotEditable, match=words):
        toml_edit.with_entry(text, "servers", "mine", ENTRY)
