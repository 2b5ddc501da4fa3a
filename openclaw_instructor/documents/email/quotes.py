"""Separate earlier messages in a message: quotes are left out, forwards are kept.

Most of it goes by form, which needs no language: `>` lines, a line with an address and a date that ends in a colon. The
words of `phrases.py` tell the rest.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from openclaw_instructor.documents.email import phrases
from openclaw_instructor.documents.email.visible import EARLIER

_LONGEST_INTRO, _WRAPPED = 400, 3
_LONGEST_LABEL, _BLOCK = 30, 9
_COLONS = (":", "：")

_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)|\d{1,2}[/.-]\s?\d{1,2}[/.-]\s?\d{2}")
_TIME = re.compile(r"\d{1,2}[:.hH時时시]\s?\d{2}|\d{1,2}\s?(?:[ap]\.?m\b|uhr\b|点|點|時|시)", re.IGNORECASE)
_BRACKETED = re.compile(r"[<(\[][^<>()\[\]\s]{1,100}@[^<>()\[\]\s]{1,100}[>)\]]")
_RULE = re.compile(r"[-–—_=]{2,}")
_LABEL = re.compile(rf"[\s*>]*([^:：\n]{{1,{_LONGEST_LABEL}}}?)\s?\*?[:：]")
_TAGS = re.compile(r"\s*(?:\[[^\[\]]{1,40}\]|\([^()]{1,40}\)|(?:external|ext|extern)\s?:)", re.IGNORECASE)
_PREFIX = re.compile(r"\s*([^\W\d_][^:：]{0,20})\s?[:：]")


def _flat(table: dict[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(phrase.casefold() for group in table.values() for phrase in group)


def _written(words: Iterable[str]) -> re.Pattern[str]:
    """Build a pattern of the words: whole words in scripts with spaces between words, anywhere in others."""
    apart = sorted((word for word in words if not _has_no_spaces(word)), key=len, reverse=True)
    joined = sorted((word for word in words if _has_no_spaces(word)), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, apart))})(?!\w)|{'|'.join(map(re.escape, joined))}")


def _has_no_spaces(word: str) -> bool:
    return any("\u0e00" <= letter <= "\u0e7f" or "\u3040" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7a3"
               for letter in word)  # fmt: skip


_WROTE = _written(_flat(phrases.WROTE))
_ORIGINAL, _FORWARDED, _BEGIN = _flat(phrases.ORIGINAL), _flat(phrases.FORWARDED), _flat(phrases.BEGIN_FORWARDED)
_FORWARDED_BY = tuple(
    phrase + " " for phrase in _FORWARDED if phrase.endswith((" by", " von", " par", " por", " da", " door"))
)
_FORWARD_PREFIXES = _flat(phrases.FORWARD_PREFIXES)


def _label_roles() -> dict[str, list[tuple[str, str]]]:
    roles: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for language, fields in phrases.HEADER_LABELS.items():
        for role, labels in fields.items():
            for label in labels:
                roles[label.casefold()].append((language, role))
    return dict(roles)


_ROLES = _label_roles()


def is_forward(subject: str) -> bool:
    """Whether the subject says that the message is a forward, whatever gateways put in front of it."""
    subject = subject[:200].casefold()
    while tag := _TAGS.match(subject):
        subject = subject[tag.end() :]
    prefix = _PREFIX.match(subject)
    return prefix is not None and prefix[1].strip() in _FORWARD_PREFIXES


def is_intro(line: str, *, quote_follows: bool = True) -> bool:
    """Whether a line announces a quoted message, such as "On Monday, Ann wrote:" in any language.

    Where what follows is not marked as a quote, it has to say more: who (or the verb) and when to the minute.
    """
    text = line.strip(" \t*_>").casefold()
    if not text or len(text) > _LONGEST_INTRO:
        return False
    year, address = _YEAR.search(text) is not None, "@" in text
    if not text.endswith((":", "：")):
        # Some versions of Gmail write only a date and an address.
        return (
            quote_follows and year and _BRACKETED.search(line.strip()[-202:]) is not None and line.rstrip()[-1] in ">)"
        )
    wrote = _WROTE.search(text) is not None
    if quote_follows and (wrote or address or year):
        return True
    dated = year and _TIME.search(text) is not None
    named = _BRACKETED.search(text) is not None
    return (dated and (wrote or (named and text.rstrip(":： ")[-1] in ">)]"))) or (wrote and named and year)


def split(lines: list[str], *, forwarded: bool) -> tuple[list[str], list[str], bool]:
    """Split into the author's own lines and forwarded lines, and say whether quotes were left out.

    Quotes are lines that start with `>` and the line above that announces them; all from a line, a field block or an
    announcement on that begins an earlier message. What is forwarded is kept whole: all from a "Forwarded message" line
    on, and all from where an earlier message begins if nothing stands above it or the subject says so (`forwarded`).
    """
    own: list[str] = []
    intros = _intros(lines)
    roles = [_roles(line) for line in lines]
    begun = quoted = False
    for number, line in enumerate(lines):
        # Apple Mail quotes a forward together with this line; inside other quotes the line belongs to them.
        if _begins_forward(line if quoted else line.removeprefix("> ")):
            return own, lines[number:], quoted
        if _ruled(line, _ORIGINAL, ()) or _is_header_block(lines, roles, number) or intros.get(number) == "to the end":
            if forwarded or not begun:
                return own, lines[number:], quoted
            return own, [], True
        if line.startswith(">") or number in intros:
            quoted = True
        else:
            own.append(line)
            begun = begun or bool(line.strip(" _"))
    return own, [], quoted


def _begins_forward(line: str) -> bool:
    if _ruled(line, _FORWARDED, _FORWARDED_BY):
        return True
    colon = 4 < len(line) < 100 and line.rstrip(" *-")[-1:] in _COLONS
    return colon and line.strip(" \t*:：-").casefold() in _BEGIN


def _ruled(line: str, phrases_: frozenset[str], begins: tuple[str, ...]) -> bool:
    """Whether the line is one of the phrases between hyphens."""
    if not 4 < len(line) <= 200 or not _RULE.match(line.lstrip(" \t*")):
        return False
    phrase = " ".join(line.strip(" \t*-–—_=:").casefold().split())
    if phrases_ is _ORIGINAL and line.rstrip(" \t*-–—_=")[-1:] in _COLONS and _RULE.search(line[-3:]):
        # Notes writes "-----Ann/ORG wrote: -----".
        return _WROTE.search(phrase) is not None
    return phrase in phrases_ or (bool(begins) and phrase.startswith(begins))


def _intros(lines: list[str]) -> dict[int, str]:
    """Find the lines that announce a quote; "to the end" marks those whose quote has no markers."""
    found: dict[int, str] = {}
    for last, line in enumerate(lines):
        end = line.rstrip(" *_\t")[-1:]
        if not end or end not in ":：>)" or line[0] == ">" or len(line) > _LONGEST_INTRO:
            continue
        quote_follows = _quote_follows(lines, last)
        if not quote_follows and end not in _COLONS:
            continue
        for strict in (False, True) if quote_follows else (False,):
            if first := _intro_window(lines, last, loosely=strict):
                found |= dict.fromkeys(range(last + 1 - first, last + 1), "" if quote_follows else "to the end")
                break
    return found


def _intro_window(lines: list[str], last: int, *, loosely: bool) -> int:
    """Return the fewest lines up to `last` that announce a quote; 0 if none do."""
    text = ""
    for count in range(1, min(_WRAPPED, last + 1) + 1):
        line = lines[last + 1 - count].strip()
        if not line or line.startswith(">") or len(line) > _LONGEST_INTRO or (count > 1 and line[-1] in ".!?"):
            return 0
        text = f"{line} {text}".strip()
        if is_intro(text, quote_follows=loosely):
            # The name may be on the line before, because mail programs wrap in front of an address.
            return count + 1 if text[0] in "<(" and _is_name(lines, last - count) else count
    return 0


def _is_name(lines: list[str], number: int) -> bool:
    line = lines[number].strip() if number >= 0 else ""
    return 0 < len(line) <= 60 and line[-1] not in ".!?:,;>"


def _quote_follows(lines: list[str], number: int) -> bool:
    following = next((line for line in lines[number + 1 : number + 4] if line.strip()), "")
    return following.startswith(">")


def _is_header_block(lines: list[str], roles: list[list[tuple[str, str]]], number: int) -> bool:
    """Whether header fields of an earlier message begin here; From, Date and To alone may be a booking."""
    if not any(role in ("from", "sent", "date", "subject") for _, role in roles[number]):
        return False
    known: dict[str, set[str]] = defaultdict(set)
    addressed = False
    for place in range(number, min(number + _BLOCK, len(lines))):
        for language, role in roles[place]:
            known[language].add(role)
        addressed = addressed or (bool(roles[place]) and "@" in lines[place])
    return any(
        len(fields - {"cc"}) >= 3 and "from" in fields and (addressed or "sent" in fields) for fields in known.values()
    )


def _roles(line: str) -> list[tuple[str, str]]:
    head = line[: _LONGEST_LABEL + 10]
    if ":" not in head and "：" not in head:
        return []
    label = _LABEL.match(head)
    return _ROLES.get(label[1].strip(" *").casefold(), []) if label else []


def without_marker(lines: list[str]) -> list[str]:
    """Remove the marker that `visible` set from the lines."""
    return [line for line in lines if line != EARLIER]
