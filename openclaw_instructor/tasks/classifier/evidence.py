"""What speaks for or against a label beside the text: headers, links, and what was taught of the sender.

A logistic model with few weights, all of them here to be read. Each sign adds to the log-odds of the labels that a task
names for a role, on top of what the text says. Nothing is decided by a list of senders or domains that we ship.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openclaw_instructor.documents.email.headers import address_in
from openclaw_instructor.documents.email.links import domain_of
from openclaw_instructor.tasks.classifier.domains import has_foreign_letters, is_lookalike

if TYPE_CHECKING:
    from openclaw_instructor.documents.email import Email
    from openclaw_instructor.registry.kinds.classify import Role
    from openclaw_instructor.tasks.classifier.corrections import Correction


@dataclass(frozen=True)
class Sign:
    """Something to see in a message: a sentence that quotes nothing of it, and weights in log-odds by role."""

    says: str
    weights: Mapping[Role, float]


SIGNS: Mapping[str, Sign] = {
    "delivery_report": Sign("a mail server reports on a delivery", {"automatic": 6.0, "suspicious": -4.0}),
    "automatic_reply": Sign("it is an automatic reply", {"automatic": 2.0, "suspicious": -2.0}),
    "automatic": Sign("a program sent it by itself", {"automatic": 0.7, "personal": -1.0}),
    "list_mail": Sign("it has the headers of a list or of bulk mail", {"bulk": 1.2, "personal": -1.0}),
    "no_reply": Sign("its sender's address takes no replies", {"automatic": 0.8, "colleague": -0.3}),
    "colleague": Sign("it was sent from the recipient's own domain", {"colleague": 1.2, "bulk": -0.3}),
    "invitation": Sign("it holds an invitation to an event", {"invitation": 2.0}),
    "sender_passed": Sign("the check of its sender passed", {"suspicious": -0.5}),
    "sender_failed": Sign("the check of its sender failed", {"suspicious": 1.5}),
    "reply_elsewhere": Sign("replies go to another domain than the sender's", {"suspicious": 0.8}),
    "returns_elsewhere": Sign("it is returned to another domain than the sender's", {"suspicious": 0.2}),
    "name_shows_address": Sign("the sender's name shows another address than it has", {"suspicious": 1.5}),
    "lookalike_domain": Sign("a domain looks like another one and is not", {"suspicious": 2.0}),
    "foreign_letters": Sign("a domain has letters of another script that look Latin", {"suspicious": 2.0}),
    "link_shows_other": Sign("a link shows another domain than it leads to", {"suspicious": 1.5}),
    "link_to_number": Sign("a link leads to a bare network address", {"suspicious": 1.5}),
    "links_elsewhere": Sign("no link leads to the sender's domain", {"suspicious": 0.3}),
    "hidden_text": Sign("the page holds text that it does not show", {"suspicious": 0.5}),
    "versions_differ": Sign("its plain and its HTML version say different things", {"suspicious": 0.5}),
}  # fmt: skip
# Weights of one direction add up to no more than this, so that the text is never silenced by many small signs.
_MOST = 4.0
_CERTAIN = frozenset(("delivery_report",))

_DELIVERY = ("bounce", "delay", "delivery_receipt")
_SHOWN_ADDRESS = re.compile(r"[\w.+-]{1,64}@((?:[\w-]{1,63}\.){1,8}[a-z]{2,24})", re.IGNORECASE)
_SHOWN_DOMAIN = re.compile(r"\b((?:[\w-]{1,63}\.){1,8}(?:com|net|org|edu|gov|info|biz|io|[a-z]{2}))\b", re.IGNORECASE)
_NO_REPLY = re.compile(
    r"(?:^|[._+-])(?:no[._-]?reply|do[._-]?not[._-]?reply|notifications?|alerts?|automated|updates?)(?=$|[._+-])"
)
# People of one such domain are no colleagues of one another.
_OPEN_TO_ALL = (
    "gmail googlemail outlook hotmail live msn yahoo ymail aol icloud me mac gmx web proton protonmail pm tutanota "
    "fastmail zoho mail yandex qq 163 126 sina naver daum orange free laposte wanadoo sfr libero virgilio t-online "
    "freenet wp o2 onet interia seznam rediffmail comcast verizon btinternet sky bigpond telenet ziggo"
)
_MAIL_FOR_ALL = frozenset(_OPEN_TO_ALL.split())
_CHECK = re.compile(r"\b(dmarc|dkim|spf)\s*=\s*([a-z]{2,12})", re.IGNORECASE)


@dataclass
class SenderHistory:
    """What was taught of each sender and domain: how many texts of each label."""

    addresses: dict[str, Counter[str]] = field(default_factory=dict)
    domains: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, corrections: Sequence[Correction]) -> None:
        """Count further corrections."""
        for correction in corrections:
            address = correction.sender
            if address:
                domain = domain_of(address.rpartition("@")[2])
                self.addresses.setdefault(address, Counter())[correction.label] += 1
                self.domains.setdefault(domain, Counter())[correction.label] += 1

    def log_odds(self, address: str, labels: Sequence[str]) -> tuple[list[float], str]:
        """Return what the history says of each label, and a sentence on it; zeros and "" for an unknown sender."""
        counts, share, whose = self.addresses.get(address), 1.0, "this sender"
        if counts is None:
            counts, share, whose = self.domains.get(domain_of(address.rpartition("@")[2])), 0.5, "this domain"
        if not counts:
            return [0.0] * len(labels), ""
        total, usual = counts.total(), counts.most_common(1)[0]
        even = 0.5 * len(labels)
        odds = [share * math.log((counts[label] + 0.5) / (total + even) * len(labels)) for label in labels]
        return odds, f"{usual[1]} of {total} mails of {whose} were taught as {usual[0]}"


def signs(message: Email, known_domains: Sequence[str] = ()) -> list[str]:
    """Return the names of the signs that a message shows; `known_domains` are those that others may imitate."""
    return list(dict.fromkeys([*_of_kind(message), *_of_sender(message, known_domains), *_of_links(message)]))


def _of_kind(message: Email) -> Iterator[str]:
    if message.kind in _DELIVERY:
        yield "delivery_report"
    elif message.kind == "auto_reply":
        yield "automatic_reply"
    elif message.kind == "automatic":
        yield "automatic"
    elif message.kind in ("list", "bulk"):
        yield "list_mail"
    if message.invitation in ("REQUEST", "PUBLISH", "CANCEL", "COUNTER", "REPLY"):
        yield "invitation"
    if message.hidden_text:
        yield "hidden_text"
    if message.alternatives_differ:
        yield "versions_differ"


def _of_sender(message: Email, known_domains: Sequence[str]) -> Iterator[str]:
    domain = message.sender_address.rpartition("@")[2]
    own, checked = domain_of(domain), checked_sender(message)
    if checked:
        yield "sender_passed" if checked == "pass" else "sender_failed"
    if not own:
        return
    reply, returned = message.reply_to.rpartition("@")[2], message.return_path.rpartition("@")[2]
    if message.kind not in ("list", "bulk"):
        if reply and domain_of(reply) != own:
            yield "reply_elsewhere"
        if returned and domain_of(returned) != own:
            yield "returns_elsewhere"
    shown = _SHOWN_ADDRESS.search(message.sender_name) or _SHOWN_DOMAIN.search(message.sender_name)
    if shown and domain_of(shown[1]) != own:
        yield "name_shows_address"
    if has_foreign_letters(domain):
        yield "foreign_letters"
    if _NO_REPLY.search(message.sender_address.rpartition("@")[0]):
        yield "no_reply"
    recipient = address_in(message.to).rpartition("@")[2]
    if domain_of(recipient) == own and own.partition(".")[0] not in _MAIL_FOR_ALL and checked != "fail":
        yield "colleague"
    if is_lookalike(domain, [*known_domains, *([recipient] if recipient else [])], message.sender_name):
        yield "lookalike_domain"


def _of_links(message: Email) -> Iterator[str]:
    own = domain_of(message.sender_address.rpartition("@")[2])
    hosts = {link.host for link in message.links if link.host and not link.target.lower().startswith("mailto:")}
    if message.mismatched_links:
        yield "link_shows_other"
    if any(map(_is_number, hosts)):
        yield "link_to_number"
    if any(map(has_foreign_letters, hosts)):
        yield "foreign_letters"
    if own and hosts and message.kind == "" and all(domain_of(host) != own for host in hosts):
        yield "links_elsewhere"


def checked_sender(message: Email) -> str:
    """Return "pass" or "fail" as the own server's Authentication-Results say it of the sender; "" if they do not."""
    results: dict[str, str] = {
        name.lower(): result.lower() for name, result in _CHECK.findall(" ".join(message.authentication_results[:1]))
    }
    dmarc = results.get("dmarc", "")
    if dmarc in ("pass", "fail"):
        return dmarc
    if results.get("dkim") == "pass":
        return "pass"
    return "fail" if results.get("spf") in ("fail", "softfail") or results.get("dkim") == "fail" else ""


