"""Write the model card of a checkpoint that learned languages: what it is, its data, scores and limits."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.train.distill.multilingual.record import Record
from openclaw_instructor.train.distill.multilingual.rows import AlignedTexts
from openclaw_instructor.train.distill.multilingual.scores import Score

_UNKNOWN = {"from": "rows of the data folder", "licence": "not known to the recipe"}


@dataclass(frozen=True)
class Learned:
    """What there is to say of a checkpoint: its names, limit in tokens, texts, preparation, stages and scores.

    `stages` are (tokens, minutes) of each stage by its name.
    """

    name: str
    start: str
    limit: int
    texts: AlignedTexts
    record: Record
    stages: Mapping[str, tuple[int, float]]
    scores: Mapping[str, Score]


def model_card(learned: Learned, encoder: T5Encoder) -> str:
    """Write the card as Markdown with the hub's front matter. Whoever publishes the checkpoint adds its licence."""
    languages, shape = learned.texts.languages, encoder.shape
    weights = sum(weight.numel() for weight in encoder.parameters())
    table, alone = shape.vocab_size * shape.width, len(learned.texts.english) - _sides(learned.texts)
    stages = "; ".join(
        f"{name}: {tokens:,} tokens in {minutes:.0f} minutes" for name, (tokens, minutes) in learned.stages.items()
    )
    return f"""---
language: {json.dumps(["en", *languages])}
library_name: openclaw-instructor
pipeline_tag: sentence-similarity
tags: [instructor, sentence-similarity]
---

# {learned.name}

An INSTRUCTOR checkpoint for English and {_count(len(languages), "more language")}: {" ".join(languages)}. It was made
from `{learned.start}`, whose vector of the English side is the target of every translation.

    from openclaw_instructor import INSTRUCTOR
    INSTRUCTOR("this folder").encode([["Represent the sentence for retrieval: ", "How do I add a task?"]])

| | |
| --- | --- |
| network | T5 encoder, {shape.layers} layers, {shape.width} wide; vectors of {shape.dimension} numbers, of length one |
| weights | {weights / 1e6:.1f} million, {table / 1e6:.1f} million of them the token table, in int8 |
| vocabulary | {shape.vocab_size:,} pieces |
| length | up to {learned.limit} tokens |

## Data

{_sources(learned.record.sources)}
Besides, {alone:,} English texts without a translation.

## Training

{stages}. By the command in docs/training.md, `python -m openclaw_instructor.train.distill.multilingual`, with
{_options(learned.record)}.

## Scores

On translations that were held out from the training, x 100: how often a text and its English side are nearest to each
other among those of its language (mean of both ways), and the cosine to the target.

{_scores(learned)}
They are like the training texts. `benchmarks/languages.py` measures test sets of other kinds.

## Limits and biases

- A language with few texts, or few of one kind, is understood less well. Most texts are about software and office work.
- {_machine_share(learned.record.sources)}
- The vectors are meant to be those of `{learned.start}`, so its mistakes and biases are inherited, and those of the
  texts. What is said only in one language, or means something else there, was learned in its English translation.
- Languages that are not named here are read as far as they share words and letters with those that are.
"""


def _options(record: Record) -> str:
    """Return what the command can be given of what is on record."""
    given = (each for each in record.options.items() if each[0] == "DATA" or each[0].startswith("--"))
    return " ".join(f"`{option} {value}`" for option, value in given)


@cache
def known_sources() -> Mapping[str, Mapping[str, str]]:
    """Return what is known of each source: where it is `from`, its `licence`, and `by` whom, if not by people."""
    import yaml

    text = (files(__package__) / "sources.yaml").read_text(encoding="utf-8")
    content: dict[str, dict[str, str]] = yaml.safe_load(text)
    return content


def _sources(rows: Mapping[str, int]) -> str:
    lines = ["| source | rows | from | licence | translated by |", "| --- | --- | --- | --- | --- |"]
    for name, count in rows.items():
        known, name = known_sources().get(name, _UNKNOWN), _cell(name)
        by = known.get("by", "people" if known is not _UNKNOWN else "not known")
        lines.append(f"| {name} | {count:,} | {known['from']} | {known['licence']} | {by} |")
    return "\n".join(lines) + "\n"


def _scores(learned: Learned) -> str:
    count = Counter(row.language for row in learned.texts.translations)
    lines = ["| language | texts | held out | found | cosine |", "| --- | --- | --- | --- | --- |"]
    for language in learned.texts.languages:
        score = learned.scores.get(language)
        shown = f"{score.texts} | {100 * score.found:.0f} | {100 * score.cosine:.0f}" if score else "none | |"
        lines.append(f"| {language} | {count[language]:,} | {shown} |")
    return "\n".join(lines) + "\n"


def _machine_share(rows: Mapping[str, int]) -> str:
    """Say how much of the text no person translated, by what is known of the sources."""
    machine = sum(count for name, count in rows.items() if known_sources().get(name, {}).get("by") == "a machine")
    if not machine:
        return "None of the sources is known to be translated by a machine."
    return (
        f"Of the rows, {machine:,} were translated by a machine, with its mistakes: {machine / sum(rows.values()):.1%}."
    )


def _cell(text: str) -> str:
    """Return a text as it can stand in a table of Markdown."""
    return " ".join(html.escape(text, quote=False).replace("|", "\\|").split())


def _sides(texts: AlignedTexts) -> int:
    return len({row.english for row in texts.translations})


def _count(number: int, what: str) -> str:
    return f"one {what}" if number == 1 else f"{number} {what}s"
