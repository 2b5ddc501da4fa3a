"""Read a query: clauses to look up, phrases that a passage must have, words that it must not have."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from openclaw_instructor.index import words
from openclaw_instructor.index.date_words import DATE, date_of, spellings
from openclaw_instructor.index.words import CAPITALS, EXACT

MAX_CLAUSES = 64

_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    a about am an and any are as at be been but by can could did do does for from had has have how i if in into is
    it its many me much my no not of on or our should so than that the their them then there these they this to us
    was we were what when where which who whom whose why will with would you your
    """,
    )
)
# A straight mark inside a word or behind a number is none of a quotation; scripts without blanks have none around it.
_SPACED = rf"(?![{words.UNSPACED_CHARACTERS}])\w"
_QUOTED = re.compile(
    rf"(?:(?<![\w\"])|(?<=[{words.UNSPACED_CHARACTERS}]))"
    rf"(?P<no>-?)(?:\"(?P<straight>[^\"\n]+)\"(?!{_SPACED}|\")|[“„«](?P<curly>[^“”„«»\n]+)[”“»])"
)
_LETTER = f"[{words.WORD_CHARACTERS}]"
# `-word`, `-node.js`, `-C++`: begins with a letter and has more than one character.
_WITHOUT = re.compile(
    rf"(?<!\S)-(?P<word>(?=[^\W\d_]){_LETTER}+(?:[-.]+{_LETTER}+)*(?:\+\+|#)?)(?=$|[\s,;?!\u3002\u3001\uff0c]|\.(?!{_LETTER}))"
)
_MARK = "[-.:/\\\\@_+#&'=~%*$·]"
_COMPOUND = re.compile(
    r"(?<!\w)(?:[A-Z]\.){2,5}(?!\w)"
    rf"|-{{0,2}}{_LETTER}+(?:(?:{_MARK}{{1,3}}|(?<=\d),(?=\d)){_LETTER}+)*(?:\+\+|#)?|[^\w\s]"
)
_CONTRACTED = re.compile(r"\b\w+n't\b|(?<=\w)'(?:s|d|m|ll|re|ve)\b", re.IGNORECASE)
# Compounds of ordinary prose, such as `real-time`, `and/or`, `O'Brien`.
_PROSE = re.compile(rf"(?:(?![\d_]){_LETTER})+(?:[-/'&](?:(?![\d_]){_LETTER})+)*")
# What may be a name in camelCase, folded.
_NAME = re.compile("[a-z0-9]{3,}")
_FEW = 3


@dataclass(frozen=True)
class Clause:
    """One thing that a query names: a word, a name or a literal.

    `exact` are full-text expressions for it as it is written, the very form first; `sequences` are the words in order
    by which it is seen in a line; `words` are its words, for their stems. `whole`: it is no prose, so its words count
    only where it stands nowhere.
    """

    text: str
    exact: tuple[str, ...]
    sequences: tuple[tuple[str, ...], ...]
    words: tuple[str, ...]
    whole: bool = False

    @property
    def single(self) -> bool:
        """Whether it is an ordinary word."""
        return self.words == (self.text,)

    @property
    def literal(self) -> bool:
        """Whether it is a name, a number, an acronym or the like rather than a word."""
        return not self.single or len(self.exact) > 2 or not words.alphabetic(self.text)


@dataclass(frozen=True)
class Exclusion:
    """An exclusion, unless the expression `option` occurs: then `-text` is an option of a command."""

    text: str
    expression: str
    option: str = ""


