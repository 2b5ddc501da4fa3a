"""Add and remove one entry of a JSON file that people edit too, and leave every other byte as it is.

Comments and trailing commas are accepted, as the hosts accept them. JSON with both is a JavaScript object, so the
grammar of JavaScript tells where things stand; what is read is checked by Python's strict parser.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tree_sitter

_BEFORE, _AFTER = b"(", b"\n)"


class NotEditable(Exception):
    """The text has a form that cannot be edited safely; the message says which."""


def load(text: str) -> dict[str, Any]:
    """Read JSON with comments and trailing commas; an empty text is an empty object. Raises NotEditable."""
    if not text.strip():
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        value = _load_relaxed(text)
    if not isinstance(value, dict):
        raise NotEditable("it is not a JSON object")
    return value


def with_entry(text: str, section: str, name: str, entry: Any) -> str:
    """Return the text with `name: entry` last in the object `section`, which is added last if there is none.

    Raises NotEditable.
    """
    wanted = load(text)
    wanted[section] = {**_mapping(wanted.get(section, {}), section), name: entry}
    if not text.strip():
        return json.dumps(wanted, ensure_ascii=False, indent=2) + "\n"
    document = _Document.of(text)
    servers = document.value(document.root, section)
    key, value = (section, {name: entry}) if servers is None else (name, entry)
    return _checked(document.insert(servers or document.root, key, value), wanted)


def without_entry(text: str, section: str, name: str, *, prune: bool) -> str:
    """Return the text without the entry; with `prune` also without a section that is left empty. Raises NotEditable."""
    wanted = load(text)
    servers = _mapping(wanted[section], section)
    del servers[name]
    document = _Document.of(text)
    place, key = document.value(document.root, section), name
    if prune and not servers:
        del wanted[section]
        place, key = document.root, section
    assert place is not None
    return _checked(document.remove(place, key), wanted)


def _mapping(value: Any, section: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotEditable(f"`{section}` is not an object")
    return value


def _checked(text: str, wanted: dict[str, Any]) -> str:
    if load(text) != wanted:
        raise NotEditable("the change would alter more than one entry")
    return text


def _load_relaxed(text: str) -> Any:
    document = _Document.of(text)
    kept = bytearray(document.source)
    for node in _nodes(document.whole):
        if node.type == "comment":
            kept[node.start_byte : node.end_byte] = b" " * (node.end_byte - node.start_byte)
        elif node.type in ("object", "array"):
            inside = [child for child in node.children if child.type != "comment"]
            if inside[-2].type == ",":
                kept[inside[-2].start_byte] = ord(" ")
    try:
        return json.loads(kept[len(_BEFORE) : -len(_AFTER)])
    except ValueError as error:
        raise NotEditable(f"it is not valid JSON ({error})") from None


def _nodes(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children


@dataclass(frozen=True)
class _Document:
    """A parsed text: `source` is it as an expression of JavaScript, `whole` its tree, `root` its outermost object."""

    source: bytes
    whole: tree_sitter.Node
    root: tree_sitter.Node

    @classmethod
    def of(cls, text: str) -> _Document:
        import tree_sitter
        import tree_sitter_javascript

        source = _BEFORE + text.encode() + _AFTER
        tree = tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language())).parse(source)
        outer = [node for node in tree.root_node.children if node.type == "expression_statement"]
        inner = outer[0].children[0].children if len(outer) == 1 and outer[0].children else []
        objects = [node for node in inner if node.type == "object"]
        if tree.root_node.has_error or len(objects) != 1:
            raise NotEditable("it is not a JSON object")
        return cls(source, tree.root_node, objects[0])

    def value(self, parent: tree_sitter.Node, key: str) -> tree_sitter.Node | None:
        """Return the value of a key of an object; None if it has none."""
        pair = self._pair(parent, key)
        return None if pair is None else pair.child_by_field_name("value")

    def insert(self, parent: tree_sitter.Node, key: str, value: Any) -> str:
        """Return the text with a pair after everything that is in an object."""
        pairs = [child for child in parent.children if child.type == "pair"]
        last = parent.children[-2]
        spaced = self._line_of(parent.children[-1]) != self._line_of(parent) or not pairs
        line_end = "\r\n" if b"\r\n" in self.source else "\n"
        unit, indent = self._indentation(parent)
        if spaced:
            written = f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, indent=unit)}"
            written = line_end + indent + written.replace("\n", line_end + indent)
        else:
            written = f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        if not pairs:
            # Where the closing bracket stands on the line of the opening one, it gets its own.
            own_line = self._line_of(parent.children[-1]) != last.end_point[0]
            end = "" if own_line else line_end + indent[: len(indent) - len(unit)]
            return self._spliced((last.end_byte, last.end_byte, written + end))
        commas = [child for child in parent.children if child.type == "," and child.start_byte >= pairs[-1].end_byte]
        if commas:
            return self._spliced((last.end_byte, last.end_byte, written + ","))
        ahead = pairs[-1].end_byte
        return self._spliced((ahead, ahead, ","), (last.end_byte, last.end_byte, written))

    def remove(self, parent: tree_sitter.Node, key: str) -> str:
        """Return the text without a pair of an object, its comma and the space before it."""
        pair = self._pair(parent, key)
        assert pair is not None
        place = parent.children.index(pair)
        before, after = parent.children[:place], parent.children[place + 1 :]
        comma = after[0] if after[0].type == "," else None
        cuts = [(before[-1].end_byte, (comma or pair).end_byte, "")]
        earlier = [child.type for child in before]
        if comma is None and "," in earlier:
            needless = before[len(earlier) - 1 - earlier[::-1].index(",")]
            cuts.insert(0, (needless.start_byte, needless.end_byte, ""))
            if needless == before[-1]:
                cuts = [(needless.start_byte, pair.end_byte, "")]
        if len(before) == 1 and after[0 if comma is None else 1].type == "}":
            cuts = [(before[-1].end_byte, parent.end_byte - 1, "")]
        return self._spliced(*cuts)

    def _pair(self, parent: tree_sitter.Node, key: str) -> tree_sitter.Node | None:
        found = [child for child in parent.children if child.type == "pair" and self._key(child) == key]
        if len(found) > 1:
            raise NotEditable(f"`{key}` stands there twice")
        return found[0] if found else None

    def _key(self, pair: tree_sitter.Node) -> Any:
        node = pair.children[0]
        return json.loads(self.source[node.start_byte : node.end_byte])

    def _indentation(self, parent: tree_sitter.Node) -> tuple[str, str]:
        """Return one step of indentation, and the indentation of what is in an object."""
        first = next((child for child in self.root.children if child.type == "pair"), None)
        unit = (self._margin(first) if first is not None else "") or "  "
        inside = next((child for child in parent.children if child.type == "pair"), None)
        if inside is not None and (margin := self._margin(inside)):
            return unit, margin
        depth, node = 0, parent
        while node != self.root:
            depth, node = depth + (node.type == "object"), node.parent or self.root
        return unit, unit * (depth + 1)

    def _margin(self, node: tree_sitter.Node) -> str:
        """Return the white space before what is first on its line; "" if it is not first."""
        start = self.source.rfind(b"\n", 0, node.start_byte) + 1
        margin = self.source[max(start, len(_BEFORE)) : node.start_byte]
        return "" if margin.strip() or not start else margin.decode()

    def _line_of(self, node: tree_sitter.Node) -> int:
        return node.start_point[0]

    def _spliced(self, *changes: tuple[int, int, str]) -> str:
        """Return the text with parts replaced, given in order: start, end, new text."""
        made, end = [], len(_BEFORE)
        for start, stop, new in changes:
            made += [self.source[end:start], new.encode()]
            end = stop
        return b"".join([*made, self.source[end : -len(_AFTER)]]).decode()
