"""Every regular expression of the package takes time in proportion to its line, whoever wrote the line."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from tests.patterns import Used, hostile, used

SHORT, LONG = 750, 6_000
# The line is eight times as long. Four times what that explains is not linear any more, and a square is sixty-four.
MOST = 4 * LONG / SHORT
# Below this many seconds of processor time for LONG characters nothing need be compared: a square takes more.
UNSUSPICIOUS = 0.001
PATIENCE = 0.5

# Expressions that name what only their function knows, with what that may be.
LOCAL = {
    "f'</{name}(?=[\\\\s/>])'": ("search", r"</script(?=[\s/>])"),
    "f'<{name}(?=[\\\\s/>])'": ("search", r"<script(?=[\s/>])"),
    "f'</{name}(?:[\\\\s/][^<>]*)?>'": ("search", r"</script(?:[\s/][^<>]*)?>"),
    "f'[ \\\\t>]*{re.escape(opening[1][0])}{{{len(opening[1])},}}[ \\\\t]*'": ("fullmatch", r"[ \t>]*`{3,}[ \t]*"),
    "'[,;]\\\\s*' if ',' in tags or ';' in tags else '\\\\s+'": ("finditer", r"[,;]\s*|\s+"),
}


class TooSlow(Exception):
    pass


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    """Raise TooSlow once this process has used so much processor time; `re` looks for signals while it matches."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def cost(call: Callable[[Any], object], line: Any, times: int = 1) -> float:
    """The least processor time of a few runs, in seconds."""
    taken = []
    for _ in range(times):
        begun = time.thread_time()
        try:
            with ended_after(PATIENCE):
                call(line)
        except TooSlow:
            return float("inf")
        taken.append(time.thread_time() - begun)
    return min(taken)


# What these modules compile is used by a library, which only asks for a match.
ELSEWHERE = {"flat_yaml.py": frozenset(["match"])}


def slow_lines(pattern: Used) -> Iterator[str]:
    """Each way in which the time grows faster than the line."""
    for name, call in pattern.calls().items():
        for recipe in hostile(pattern.pattern):
            line = recipe.line(LONG, pattern.pattern)
            first = cost(call, line)
            if first < UNSUSPICIOUS:
                continue
            if first == float("inf") or cost(call, line, 3) > MOST * max(
                cost(call, recipe.line(SHORT, pattern.pattern), 3), UNSUSPICIOUS / MOST
            ):
                yield f"{pattern.where}.{name} on {line[:60]!r}...{line[-10:]!r}"
                break


def test_patterns_take_time_in_proportion_to_the_line() -> None:
    patterns = [
        replace(pattern, methods=ELSEWHERE.get(pattern.where.split()[0], pattern.methods)) for pattern in used()[0]
    ]
    assert len(patterns) > 200
    assert [slow for pattern in patterns for slow in slow_lines(pattern)] == []


def test_patterns_made_at_run_time_do_too() -> None:
    made = [Used(text, re.compile(text), frozenset([method])) for method, text in LOCAL.values()]
    assert [slow for pattern in made for slow in slow_lines(pattern)] == []


def test_the_source_of_every_pattern_is_known() -> None:
    """Words of ours and names of formats are escaped or translated into alternatives without repetition."""
    escaped = {"stem", "'|'.join(translated)", "prefix + _expression(tokens) + '\\\\Z'"}
    _, local = used()
    unknown = [each for each in local if each.expression not in LOCAL and each.expression not in escaped]
    assert [each for each in unknown if "re.escape" not in each.expression] == []


@pytest.mark.parametrize(
    "expression",
    [r"\s+$", r"(a|aa)+b", r"#+\s+(.*?)\s*#*x", r"\[[^\]]*\]", r"<a[^>]*x", r"\d+(?:\.\d+)+", r"(\w+\s?)*:"],
)
def test_one_that_does_not_is_found(expression: str) -> None:
    pattern = Used(expression, re.compile(expression), frozenset(["search"]))
    assert len(list(slow_lines(pattern))) == 1