@dataclass(frozen=True)
class Query:
    """A query, read.

    `required`: its quotations; `truncated`: it had more clauses; `negative`: it only says what to leave out. Then words
    with a minus are looked for as they are, because they may be options of a command.
    """

    clauses: tuple[Clause, ...]
    required: tuple[Clause, ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    truncated: bool = False
    negative: bool = False


@lru_cache(maxsize=64)
def parse(text: str) -> Query:
    """Parse a query: words and names, "quoted phrases" and -words. Stop words count only if there is nothing else."""
    text = words.visible(text)
    required: dict[Clause, None] = {}
    excluded: dict[Exclusion, None] = {}
    options: dict[Exclusion, None] = {}

    def quoted(match: re.Match[str]) -> str:
        phrase = (match["straight"] or match["curly"]).strip()
        clause = _quotation(phrase)
        if clause and match["no"]:
            excluded[Exclusion(phrase, clause.exact[0])] = None
            return " "
        if clause:
            required[clause] = None
        return f" {phrase} "

    def without(match: re.Match[str]) -> str:
        option = words.fold(match[0])
        clause = _quotation(match["word"]) if len(match["word"]) > 1 else None
        if clause and any(map(words.unspaced, words.words(option))):
            excluded[Exclusion(option, clause.exact[0])] = None
            return " "
        if clause:
            options[Exclusion(option, clause.exact[0], _exact(option))] = None
        return match[0]

    rest = _WITHOUT.sub(without, _QUOTED.sub(quoted, text))
    found = list(dict.fromkeys(_clauses(rest)))
    negative = bool(excluded or options) and {clause.text for clause in found} <= {each.text for each in options}
    unwanted = [*excluded, *(() if negative else options)]
    telling = [clause for clause in found if not _stop(clause)] or found
    truncated = any(len(each) > MAX_CLAUSES for each in (telling, required, unwanted))
    kept = tuple(required)[:MAX_CLAUSES], tuple(unwanted[:MAX_CLAUSES])
    return Query(tuple(telling[:MAX_CLAUSES]), *kept, truncated, negative)


def _quotation(phrase: str) -> Clause | None:
    """Build the clause of a phrase, none if it has no words. Names match taken apart and as they are."""
    apart, plain = words.forms(phrase), words.words(phrase)
    folded = words.fold(phrase)
    if len(apart) == 1 and folded in words.literals(folded):
        return Clause(phrase, (_exact(folded),), (tuple(apart),), ())
    sequences = tuple(dict.fromkeys(tuple(_inside(each)) for each in (apart, plain) if each))
    if not sequences:
        return None
    expressions = [*map(_sequence, sequences), *_names(_inside(plain))]
    return Clause(phrase, (" OR ".join(f"({each})" for each in expressions),), sequences, ())


def _inside(found: list[str]) -> list[str]:
    """Leave out the last character alone, which follows a pair only where a run of an unspaced script ends."""
    runs_on = len(found) > 1 and _alone(found[-1]) and words.unspaced(found[-2]) and found[-2][1:] == found[-1]
    return found[:-1] if runs_on else found


def _alone(word: str) -> bool:
    return len(word) == 1 and words.unspaced(word)


def _sequence(found: Sequence[str]) -> str:
    """Build the expression for words in order; a last character alone also finds the pairs that it opens."""
    if not _alone(found[-1]):
        return _phrase(found)
    text = " ".join([*(word + EXACT for word in found[:-1]), found[-1]])
    return f"{{forms}} : {_quote(text)} *"


def _names(found: Sequence[str]) -> Iterator[str]:
    """Yield the expression for a phrase with names that a text has in camelCase, of which `forms` has the parts only.

    The other streams have it by its stems, so each of its words must also stand somewhere as it is written.
    """
    names = [word for word in dict.fromkeys(found) if _NAME.fullmatch(word)]
    if len(found) > 1 and names and len(found) <= MAX_CLAUSES:
        written = " AND ".join(map(_exact, dict.fromkeys(word for word in found if not _alone(word))))
        stems = _quote(" ".join(found)) + (" *" if _alone(found[-1]) else "")
        named = " OR ".join(map(_exact, names))
        yield f"({{title heading text}} : {stems}) AND ({{extras}} : ({named})) AND {written}"


def _stop(clause: Clause) -> bool:
    return clause.single and clause.text in _STOP_WORDS and not clause.literal


def _clauses(text: str) -> Iterator[Clause]:
    dates = [(match[0], date_of(match)) for match in DATE.finditer(text)]
    yield from (_date_clause(written, date) for written, date in dates if date)
    text = DATE.sub(lambda match: " " if date_of(match) else match[0], text)
    compounds = [match[0] for match in _COMPOUND.finditer(_CONTRACTED.sub(" ", text))]
    shouted = text.upper() == text and len(compounds) > _FEW
    for compound in compounds:
        found = words.forms(compound)
        if any(map(words.unspaced, found)):
            # A single character is looked up only if it is alone.
            pairs = [pair for pair in found if len(pair) > 1 or not words.unspaced(pair)] or found
            yield from (Clause(pair, (word_expression(pair),), ((pair,),), (pair,)) for pair in pairs)
        elif found:
            yield _clause(compound, found, acronym=not shouted)


def _date_clause(written: str, date: datetime.date) -> Clause:
    """Look a date up as a whole, however the text writes it."""
    sequences = spellings(date)
    anyhow = " OR ".join([_exact(date.isoformat()), *map(_phrase, sequences)])
    return Clause(words.fold(written), (anyhow,), sequences, tuple(words.forms(written)), whole=True)


def _clause(compound: str, found: list[str], *, acronym: bool) -> Clause:
    folded = words.fold(compound)
    plain = words.words(compound)
    literal = [_exact(one) for one in words.literals(folded) if one == folded]
    capitals = [one for one in words.capitals(compound) if (acronym and len(plain) == 1) or "." in compound]
    number = found[1:] if found[0] == "v" and len(found) > len(plain) and folded[1].isdigit() else found
    names = {*words.joined(folded), *(plain if len(plain) == 1 else ()), *(capitals if len(plain) > 1 else ())}
    sequences = tuple(dict.fromkeys([tuple(number), *((name,) for name in sorted(names))]))
    written = " OR ".join(map(_phrase, sequences))
    single = len(plain) == 1 and not literal
    # A name written as one word is no very form of the word.
    word = [f"{{forms}} : {_exact(plain[0])}"] if single and len(found) == 1 else []
    exact = (*literal, *(_quote(one + CAPITALS) for one in capitals), *word, written)
    marked = tuple((one + CAPITALS,) for one in capitals)
    if capitals and capitals[0] in _STOP_WORDS:
        return Clause(folded, exact[:1], marked, ())
    parts = number if len(found) > len(plain) else plain
    kept = tuple(word for word in dict.fromkeys((*names, *parts)) if len(found) == 1 or word not in _STOP_WORDS)
    whole = len(found) > len(plain) or not (single or _PROSE.fullmatch(folded))
    return Clause(folded, exact, (*marked, *sequences), kept, whole)


def word_expression(word: str) -> str:
    """Build the full-text expression for a word by its stem, or as it is written inside a name.

    A single character of an unspaced run also finds the pairs that it opens.
    """
    if len(word) == 1 and words.unspaced(word):
        return f"{_quote(word)}*"
    return f"{_quote(word)} OR {{extras}} : {_exact(word)}"


def _exact(word: str) -> str:
    return _quote(word + EXACT)


def _phrase(found: Sequence[str]) -> str:
    """Build the expression for one word as it is written, or for several in order."""
    text = _quote(" ".join(word + EXACT for word in found))
    return f"{{forms}} : {text}" if len(found) > 1 else text if found else ""


def _quote(text: str) -> str:
    """Quote a text, so that FTS5 reads it as words and never as syntax."""
    return '"' + text.replace('"', "") + '"'
