"""List the macros of LaTeX by what they print."""

from __future__ import annotations

import re
import unicodedata

ACCENT = r"\\(?P<accent>[`'^\"~=.]|[uvHckrdbt](?![a-zA-Z]))[ ]?(?:\{\\?(?P<braced>[a-zA-Z])\}|\\?(?P<bare>[a-zA-Z]))"
_ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328", "r": "\u030a", "d": "\u0323",
    "b": "\u0331", "t": "\u0361",
}  # fmt: skip
LETTERS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "aa": "å", "AA": "Å",
    "i": "ı", "j": "ȷ", "dh": "ð", "th": "þ", "TH": "Þ", "dots": "…", "ldots": "…", "textellipsis": "…",  # noqa: RUF001
    "textendash": "–", "textemdash": "—", "textbackslash": "\\", "textasciitilde": "~", "textunderscore": "_",  # noqa: RUF001
    "textquotedblleft": "“", "textquotedblright": "”", "LaTeX": "LaTeX", "TeX": "TeX", "LaTeXe": "LaTeX2e", "S": "§",
    "P": "¶", "pounds": "£", "euro": "€", "texteuro": "€", "copyright": "©", "textdegree": "°", "quad": " ",
    "qquad": " ", "newline": " ", "par": " ", "and": ", ",
}  # fmt: skip
# What is printed for what is typed.
PLAIN = {"---": "—", "--": "–", "``": "“", "''": "”", "~": " ", "&": " | "}  # noqa: RUF001
LEVELS = {
    "part": 1, "chapter": 2, "section": 3, "subsection": 4, "subsubsection": 5, "paragraph": 6, "subparagraph": 7,
}  # fmt: skip
_ONE_ARGUMENT = """
    label vspace hspace index bibliographystyle usepackage documentclass includegraphics bibliography pagestyle
    addbibresource thispagestyle hypersetup graphicspath color textcolor colorbox pagenumbering href rule cline
    cmidrule raisebox scalebox DeclareMathOperator lstset geometry selectlanguage foreignlanguage phantom hphantom
    input include def
    """.split()  # noqa: SIM905
_TWO_ARGUMENTS = """
    setlength addtolength setcounter addtocounter newcommand renewcommand providecommand markboth multicolumn
    multirow resizebox newtheorem fontsize
    """.split()  # noqa: SIM905
_THREE_ARGUMENTS = ("newenvironment", "renewenvironment", "definecolor", "addcontentsline")
# Macros that steer the layout or name things, with the number of their arguments that are not printed.
DROPPED = {**dict.fromkeys(_ONE_ARGUMENT, 1), **dict.fromkeys(_TWO_ARGUMENTS, 2), **dict.fromkeys(_THREE_ARGUMENTS, 3)}
REFERENCES = frozenset(
    """
    cite citep citet citealp autocite parencite textcite footcite ref eqref autoref cref Cref pageref nameref
    """.split()  # noqa: SIM905
)
STATEMENTS = frozenset({"theorem", "lemma", "definition", "corollary", "proposition", "example", "remark", "proof"})
MATHEMATICS = frozenset(
    {"equation", "align", "gather", "multline", "eqnarray", "displaymath", "math", "alignat", "flalign"}
)
VERBATIM = frozenset({"verbatim", "Verbatim", "lstlisting", "minted"})
UNREAD = frozenset({"comment", "filecontents", "tikzpicture"})
TABLES = frozenset({"tabular", "tabularx", "longtable", "tabulary", "tabu"})


def accented(found: re.Match[str]) -> str:
    """Return the letter that a match of `ACCENT` prints."""
    letter = found["braced"] or found["bare"]
    return unicodedata.normalize("NFC", letter + _ACCENTS[found["accent"]])


# Comments may hold braces of their own; addresses may hold percent signs.
_DELIMITER = re.compile(r"\\.|(?<![\w/])%[^\n]*|[{}]", re.DOTALL)


def brace_pairs(text: str) -> dict[int, int]:
    """Map the position of each opening brace to that of its closing brace."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    for found in _DELIMITER.finditer(text):
        if found[0] == "{":
            opened.append(found.start())
        elif found[0] == "}" and opened:
            pairs[opened.pop()] = found.start()
    return pairs
