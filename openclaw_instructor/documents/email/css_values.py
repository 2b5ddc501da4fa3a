"""Parse CSS values: colours and lengths."""

from __future__ import annotations

import re
from typing import TypeAlias

Color: TypeAlias = tuple[int, int, int]

FAINTEST = 0.06  # least visible opacity
NUMBER = re.compile(r"[-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})")
_FUNCTION = re.compile(r"(rgba?|hsla?)\(([^()]{1,80})\)")

_PIXELS = {"px": 1.0, "": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78}
SIZES = {"xx-small": 9.0, "x-small": 10.0, "small": 13.0, "medium": 16.0, "large": 18.0, "x-large": 24.0}
_NAMED: dict[str, Color] = {
    "black": (0, 0, 0), "white": (255, 255, 255), "red": (255, 0, 0), "green": (0, 128, 0), "blue": (0, 0, 255),
    "yellow": (255, 255, 0), "gray": (128, 128, 128), "grey": (128, 128, 128), "silver": (192, 192, 192),
    "navy": (0, 0, 128), "orange": (255, 165, 0), "purple": (128, 0, 128), "teal": (0, 128, 128),
    "maroon": (128, 0, 0), "olive": (128, 128, 0), "lime": (0, 255, 0), "aqua": (0, 255, 255), "cyan": (0, 255, 255),
    "fuchsia": (255, 0, 255), "magenta": (255, 0, 255), "snow": (255, 250, 250), "ivory": (255, 255, 240),
    "ghostwhite": (248, 248, 255), "whitesmoke": (245, 245, 245), "floralwhite": (255, 250, 240),
    "mintcream": (245, 255, 250), "azure": (240, 255, 255), "aliceblue": (240, 248, 255),
    "lightgray": (211, 211, 211), "lightgrey": (211, 211, 211), "darkgray": (169, 169, 169),
    "darkgrey": (169, 169, 169), "dimgray": (105, 105, 105), "gainsboro": (220, 220, 220),
}  # fmt: skip


def color_of(value: str) -> Color | None:
    """Return red, green and blue of a CSS colour; None if it is unknown."""
    value = value.strip().lower()
    if value in _NAMED:
        return _NAMED[value]
    digits = value.removeprefix("#")
    if len(digits) in (3, 4) and value != digits:
        digits = "".join(digit * 2 for digit in digits)
    if len(digits) in (6, 8):
        try:
            number = int(digits[:6], 16)
        except ValueError:
            return None
        return number >> 16, number >> 8 & 255, number & 255
    if found := _FUNCTION.match(value):
        numbers = [float(number) for number in NUMBER.findall(found[2])]
        if found[1].startswith("rgb") and len(numbers) >= 3:
            scale = 2.55 if "%" in found[2] else 1.0
            red, green, blue = (round(number * scale) for number in numbers[:3])
            return red, green, blue
        if len(numbers) >= 3 and numbers[2] in (0.0, 100.0):
            level = 255 if numbers[2] else 0
            return level, level, level
    return None


def pixels(value: str) -> float | None:
    """Convert a length to pixels; None if it depends on something else."""
    found = NUMBER.match(value.strip())
    if not found:
        return None
    unit = value.strip()[found.end() :].strip()
    number = float(found[0])
    if unit in _PIXELS:
        return number * _PIXELS[unit]
    if unit in ("em", "rem", "ex", "ch"):
        return number * 16
    return 0.0 if number == 0 else None


def is_transparent(value: str) -> bool:
    """Whether a CSS colour is transparent."""
    if value == "transparent":
        return True
    if value.startswith("#") and len(value) in (5, 9):
        return not value[-(len(value) // 4) :].strip("0")
    if found := _FUNCTION.match(value):
        numbers = NUMBER.findall(found[2])
        return len(numbers) == 4 and float(numbers[3]) < FAINTEST
    return False
