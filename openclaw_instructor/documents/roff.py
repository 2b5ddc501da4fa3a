"""Convert lines of roff to text: escapes, special characters, arguments of requests (groff_char(7), roff(7))."""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    r"\\(?:(?P<comment>[\"#].*)"
    r"|f(?:\[[^\]\[]{0,60}\]|\(..|.)|[FgkMmnOVYz](?:\[[^\]\[]{0,60}\]|\(..|.)|s(?:[+-]?\d{1,2}|\[[^\]\[]{0,60}\]|\([+-]?\d\d|[+-]?'[^']{0,100}')"
    r"|[ABbCDhHLlNoRSvwxXZ](?P<quote>['\"])(?P<quoted>[^'\"]{0,100})(?P=quote)"
    r"|\[(?P<named>[^\]\[]{0,60})\]|\((?P<two>..)|\*(?:\[(?P<string>[^\]\[]{0,60})\]|\((?P<string2>..)|(?P<string1>.))"
    r"|(?P<one>.))"
)
_ONE = {
    "-": "-",
    "e": "\\",
    "\\": "\\",
    " ": " ",
    "~": " ",
    "0": " ",
    "'": "'",
    "`": "`",
    ".": ".",
    "t": "\t",
    "_": "_",
}
_CHARACTERS = {
    "em": "—", "en": "–", "hy": "-", "lq": "“", "rq": "”", "oq": "‘", "cq": "’", "aq": "'", "dq": '"', "bu": "•",  # noqa: RUF001
    "co": "©", "rg": "®", "tm": "™", "de": "°", "mu": "×", "pl": "+", "mi": "-", "+-": "±", "<=": "≤", ">=": "≥",  # noqa: RUF001
    "!=": "≠", "->": "→", "<-": "←", "ua": "↑", "da": "↓", "ha": "^", "ti": "~", "rs": "\\", "at": "@", "sh": "#",
    "Do": "$", "Eu": "€", "ga": "`", "aa": "'", "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "/o": "ø", "/O": "Ø",
    "sc": "§", "ps": "¶", "fm": "'", "br": "|", "or": "|", "ba": "|", "sl": "/", "lB": "[", "rB": "]", "lC": "{",
    "rC": "}", "la": "⟨", "ra": "⟩", "Fo": "«", "Fc": "»", "12": "½", "14": "¼", "34": "¾", "ul": "_", "ci": "○",
    "sq": "□", "el": "…", "an": "—", "pc": "·", "Bq": "„", "r!": "¡", "r?": "¿",
}  # fmt: skip
_STRINGS = {"lq": "“", "rq": "”", "R": "®", "Tm": "™", "-": "-", "<=": "≤", ">=": "≥", "Lq": "“", "Rq": "”",
            "Am": "&", "Ba": "|", "Pm": "±", "Ne": "≠", "If": "∞", "Na": "NaN", "q": '"', "C+": "C++", "PI": "π",
            "L\"": "“", "R\"": "”", "''": "”", "``": "“"}  # fmt: skip
_ACCENTS = {"'": "\u0301", "`": "\u0300", "^": "\u0302", ":": "\u0308", "~": "\u0303", ",": "\u0327", "v": "\u030c",
            "o": "\u030a"}  # fmt: skip
_UNICODE = re.compile(r"u([0-9A-F]{4,6})(?:_([0-9A-F]{4,6}))?")
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|((?:\\.|[^\s\\])+|\\)')


def plain(text: str) -> str:
    """Return a line without escapes, as it is printed."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_printed, text)


def arguments(text: str) -> list[str]:
    """Split the arguments of a request, escapes included; quotation marks group words."""
    comment = text.find('\\"')
    text = text[:comment] if comment >= 0 else text
    return [found[1].replace('""', '"') if found[1] is not None else found[2] for found in _ARGUMENT.finditer(text)]


def _printed(found: re.Match[str]) -> str:
    if found["comment"] is not None:
        return ""
    if (name := found["named"] or found["two"]) is not None:
        return _character(name)
    if (name := found["string"] or found["string2"] or found["string1"]) is not None:
        return _STRINGS.get(name, "")
    if found["quoted"] is not None:
        # Of all of these only the named and numbered characters print something.
        return {"C": _character(found["quoted"]), "N": _numbered(found["quoted"])}.get(found[0][1], "")
    return _ONE.get(found["one"] or "", "")


def _numbered(number: str) -> str:
    return chr(int(number)) if number.isdecimal() and 32 <= int(number) < 256 else ""


def _character(name: str) -> str:
    if name in _CHARACTERS:
        return _CHARACTERS[name]
    if found := _UNICODE.fullmatch(name):
        codes = [int(code, 16) for code in found.groups() if code]
        return "".join(chr(code) for code in codes if code < 0x110000 and not 0xD800 <= code < 0xE000)
    if len(name) == 2 and name[0] in _ACCENTS and name[1].isalpha():
        import unicodedata

        return unicodedata.normalize("NFC", name[1] + _ACCENTS[name[0]])
    return ""