def weigh(
    message: Email, labels: Sequence[str], roles: Mapping[Role, Sequence[str]], history: SenderHistory
) -> tuple[list[float], list[dict[str, Any]]]:
    """Return what to add to the log-odds of each label, and the evidence for it: sign, sentence, labels and weight."""
    places = {label.casefold(): place for place, label in enumerate(labels)}
    by_role = {role: [n for n in names if n.casefold() in places] for role, names in roles.items()}
    totals = [0.0] * len(labels)
    certain = [0.0] * len(labels)
    said: list[dict[str, Any]] = []
    for name in signs(message, list(history.domains)):
        for role, weight in SIGNS[name].weights.items():
            concerned = by_role.get(role, [])
            for label in concerned:
                (certain if name in _CERTAIN else totals)[places[label.casefold()]] += weight
            if concerned:
                said.append({"sign": name, "says": SIGNS[name].says, "for": concerned, "weight": weight})
    totals = [max(-_MOST, min(_MOST, total)) + sure for total, sure in zip(totals, certain, strict=True)]
    if checked_sender(message) != "fail":
        odds, sentence = history.log_odds(message.sender_address, labels)
        totals = [total + more for total, more in zip(totals, odds, strict=True)]
        if sentence:
            best = max(range(len(labels)), key=odds.__getitem__)
            weight = round(odds[best], 2)
            said.append({"sign": "sender_history", "says": sentence, "for": [labels[best]], "weight": weight})
    return totals, said


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
