"""Convert lines of mdoc(7) to text; its macros take other macros as arguments."""

from __future__ import annotations

from openclaw_instructor.documents.roff import plain

_CLOSING = frozenset({".", ",", ";", ":", ")", "]", "?", "!"})
_OPENING = frozenset({"(", "["})
_ENCLOSED = {
    "Op": ("[", "]"), "Dq": ("“", "”"), "Sq": ("‘", "’"), "Pq": ("(", ")"), "Bq": ("[", "]"), "Brq": ("{", "}"),  # noqa: RUF001
    "Aq": ("<", ">"), "Qq": ('"', '"'), "Ql": ("‘", "’"), "Oo": ("[", ""), "Do": ("“", ""), "So": ("‘", ""),  # noqa: RUF001
    "Po": ("(", ""), "Bo": ("[", ""), "Bro": ("{", ""), "Ao": ("<", ""), "Qo": ('"', ""),
}  # fmt: skip
_ENDS = {"Oc": "]", "Dc": "”", "Sc": "’", "Pc": ")", "Bc": "]", "Brc": "}", "Ac": ">", "Qc": '"'}  # noqa: RUF001
# Macros that only set a font.
_SHOWN = frozenset(
    """
    Ar Cm Ic Pa Em Sy Li Dv Ev Er Va Vt Fa Ft Fn Fo In Cd An Ad Ms Tn Lk Mt No It Nd Nm Xr Fl St Lb Rs Re Bf Ef D1 Dl
    Sx Ux Bx Bsx Nx Fx Ox Dx At Bsx Tg Ta Hf Db Xo Xc Eo Ec Es En Ns Ap Pf %A %B %C %D %I %J %N %O %P %Q %R %T %U %V
    """.split()  # noqa: SIM905
)
_SYSTEMS = {
    "Ux": "UNIX",
    "Bx": "BSD",
    "Nx": "NetBSD",
    "Fx": "FreeBSD",
    "Ox": "OpenBSD",
    "Dx": "DragonFly",
    "At": "AT&T UNIX",
}
_SILENT = frozenset(
    {"Bl", "El", "Bf", "Ef", "Os", "Rs", "Re", "Xo", "Xc", "Tg", "Sm", "Db", "Bk", "Ek", "St", "Lb", "Hf"}
)
_MAX_WORDS = 500


def mdoc_line(name: str, words: list[str], page: str) -> str:
    """Convert a macro line to text; `page` is the page's name, which `Nm` prints when it has no arguments."""
    if name in _SILENT:
        return ""
    line = _Line(page)
    line.macros([name, *words[:_MAX_WORDS]])
    return line.text.strip()


class _Line:
    def __init__(self, page: str) -> None:
        self.page = page
        self.text = ""
        self.is_tight = True

    def say(self, word: str) -> None:
        """Add a word; there is no space before closing punctuation or after opening punctuation."""
        if not self.is_tight and word not in _CLOSING:
            self.text += " "
        self.text += word
        self.is_tight = word in _OPENING

    def macros(self, words: list[str]) -> None:
        closings: list[str] = []
        position = 0
        while position < len(words):
            word = words[position]
            position += 1
            if word in _ENCLOSED:
                opening, closing = _ENCLOSED[word]
                self.say(opening)
                self.is_tight = True
                closings.append(closing)
            elif word in _ENDS:
                self.close(_ENDS[word])
            elif word in _SHOWN:
                position = self.shown(word, words, position)
            else:
                self.say(plain(word))
        marks = self.trailing(closings)
        for closing in reversed(closings):
            self.close(closing)
        for mark in marks:
            self.say(mark)

    def shown(self, macro: str, words: list[str], position: int) -> int:
        """Add what a macro prints besides its arguments; return the position of the remaining ones."""
        following = words[position] if position < len(words) else ""
        is_plain = bool(following) and following not in _SHOWN and following not in _ENCLOSED and following not in _ENDS
        if macro == "Fl":
            self.say("-" + (plain(following) if is_plain and following not in _CLOSING else ""))
            return position + (is_plain and following not in _CLOSING)
        if macro == "Xr" and is_plain:
            section = words[position + 1] if position + 1 < len(words) else ""
            is_section = section[:1].isdecimal()
            self.say(f"{plain(following)}({section})" if is_section else plain(following))
            return position + 1 + is_section
        if macro == "Nm" and not is_plain:
            self.say(self.page)
        elif macro == "Ar" and not is_plain:
            self.say("file ...")
        elif macro == "Nd":
            self.say("–")  # noqa: RUF001
        elif macro == "In" and is_plain:
            self.say(f"#include <{plain(following)}>")
            return position + 1
        elif macro in _SYSTEMS:
            self.say(_SYSTEMS[macro])
        elif macro in ("Ns", "Ap", "Pf"):
            if macro == "Pf" and following:
                self.say(plain(following))
                position += 1
            self.text += "'" * (macro == "Ap")
            self.is_tight = True
        elif macro in ("Fn", "Fo") and is_plain:
            rest = [plain(word) for word in words[position + 1 :] if word not in _CLOSING]
            self.say(f"{plain(following)}({', '.join(rest)}" + ")" * (macro == "Fn"))
            return len(words)
        return position

    def close(self, mark: str) -> None:
        self.text += mark
        self.is_tight = False

    def trailing(self, closings: list[str]) -> list[str]:
        """Remove trailing punctuation, which is printed after the closing bracket."""
        marks: list[str] = []
        while any(closings) and self.text[-1:] in _CLOSING and self.text[-2:-1].strip():
            if self.text[-1] in ")]":
                break
            marks.insert(0, self.text[-1])
            self.text = self.text[:-1]
        return marks
