"""Parse as much CSS as tells what a person can see: style sheets, style attributes and inheritance.

Understood are selectors of tags, classes and ids, also below an ancestor; rules for other screens and printers are
passed over. A full engine would not do better: mail programs know little more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

from openclaw_instructor.documents.email.css_values import (
    FAINTEST,
    NUMBER,
    SIZES,
    Color,
    color_of,
    is_transparent,
    pixels,
)

Declarations: TypeAlias = Mapping[str, str]

_MOST_RULES, _MOST_MATCHES, _LONGEST_SHEETS, _LONGEST_STYLE = 5_000, 60, 500_000, 5_000
_SMALLEST_FONT = 2.0  # pixels
_SIMILAR = 12  # of 255, in every channel
_FAR = 900.0  # pixels; farther is outside of every window
_BLOCK = frozenset(("block", "table", "flex", "grid", "list-item", "table-row", "table-caption", "flow-root"))

_SIMPLE = re.compile(r"[.#]?[\w*-]+")
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))")
_ZERO_CLIP = re.compile(r"rect\(\s?0|inset\(\s?(?:50|100)%")


@dataclass(slots=True, eq=False)
class Style:
    """The immutable style that an element passes on to its content.

    `background` is None in front of an image or a gradient, `color` is None where it is unknown.
    """

    gone: bool = False  # by display, position, size or clipping: no descendant can be visible
    invisible: bool = False  # by visibility, which descendants may override
    font_size: float = 16.0  # pixels
    opacity: float = 1.0
    color: Color | None = (0, 0, 0)
    see_through: bool = False  # the colour of the text is transparent
    background: Color | None = (255, 255, 255)
    keeps_lines: bool = False
    block: bool | None = None  # by `display`; None if the element's default applies
    hidden: bool = field(init=False, default=False)  # whether text in this style is invisible

    def __post_init__(self) -> None:
        self.hidden = (
            self.gone
            or self.invisible
            or self.see_through
            or self.font_size <= _SMALLEST_FONT
            or self.opacity < FAINTEST
            or (self.color is not None and self.background is not None and _alike(self.color, self.background))
        )

    @property
    def key(self) -> tuple[object, ...]:
        """The values by which two styles are equal."""
        return (
            self.gone, self.invisible, self.font_size, self.opacity, self.color, self.see_through, self.background,
            self.keeps_lines, self.block,
        )  # fmt: skip


def _alike(one: Color, other: Color) -> bool:
    return all(abs(left - right) <= _SIMILAR for left, right in zip(one, other, strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class _Rule:
    order: int
    own: tuple[str, ...]
    above: tuple[str, ...]
    declarations: Declarations


class Sheet:
    """The rules of a page's <style> elements, found by the tag, classes and id of an element."""

    def __init__(self, css: str = "") -> None:
        self._rules: dict[str, list[_Rule]] = {}
        self._matching: dict[tuple[str, ...], list[_Rule]] = {}
        self._count = 0
        for selectors, block in _rules(_without_comments(css[:_LONGEST_SHEETS])):
            declarations = declared(block)
            for selector in selectors.split(",") if declarations else ():
                self._add(selector.strip().lower(), declarations)

    @property
    def has_rules(self) -> bool:
        """Whether the sheet has any rules."""
        return bool(self._rules)

    def declarations(self, tag: str, names: tuple[str, ...], above: Mapping[str, int]) -> dict[str, str]:
        """Collect what the sheet declares for an element.

        `names` are its ".class" and "#id" selectors, `above` the tags and selectors of its ancestors, each with the
        number that are open.
        """
        rules = self._rules_for(tag, names)
        matching = [rule for rule in rules if all(above.get(part, 0) > 0 for part in rule.above)]
        return {name: value for rule in matching for name, value in rule.declarations.items()}

    def depends_on_place(self, tag: str, names: tuple[str, ...]) -> bool:
        """Whether the declarations for such an element depend on its ancestors."""
        return any(rule.above for rule in self._rules_for(tag, names))

    def _rules_for(self, tag: str, names: tuple[str, ...]) -> list[_Rule]:
        if not self._rules:
            return []
        own = (tag, "*", *names)
        if own not in self._matching:
            rules = {
                rule for name in own for rule in self._rules.get(name, ()) if all(part in own for part in rule.own)
            }
            self._matching[own] = sorted(rules, key=lambda rule: rule.order)[-_MOST_MATCHES:]
        return self._matching[own]

    def _add(self, selector: str, declarations: Declarations) -> None:
        if not selector or self._count >= _MOST_RULES or any(sign in selector for sign in "[:+~@"):
            return
        *ancestors, last = selector.replace(">", " ").split()
        compound = tuple(_SIMPLE.findall(last))
        if not compound or len(compound) > 6:
            return
        above = tuple(part for ancestor in ancestors[-4:] for part in _SIMPLE.findall(ancestor))
        self._count += 1
        weight = sum(100 if part[0] == "#" else 10 if part[0] == "." else 1 for part in (*compound, *above))
        # Rules of equal weight stay in the order of the sheet.
        order = weight * (_MOST_RULES + 1) + self._count
        self._rules.setdefault(compound[-1], []).append(_Rule(order, compound, above, declarations))


