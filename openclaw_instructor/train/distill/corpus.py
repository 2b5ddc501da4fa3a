"""Collect texts and (query, passage) pairs from sources whose licence lets a derived model be shared.

Reads a data folder laid out as `train/{instructions,pairs,labelled,sentences}` of gzipped JSONL and TSV. What is left
out, and why, is in the tables below: non-commercial and research-only sets, sets without a licence, copyleft manuals,
and tasks that are no natural language (arithmetic, lists, synthetic commands).
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openclaw_instructor.train.distill.code import read_code
from openclaw_instructor.train.distill.facets import FacetTexts
from openclaw_instructor.train.distill.manuals import read_manuals

SHORT, LONG = 350, 1_600  # characters: a text is short up to the first and cut at the second

# Super-NaturalInstructions tasks (Apache-2.0; each keeps its source's terms) that are left out, by part of their name.
_RESTRICTED = (
    "amazon|tweet|twitter|quora|qqp|mrpc|ag_news|agnews|glue|hate|toxic|jigsaw|offens|olid|sbic|scruples|stereo|crows|"
    "sentiment140|semeval_2018|imdb|yelp|rotten|sst|sick|cls_english|movie_review|app_reviews|civil|detox|emo_|dvd|"
    "spolin|xsum|cnn|gigaword|reddit|casino|afs_|lyrics|poem|persona|opus|diplomacy|smcal|peixian|winomt|wic"
)
_NOT_PROSE = (
    "conala|scan_|synthetic|count_|remove_|list|math|arith|mawps|equation|letter|vowel|element|logic2text|splash|"
    "mctaco_grammatical|rhyme|country|iso_|calling|haspart|babi|prost|ruletaker|new_operator|sort_|find_|reverse|"
    "hans|essential_terms"
)
SKIPPED_TASKS = re.compile(f"{_RESTRICTED}|{_NOT_PROSE}", re.IGNORECASE)
# P3 prompts (Apache-2.0) by source data set.
P3_SOURCES = re.compile(
    "adversarial|cosmos|ropes|wiki|paws|qasc|quartz|wiqa|samsum|dream|sciq|dbpedia|quoref|duorc|kilt|common|social",
    re.IGNORECASE,
)
PAIR_FILES = {
    "docs-headings": "CC BY 4.0, MIT, Apache-2.0 (rows of ansible/ansible-documentation, GPL-3.0, are skipped)",
    "scitldr": "Apache-2.0",
    "pubmedqa": "MIT",
    "fetaqa": "CC BY-SA 4.0",
    "covid-faq": "Apache-2.0",
    "tldr-pages": "CC BY 4.0",
    "wiki-split": "CC BY-SA 4.0",
    "mnli-entail": "OANC / MNLI licence",
    "snli-dev-entail": "CC BY-SA 4.0",
    "turk-simplification": "CC BY-SA",
}
LABELLED_FILES = {"dbpedia14": "CC BY-SA 3.0", "snips": "CC0 1.0"}
# The meaning of each set's labels, and how much of a text is used.
LABELLED_FACETS = {"dbpedia14": "topic", "snips": "intent"}
FACET_WORDS = 28
SENTENCE_TAGS = {
    "ms-docs": "C-UDA",
    "scitldr": "Apache-2.0, MIT",
    "wiki-split": "CC BY-SA 4.0",
    "simple-wiki": "CC BY-SA",
    "clinc-wiki": "CC BY-SA, CC BY 3.0",
    "snli-dev": "CC BY-SA 4.0",
    "nltk-state_union": "public domain",
    "nltk-inaugural": "public domain",
    "wikitext2": "CC BY-SA",
}
_FIELD = re.compile(
    r"(?:^|\n)[^\S\n]*(?:Passage|Context|Paragraph|CONTEXT|Background Paragraph|Question|Sentence ?\d?|Fact ?\d?|"
    r"Statement|Premise|Hypothesis|Text|Abstract|Title|story|Story|Beginning|Middle|Ending|Argument|Topic|Clue|Category|Answer|"
    r"Prompt|Review|review|Document|Article|Summary|Term|Description|Facts|Comment|Post|Target|Headline|Background|"
    r"Claim|Sent1|Sent2)\s*[-:]\s*"
)
_NUMBERED = re.compile(r"Sent \d+: ")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'])")


@dataclass(frozen=True)
class TrainingTexts:
    """Unique texts in a fixed random order, pairs of indices into them: (query, passage), and which are technical."""

    texts: list[str]
    pairs: list[tuple[int, int]]
    technical: list[int]


class _Collector:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.short: set[str] = set()
        self.long: set[str] = set()
        self.pairs: list[tuple[str, str]] = []
        self.technical: set[str] = set()

    def text(self, raw: str) -> None:
        """Keep a text that is prose: at least 12 characters, mostly letters."""
        text = _folded(raw)
        letters = sum(character.isalpha() or character == " " for character in text)
        if 12 <= len(text) <= LONG and letters >= 0.72 * len(text):
            self.keep(text)

    def pair(self, query: str, passage: str) -> None:
        query, passage = _folded(query), _folded(passage)[:LONG]
        if len(query) > 3 and len(passage) > 12 and query != passage:
            self.keep(query)
            self.keep(passage)
            self.pairs.append((query, passage))

    def keep(self, text: str) -> None:
        (self.long if len(text) > SHORT else self.short).add(text)


def read_corpus(data: Path, code: Sequence[Path] = (), manuals: Sequence[Path] = (), seed: int = 0) -> TrainingTexts:
    """Read all sources, deduplicated and shuffled, and join short texts into 22,000 passages.

    `code` are folders of Python packages whose docstrings and functions are read too (`code.py`), `manuals` folders of
    Markdown and reStructuredText (`manuals.py`).
    """
    collector = _Collector(seed)
    for texts, pairs in (read_code(code), read_manuals(manuals)):
        for text in texts:
            collector.keep(text)
        for query, passage in pairs:
            collector.pair(query, passage)
    collector.technical = collector.short | collector.long
    for row in _rows(data / "instructions" / "superni.jsonl.gz"):
        if not SKIPPED_TASKS.search(row["task"]):
            _instruction_row(row, collector)
    for row in _rows(data / "instructions" / "p3_t0.jsonl.gz"):
        if P3_SOURCES.search(row["task"]):
            for paragraph in re.split(r"\n+", row["prompt"]):
                collector.text(paragraph)
    for name in PAIR_FILES:
        for row in _rows(data / "pairs" / f"{name}.jsonl.gz"):
            if "ansible" not in row.get("repo", ""):
                collector.pair(row["a"], row["b"])
    for name in LABELLED_FILES:
        for row in _rows(data / "labelled" / f"{name}.jsonl.gz"):
            collector.text(_without_fields(row))
    for shard in sorted((data / "sentences").glob("*.tsv.gz")):
        with gzip.open(shard, "rt", encoding="utf-8") as lines:
            for line in lines:
                tag, _, sentence = line.rstrip("\n").partition("\t")
                if tag in SENTENCE_TAGS:
                    collector.text(sentence)
    return _finish(collector)


def _instruction_row(row: dict[str, Any], collector: _Collector) -> None:
    """Split a task's input at its field names; a question in it or about it is paired with the longest field."""
    fields = [_folded(_NUMBERED.sub(" ", part)) for part in _FIELD.split("\n" + row["input"]) if part.strip()]
    for field in fields:
        collector.text(field)
        if len(field) > SHORT and collector.random.random() < 0.5:
            collector.text(collector.random.choice(_SENTENCE_END.split(field)))
    output = str(row["output"]).strip()
    if row["kind"] == "generation" and len(output) > 25:
        collector.text(output)
    if not fields:
        return
    passage = max(fields, key=len)
    asks = "question_generation" in row["task"] or "generate" in row["task"]
    inner = next((field for field in fields if field.endswith("?") and field is not passage), None)
    question = output if asks and output.endswith("?") else inner
    if question and len(question) > 15 and len(passage) > 60:
        collector.pair(question, passage)


