"""The shape of the mail set in tests/data/mails: counts, labels, and that no mail repeats another or an example."""

from __future__ import annotations

import email.policy
import html
import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.registry import Registry
from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.settings import Settings

DATA = Path(__file__).parents[1] / "data"
LANGUAGES = {"de", "fr", "es", "it", "nl", "pt", "pl", "sv", "ja", "zh", "ru"}
AUTOMATIC = "automatic"
FRAUD = {"phishing", "spam"}
SHINGLE = 5


def rows(name: str) -> list[dict[str, Any]]:
    lines = (DATA / "mails" / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


ENGLISH, SECOND, OTHERS = rows("english.jsonl"), rows("second.jsonl"), rows("languages.jsonl")
FIRST = [*ENGLISH, *OTHERS]
MAILS = [*FIRST, *SECOND]


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    task = Registry.load(Settings(home=tmp_path_factory.mktemp("home"))).get("classify_email")
    assert isinstance(task, ClassifyTask)
    return {label.name for label in task.labels}


def words(mail: dict[str, Any]) -> list[str]:
    """The words of a message, without markup, transport encodings and what is marked as quoted."""
    if "raw" in mail:
        message = email.message_from_string(mail["raw"], policy=email.policy.default)
        part = message.get_body(("plain", "html"))
        assert part is not None
        text = f"{message['Subject']}\n{part.get_content()}"
    else:
        text = f"{mail['subject']}\n{mail['body']}"
    text = re.sub(r'(?s)<style.*?</style>|<blockquote type="cite">.*?</blockquote>|<[^<>]+>', " ", text)
    return re.findall(r"\w+", html.unescape(text).casefold())


def shingles(tokens: list[str]) -> set[tuple[str, ...]]:
    return {tuple(tokens[at : at + SHINGLE]) for at in range(len(tokens) - SHINGLE + 1)}


class TestRows:
    @pytest.mark.parametrize("mail", MAILS, ids=[mail["id"] for mail in MAILS])
    def test_fields(self, mail: dict[str, Any], labels: set[str]) -> None:
        message = {"raw"} if "raw" in mail else {"from", "to", "subject", "body"}
        assert set(mail) == {"id", "language", "label", "acceptable", "attack", "note"} | message
        assert mail["id"].startswith(f"{mail['language']}-{mail['label']}-")
        assert mail["label"] in labels
        assert set(mail["acceptable"]) <= (labels | {AUTOMATIC}) - {mail["label"]}
        assert mail["note"]
        assert len(words(mail)) > 5 or mail["language"] in {"ja", "zh"}

    @pytest.mark.parametrize("mail", MAILS, ids=[mail["id"] for mail in MAILS])
    def test_attacks_and_harmless_mail_do_not_mix(self, mail: dict[str, Any]) -> None:
        right = {mail["label"], *mail["acceptable"]}
        assert right <= FRAUD if mail["attack"] else "phishing" not in right

    @pytest.mark.parametrize("mail", [mail for mail in MAILS if "raw" in mail], ids=lambda mail: mail["id"])
    def test_raw_mail_is_well_formed(self, mail: dict[str, Any]) -> None:
        message = email.message_from_string(mail["raw"], policy=email.policy.default)
        assert not [defect for part in message.walk() for defect in part.defects]
        assert message["From"]
        assert message["Subject"]
        assert message["Message-ID"]


class TestSet:
    def test_counts(self) -> None:
        assert len(ENGLISH) == 240
        assert len(OTHERS) == 60
        assert len(SECOND) == 66
        assert {mail["language"] for mail in [*ENGLISH, *SECOND]} == {"en"}
        assert {mail["language"] for mail in OTHERS} == LANGUAGES
        assert sum(mail["attack"] for mail in FIRST) == 40
        assert sum("raw" in mail for mail in MAILS) == 30

    def test_labels_are_balanced(self, labels: set[str]) -> None:
        assert set(Counter(mail["label"] for mail in SECOND).values()) == {4, 6}
        counts = Counter(mail["label"] for mail in FIRST)
        assert set(counts) == labels
        assert counts.pop("phishing") == 37
        assert set(counts.values()) <= {17, 18}

    def test_ids_are_unique(self) -> None:
        assert len({mail["id"] for mail in MAILS}) == len(MAILS)

    def test_no_mail_is_a_near_copy_of_another(self) -> None:
        known = {mail["id"]: shingles(words(mail)) for mail in MAILS}
        for (first, some), (second, others) in combinations(known.items(), 2):
            shared = len(some & others)
            assert shared <= 0.1 * max(1, min(len(some), len(others))), (first, second, some & others)


class TestLeaks:
    """A mail of the test set that is also an example or a test case of its own measures nothing."""

    @pytest.mark.parametrize("name", ["instructions.yaml", "tests/data/emails.yaml"])
    def test_no_text_of_the_set_stands_elsewhere(self, name: str) -> None:
        mails = set().union(*(shingles(words(mail)) for mail in MAILS))
        for line in (DATA.parents[1] / name).read_text(encoding="utf-8").replace("\\n", " ").splitlines():
            text = shingles(re.findall(r"\w+", line.casefold()))
            assert len(text & mails) <= 0.2 * max(5, len(text)), (line, text & mails)
