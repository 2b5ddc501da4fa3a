"""Compute the styles of a page's elements from its style sheets, its style attributes and inheritance."""

from __future__ import annotations

from collections.abc import Mapping

from openclaw_instructor.documents.email.open_elements import UNSEEN
from openclaw_instructor.documents.email.styles import Declarations, Sheet, Style, declared, inherited

# The attributes that affect the style.
_STYLING = ("style", "bgcolor", "background", "color", "text", "hidden", "open", "href")


class PageStyles:
    """Computes and caches styles; most elements of a page share one."""

    def __init__(self, css: str) -> None:
        self._sheet = Sheet(css)
        self._distinct: dict[tuple[object, ...], Style] = {}
        self._known: dict[tuple[object, ...], tuple[Declarations, Style]] = {}

    def of(
        self,
        parent: Style,
        tag: str,
        given: Mapping[str, str],
        names: tuple[str, ...],
        above: Mapping[str, int],
    ) -> tuple[Declarations, Style]:
        """Return the declarations of an element in `parent`, and its resulting style.

        `given` are its attributes, `names` its ".class" and "#id" selectors, `above` the tags and selectors of its
        ancestors, each with the number that are open.
        """
        if self._sheet.depends_on_place(tag, names):
            own = self._declarations(tag, given, names, above)
            return own, self.inherited(parent, own)
        named = names if self._sheet.has_rules else ()
        key = (id(parent), tag, named, *(given.get(name) for name in _STYLING)) if given else (id(parent), tag)
        if key not in self._known:
            own = self._declarations(tag, given, names, above)
            self._known[key] = (own, self.inherited(parent, own))
        return self._known[key]

    def inherited(self, parent: Style, own: Declarations) -> Style:
        """Compute the style of an element in `parent` with these declarations."""
        return self.distinct(inherited(parent, own))

    def distinct(self, style: Style) -> Style:
        """Return the one shared object for all equal styles; it is kept alive so that its id stays unique."""
        return self._distinct.setdefault(style.key, style)

    def _declarations(
        self, tag: str, given: Mapping[str, str], names: tuple[str, ...], above: Mapping[str, int]
    ) -> Mapping[str, str]:
        declarations: dict[str, str] = {"color": "#0000ee"} if tag == "a" and "href" in given else {}
        if tag == "body" and given.get("text"):
            declarations["color"] = given["text"].lower()
        if given.get("bgcolor"):
            declarations["background-color"] = given["bgcolor"].lower()
        if given.get("background"):
            declarations["background-image"] = "url()"
        if tag == "font" and given.get("color"):
            declarations["color"] = given["color"].lower()
        if tag == "pre":
            declarations["white-space"] = "pre"
        declarations |= self._sheet.declarations(tag, names, above)
        if "style" in given:
            declarations |= declared(given["style"])
        if tag in UNSEEN or "hidden" in given or (tag == "dialog" and "open" not in given):
            declarations["display"] = "none"
        return declarations
