"""Find the links of a mail: their text, and where they lead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

MOST_LINKS = 1_000
_LONGEST_TEXT, _LONGEST_TARGET = 200, 2_000

_PLAIN = re.compile(r"https?://[^\s<>\"']{1,2000}", re.IGNORECASE)
_HOST = re.compile(
    r"(?:[a-z]{2,10}://|mailto:)?(?:[^\s/@]{1,80}@)?((?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,24})(?=[:/?#.,;)!]|$)",
    re.IGNORECASE,
)
# File extensions that are also top-level domains.
_FILES = frozenset(("md", "py", "sh", "rs", "pl", "ps", "so", "cc", "zip", "mov", "ai", "app"))
# Second-level domains of countries under which names are registered.
_SHARED = frozenset(
    ("co", "com", "net", "org", "edu", "gov", "gob", "ac", "or", "ne", "go", "gouv", "gv", "ltd", "plc")
)


@dataclass(frozen=True)
class Link:
    """A link: `text` is what people see, `target` where it leads; both are the sender's words."""

    text: str
    target: str

    @property
    def host(self) -> str:
        """The host of the target in lower case; the domain of an e-mail link; "" if there is none."""
        return host_of(self.target)

    @property
    def mismatched(self) -> bool:
        """Whether the text shows an address in another domain than the target's."""
        shown = _shown_host(self.text)
        return bool(shown and self.host) and domain_of(shown) != domain_of(self.host)


def link(text: str, target: str) -> Link:
    """Make a link from its target and its text on one line, both cut to length."""
    return Link(" ".join(text.split())[:_LONGEST_TEXT], "".join(target.split())[:_LONGEST_TARGET])


def plain_links(text: str) -> list[Link]:
    """Find the web addresses in plain text."""
    found = zip(_PLAIN.finditer(text), range(MOST_LINKS), strict=False)
    addresses = (match[0].rstrip(".,;:!?)]}>*_") for match, _ in found)
    return [link(address, address) for address in addresses]


def host_of(target: str) -> str:
    """Return the host of an address, or the domain of a mailto link."""
    target = target.strip()
    scheme, colon, rest = target.partition(":")
    if colon and scheme.lower() == "mailto":
        return rest.partition("?")[0].rpartition("@")[2].strip(" >").lower()
    if (colon and scheme.lower() in ("http", "https", "ftp")) or target.startswith("//"):
        try:
            return (urlsplit(target).hostname or "").rstrip(".")
        except ValueError:  # unmatched closing brackets
            return ""
    return ""


def domain_of(host: str) -> str:
    """Return the registered domain: the last two labels, or three below a shared suffix such as "co.uk"."""
    labels = host.lower().strip(".").split(".")
    if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SHARED:
        return ".".join(labels[-3:])
    return ".".join(labels[-2:])


def _shown_host(text: str) -> str:
    for word in text.split()[:20]:
        found = _HOST.match(word.strip("<>()[]\"'*_:"))
        if found:
            ending = found[1].rpartition(".")[2].lower()
            marked = "://" in word or word.lower().startswith(("www.", "mailto:")) or "@" in word
            if marked or (ending not in _FILES and found[1].count(".") <= 4):
                return found[1].lower()
    return ""
