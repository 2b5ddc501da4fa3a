"""Write the numbers of lists and headings as letters and Roman numerals."""

from __future__ import annotations

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_MAX_ROMAN = 4_000
_MAX_LETTERS = 5


def numeral(count: int, form: str) -> str:
    """Write a number in an Office Open XML format such as "lowerLetter" or "upperRoman", else in decimal."""
    if form in ("lowerLetter", "upperLetter") and count > 0:
        # After z come aa, bb and so on.
        letter = chr(ord("a") + (count - 1) % 26) * min((count - 1) // 26 + 1, _MAX_LETTERS)
        return letter.upper() if form == "upperLetter" else letter
    if form in ("lowerRoman", "upperRoman") and 0 < count < _MAX_ROMAN:
        roman = ""
        for value, sign in _ROMAN:
            roman += sign * (count // value)
            count %= value
        return roman.upper() if form == "upperRoman" else roman
    return f"{count:02}" if form == "decimalZero" else str(count)
