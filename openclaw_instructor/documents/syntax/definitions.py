"""Tell what a node of a syntax tree defines, and under which name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from openclaw_instructor.documents.syntax.languages import Language

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_LABEL_CHARACTERS = 80
COMMENTS = frozenset(
    {"comment", "line_comment", "block_comment", "multiline_comment", "marginalia", "html_comment", "js_comment"}
)
# Nodes that wrap a definition: decorators, exports, template parameters, statements.
_WRAPPERS = frozenset(
    {
        "decorated_definition",
        "export_statement",
        "ambient_declaration",
        "template_declaration",
        "expression_statement",
        "statement",
    }
)
_WRAPPED_DEPTH = 5
# A definition is among the first children of its wrapper; a list of data may have millions.
_WRAPPED_WIDTH = 12
_VALUES = frozenset({"arrow_function", "function_expression", "generator_function", "class", "function_definition"})
_TOWARDS_VALUE = frozenset({"variable_declarator", "assignment_expression", "assignment_statement", "expression_list"})
# Words before a definition's name that are not part of its label.
_BEFORE_LABEL = COMMENTS | {
    "modifiers",
    "modifier",
    "decorator",
    "annotation",
    "marker_annotation",
    "attribute_list",
    "attribute_item",
    "visibility_modifier",
    "accessibility_modifier",
    "access_modifier",
    "abstract_modifier",
    "final_modifier",
    "readonly_modifier",
    "readonly",
    "static_modifier",
    "override_modifier",
    "storage_class_specifier",
}
# Keywords in a label, which say nothing about what is defined.
_KEYWORDS = frozenset(
    (
        *("abstract", "actor", "async", "auto", "bool", "case", "char", "class", "companion", "const", "data", "def"),
        *("enum", "export", "extension", "final", "fn", "for", "fun", "func", "function", "impl", "int", "interface"),
        *("let", "local", "module", "mod", "namespace", "object", "package", "private", "protected", "protocol", "pub"),
        *("public", "record", "static", "struct", "trait", "type", "typedef", "union", "unsafe", "var", "virtual"),
        "void",
    )
)
_NAME_SEAM = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[\W_]+")
_END_OF_HEAD = re.compile(r"[({\n]")


def definition_of(node: Node, language: Language, source: bytes) -> tuple[Node, str] | None:
    """Find the definition that the node is or wraps, and its label."""
    for _ in range(_WRAPPED_DEPTH):
        if node.type in language.definitions and _defines(node):
            return node, _label(node, source)
        if node.type in language.assigned and (value := _function_value(node)) is not None:
            return value, _text(source, _start(node), value.start_byte).rstrip(" =:")
        if node.type not in _WRAPPERS:
            return None
        known = language.definitions | language.assigned | _WRAPPERS
        inner = next((child for child in _first_children(node) if child.type in known), None)
        if inner is None:
            return None
        node = inner
    return None


def spoken(label: str) -> str:
    """Split the names in a label into words: `class CookieJar > def set_policy` -> `cookie jar set policy`."""
    names = " ".join(name for name in label.split() if name not in _KEYWORDS)
    return " ".join(_NAME_SEAM.sub(" ", names).lower().split())


def children_of(node: Node, anonymous: bool = False) -> Iterator[Node]:
    """Yield the named children, or all; an iterator, because there may be millions."""
    cursor = node.walk()
    more = cursor.goto_first_child()
    while more:
        child = cursor.node
        if child is not None and (anonymous or child.is_named):
            yield child
        more = cursor.goto_next_sibling()


def _first_children(node: Node) -> Iterator[Node]:
    return islice(children_of(node), _WRAPPED_WIDTH)


def _defines(node: Node) -> bool:
    """Whether the node defines something: not `struct point` as the name of a type, nor Haskell's `x <- f`."""
    required = "body" if node.type.endswith("_specifier") else "name" if node.type == "bind" else ""
    return not required or node.child_by_field_name(required) is not None


def _function_value(node: Node) -> Node | None:
    for _ in range(_WRAPPED_DEPTH):
        following = None
        for child in _first_children(node):
            if child.type in _VALUES:
                return child
            if child.type in _TOWARDS_VALUE:
                following = child
        if following is None:
            return None
        node = following
    return None


def _label(node: Node, source: bytes) -> str:
    """Cut the definition's first line after its name: `async def read` or `func (s *Server) Handle`."""
    start, body, name = _start(node), node.child_by_field_name("body"), _name(node)
    if name is not None:
        label, alone = (_text(source, begin, name.end_byte) for begin in (start, name.start_byte))
        if "{" in label:
            # `typedef struct { int x; } point`
            return f"{label.split()[0]} {alone}"
        return label if name.end_byte - start <= MAX_LABEL_CHARACTERS else alone
    if body is not None:
        return _text(source, start, body.start_byte)
    head = source[start : min(node.end_byte, start + 4 * MAX_LABEL_CHARACTERS)].decode("utf-8", "replace")
    cut = _END_OF_HEAD.split(head, maxsplit=1)[0]
    return _one_line(cut if len(cut.split()) > 1 else head.split("{", 1)[0].split("\n", 1)[0])


def _start(node: Node) -> int:
    """Find the byte at which the label begins."""
    parts = islice(children_of(node, anonymous=True), _WRAPPED_WIDTH)
    return next((part.start_byte for part in parts if part.type not in _BEFORE_LABEL), node.start_byte)


def _name(node: Node) -> Node | None:
    """Find the node of the name; in C it lies inside pointers and parameters, in SQL it has no field."""
    name = node.child_by_field_name("name") or next(
        (child for child in _first_children(node) if child.type == "object_reference"), None
    )
    inner = node.child_by_field_name("declarator") if name is None else None
    while inner is not None:
        name = inner
        inner = name.child_by_field_name("declarator") or (
            next(children_of(name), None) if name.type in ("reference_declarator", "parenthesized_declarator") else None
        )
    return name


def _text(source: bytes, start: int, end: int) -> str:
    # A character has at most four bytes; one that is cut in two at the end is dropped with the rest.
    return _one_line(source[start : min(end, start + 8 * MAX_LABEL_CHARACTERS)].decode("utf-8", "replace"))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MAX_LABEL_CHARACTERS]