def inherited(parent: Style, declarations: Declarations) -> Style:
    """Compute the style of an element in `parent` with these declarations."""
    if not declarations:
        return parent
    display = declarations.get("display", "")
    font_size = _font_size(declarations, parent.font_size)
    color, see_through = _color(declarations, parent)
    return Style(
        gone=parent.gone
        or display == "none"
        or declarations.get("content-visibility") == "hidden"
        or _out_of_sight(declarations),
        invisible=_invisible(declarations, parent.invisible),
        font_size=font_size,
        opacity=parent.opacity * _opacity(declarations),
        color=color,
        see_through=see_through,
        background=_background(declarations, parent.background),
        keeps_lines=declarations.get("white-space", "pre" if parent.keeps_lines else "").startswith("pre"),
        block=display in _BLOCK if display and not display.startswith(("inherit", "initial", "unset")) else None,
    )


def declared(style: str) -> Declarations:
    """Parse the declarations of a style attribute or rule, in lower case; important ones come last."""
    return _declared(style[:_LONGEST_STYLE])


@lru_cache(maxsize=512)
def _declared(style: str) -> Declarations:
    plain: dict[str, str] = {}
    important: dict[str, str] = {}
    if "\\" in style:
        style = _ESCAPE.sub(_unescaped, style)
    for declaration in style.lower().split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            value, mark, _ = value.partition("!")
            (important if mark else plain)[name.strip()] = " ".join(value.split())
    return plain | important


def _unescaped(found: re.Match[str]) -> str:
    number = int(found[1], 16) if found[1] else 0
    return found[2] if found[2] else chr(number) if 31 < number < 0xD800 else ""


def _without_comments(css: str) -> str:
    pieces: list[str] = []
    at = 0
    while (begin := css.find("/*", at)) >= 0:
        pieces.append(css[at:begin])
        end = css.find("*/", begin + 2)
        if end < 0:
            return "".join(pieces)
        at = end + 2
    return "".join([*pieces, css[at:]]).replace("<!--", " ").replace("-->", " ")


def _rules(css: str) -> list[tuple[str, str]]:
    """Yield selectors and declarations, also those in @media blocks for ordinary screens; skip other at-rules."""
    found: list[tuple[str, str]] = []
    at = 0
    while (brace := css.find("{", at)) >= 0 and len(found) < _MOST_RULES:
        head = css[at:brace].rpartition("}")[2].rpartition(";")[2].strip()
        if head.startswith("@") and not _is_every_screen(head):
            at = _end_of_block(css, brace)
        elif head.startswith("@"):
            at = brace + 1
        else:
            end = css.find("}", brace)
            end = len(css) if end < 0 else end
            found.append((head[:2_000], css[brace + 1 : end]))
            at = end + 1
    return found