def _finish(collector: _Collector) -> TrainingTexts:
    # Command pages are numerous and similar: a third of them is enough.
    short = [t for t in sorted(collector.short) if "{{" not in t or collector.random.random() < 0.35]
    together = [
        " ".join(collector.random.choice(short) for _ in range(collector.random.randint(3, 8)))[: LONG - 100]
        for _ in range(22_000)
    ]
    texts = list(dict.fromkeys([*short, *sorted(collector.long), *together]))
    collector.random.shuffle(texts)
    index = {text: position for position, text in enumerate(texts)}
    pairs = [(index[q], index[p]) for q, p in collector.pairs if q in index and p in index]
    return TrainingTexts(texts, pairs, [index[text] for text in sorted(collector.technical) if text in index])


def read_labelled(data: Path) -> list[FacetTexts]:
    """Read labelled sets as texts with one facet each."""
    made = []
    for name, facet in LABELLED_FACETS.items():
        rows = list(_rows(data / "labelled" / f"{name}.jsonl.gz"))
        texts = [" ".join(_without_fields(row).split()[:FACET_WORDS]) for row in rows]
        made.append(FacetTexts(texts, {facet: [row["label"] for row in rows]}))
    return made


def _without_fields(row: dict[str, Any]) -> str:
    """Return the text of a labelled row without the names of its parts."""
    return re.sub(r"Title: |Text: ", " ", row["text"])


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
