"""Rules of the owner's: all mail of an address or a domain has one label, unless the mail may be somebody else's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from openclaw_instructor.errors import InvalidArguments

if TYPE_CHECKING:
    from openclaw_instructor.documents.email import Email
    from openclaw_instructor.tasks.classifier.corrections import Correction

# So many corrections of one sender with one label suggest a rule.
SUGGESTED_FROM = 3

_ADDRESS = re.compile(r"[^\s@<>,;*]{1,64}@(?:[\w-]{1,63}\.)+[\w-]{2,63}")
_FAILED = re.compile(r"\b(?:dmarc|dkim|spf)\s*=\s*(?:fail|permerror)\b", re.IGNORECASE)


def sender_pattern(text: str) -> str:
    """Return an address, or `@domain`, in the form in which rules keep it. Raises InvalidArguments."""
    wanted = text.strip().strip("<>").casefold()
    wanted = wanted if "@" in wanted else f"@{wanted}"
    probe = f"x{wanted}" if wanted.startswith("@") else wanted
    if not _ADDRESS.fullmatch(probe) or not wanted.isprintable():
        raise InvalidArguments(
            f"{text[:80]!r} is no address; write ann@example.org for one sender, or example.org for all of a domain"
        )
    return wanted


def rule_for(message: Email, rules: Sequence[Correction]) -> tuple[Correction | None, str]:
    """Return the rule that decides the label of a message, and what to note on it.

    The rule of an address goes before that of its domain. A message whose Authentication-Results say that it is not
    from there is left to its text.
    """
    by_sender = {rule.text: rule for rule in rules}
    address = message.sender_address.casefold()
    domain = address.rpartition("@")[2]
    rule = by_sender.get(address) or by_sender.get(f"@{domain}") if domain else None
    if rule is None:
        return None, ""
    if any(_FAILED.search(field) for field in message.authentication_results[:1]):
        return None, f"your rule for {rule.text} was not applied: the mail failed the check of its sender"
    return rule, f"the label is that of your rule for {rule.text}"


def suggestions(corrections: Iterable[Correction], rules: Iterable[Correction]) -> list[dict[str, Any]]:
    """Suggest rules for senders of whose mail all was taught to be of one label; the owner confirms them."""
    ruled = {rule.text for rule in rules}
    labels: dict[str, Counter[str]] = {}
    for correction in corrections:
        if correction.sender:
            labels.setdefault(correction.sender, Counter())[correction.label] += 1
    return [
        {"sender": sender, "label": next(iter(counts)), "count": counts.total()}
        for sender, counts in sorted(labels.items())
        if len(counts) == 1
        and counts.total() >= SUGGESTED_FROM
        and sender not in ruled
        and f"@{sender.rpartition('@')[2]}" not in ruled
    ]