def _is_every_screen(head: str) -> bool:
    return " ".join(head.lower().split()) in (
        "@media screen",
        "@media all",
        "@media only screen",
        "@media screen, print",
    )


def _end_of_block(css: str, brace: int) -> int:
    depth = 0
    for found in re.compile(r"[{}]").finditer(css, brace):
        depth += 1 if found[0] == "{" else -1
        if depth == 0:
            return found.end()
    return len(css)


def _font_size(declarations: Declarations, above: float) -> float:
    value = declarations.get("font-size", "")
    if not value and "font" in declarations:
        sized = [word for word in declarations["font"].split() if word[0].isdigit() or word[0] == "."]
        value = next((word.partition("/")[0] for word in sized if not word.isdigit() or word == "0"), "")
    if value in SIZES:
        return SIZES[value]
    number = NUMBER.match(value)
    if not number or float(number[0]) < 0:
        return above
    unit = value[number.end() :].strip()
    if unit in ("em", "%"):
        return above * float(number[0]) / (100 if unit == "%" else 1)
    known = pixels(value)
    return above if known is None else known


def _invisible(declarations: Declarations, above: bool) -> bool:
    value = declarations.get("visibility", "")
    return value in ("hidden", "collapse") if value and value != "inherit" else above


def _opacity(declarations: Declarations) -> float:
    number = NUMBER.match(declarations.get("opacity", ""))
    if not number:
        return 0.0 if declarations.get("filter", "").replace(" ", "") in ("opacity(0)", "alpha(opacity=0)") else 1.0
    return float(number[0]) / (100 if "%" in declarations["opacity"] else 1)


def _color(declarations: Declarations, parent: Style) -> tuple[Color | None, bool]:
    value = declarations.get("-webkit-text-fill-color") or declarations.get("color", "")
    if not value or value in ("inherit", "unset", "currentcolor"):
        return parent.color, parent.see_through
    return color_of(value), is_transparent(value)


def _background(declarations: Declarations, behind: Color | None) -> Color | None:
    for name in ("background-image", "background"):
        if "url(" in declarations.get(name, "") or "gradient(" in declarations.get(name, ""):
            return None
    value = declarations.get("background-color") or declarations.get("background", "")
    if not value or is_transparent(value) or value in ("none", "inherit", "initial", "unset"):
        return behind
    words = [value, *value.split()] if "(" not in value else [value]
    return next((color for color in map(color_of, words) if color is not None), None)


def _out_of_sight(declarations: Declarations) -> bool:
    sizes = {name: pixels(declarations.get(name, "")) for name in ("height", "max-height", "width", "max-width")}
    cut = declarations.get("overflow", declarations.get("overflow-y", ""))
    if sizes["max-height"] == 0 or (sizes["height"] == 0 and cut != "visible"):
        return True
    if cut in ("hidden", "clip", "scroll", "auto") and any(size is not None and size <= 1 for size in sizes.values()):
        return True
    return _is_elsewhere(declarations) or (declarations.get("mso-hide") == "all" and sizes["height"] == 0)


def _is_elsewhere(declarations: Declarations) -> bool:
    indent = pixels(declarations.get("text-indent", ""))
    if indent is not None and abs(indent) >= _FAR:
        return True
    for side in ("margin", "margin-left", "margin-top", "left", "top", "right", "bottom"):
        for length in declarations.get(side, "").split():
            offset = pixels(length)
            if offset is not None and (offset <= -_FAR or offset >= 5 * _FAR):
                return True
    if _ZERO_CLIP.search(declarations.get("clip", "") + declarations.get("clip-path", "")):
        return True
    moved = declarations.get("transform", "")
    return "scale(0)" in moved.replace(" ", "") or bool(re.search(r"\(\s?-\d{4}", moved))
