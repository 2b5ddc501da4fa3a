"""How well a checkpoint knows other languages, beside `mini`, and which aims it reaches.

    pip install ".[evaluate]"
    python benchmarks/languages.py DATA [CHECKPOINT] --english STSB-test.jsonl.gz [--languages "de fr"]

DATA is a folder with `tatoeba/LANG` (rows of `en` and `text`), `sts/stsb-mt-LANG-test` and `sts/SemRel2024-LANG`,
`retrieval/gnome-help-LANG` and `retrieval/lo-guide-LANG` (one set in each language, with the same ids), and
`classification/xsid-LANG`; what lacks is left out. Figures are x 100:

    tatoeba     share of the texts whose nearest neighbour in the other language is their translation, mean of both ways
    sts         Spearman correlation of cosine and human score
    help        nDCG@10 of queries among documents of their language; `in en`, among the English ones with the same ids
    intents     accuracy of a logistic regression that learned from English texts
    asked       share of requests about alarms and reminders whose nearest neighbour wants the same, such as to cancel
                one, under an instruction that asks for the intent
    gain        by how much that is more than under one that asks for the topic

Aims are shares of the English value of the same checkpoint, where English is measured on the same sets.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from openclaw_instructor.evaluate.datasets import Dataset, find, read_rows
from openclaw_instructor.evaluate.embedders import CachedEmbedder, Embedder, InstructorEmbedder
from openclaw_instructor.evaluate.facet_accuracy import Faceted, follow
from openclaw_instructor.evaluate.instructions import Instructions
from openclaw_instructor.evaluate.metrics import MAIN
from openclaw_instructor.evaluate.task import Task
from openclaw_instructor.evaluate.task_scores import run

LANGUAGES = "ar cs de es fr hi id it ja ko nl pl pt ru sv tr uk vi zh"
FARTHEST = {"ar", "hi", "ko", "vi"}  # which need reach only 80 on tatoeba
HELP = ("gnome-help", "lo-guide")
Table = dict[str, dict[str, float]]  # measure -> language -> value


@dataclass
class Measured:
    """What one checkpoint reached."""

    name: str
    megabytes: float
    milliseconds: float  # of one short text
    texts_per_second: float
    scores: Table = field(default_factory=dict)

    def add(self, measure: str, language: str, value: float) -> None:
        self.scores.setdefault(measure, {})[language] = 100 * value

    def mean(self, measure: str, languages: Sequence[str]) -> float:
        found = [value for language, value in self.scores.get(measure, {}).items() if language in languages]
        return fmean(found) if found else float("nan")

    def share(self, measure: str, english: str, languages: Sequence[str]) -> float:
        """The mean over languages of the value as a share of the English one."""
        return self.mean(measure, languages) / self.scores.get(english, {}).get("en", float("nan"))


def tatoeba(rows: Sequence[dict[str, str]], embedder: Embedder) -> float:
    """The share of texts that find their translation, mean of both directions."""
    english = embedder.embed([row["en"] for row in rows], "", "text").vectors
    other = embedder.embed([row["text"] for row in rows], "", "text").vectors
    nearness, own = english @ other.T, np.arange(len(rows))
    return float((nearness.argmax(axis=0) == own).mean() + (nearness.argmax(axis=1) == own).mean()) / 2


def crossed(found: dict[str, Dataset], languages: Sequence[str]) -> Iterator[tuple[str, str, Dataset]]:
    """Yield (measure, language, data set); sets across languages are made of the files of two."""
    for language in (*languages, "en"):
        for name, kind in (("stsb-mt-{}-test", "sts"), ("SemRel2024-{}", "sts")):
            if data := found.get(name.format(language)):
                yield kind, language, data
        for name in HELP:
            own, english = found.get(f"{name}-{language}"), found.get(f"{name}-en")
            if own and english:
                yield name, language, own
                if language != "en":
                    corpus = {"corpus": english.files["corpus"]}
                    yield f"{name} in en", language, Dataset(f"{own.name}-in-en", own.kind, own.files | corpus)
        own, english = found.get(f"xsid-{language}"), found.get("xsid-en")
        if own and english:
            parts = {"train": english.files["train"], "test": own.files["test"]}
            yield "intents", language, Dataset(f"{own.name}-from-en", own.kind, parts)


def asked_for_intents(data: Dataset, embedder: Embedder) -> dict[str, float]:
    """Return how well an instruction makes the intent count, of texts with labels such as `alarm/cancel_alarm`."""
    rows = [row for row in data.rows("test") if row["label"].startswith(("alarm/", "reminder/"))]
    topics, intents = zip(*(row["label"].split("/") for row in rows), strict=True)
    labels = {"topic": list(topics), "intent": [intent.split("_")[0] for intent in intents]}
    asked = dict(Instructions.load(None).facets["commands"]["facets"])
    scores = follow(embedder, Faceted(data.name, [row["text"] for row in rows], labels, asked))
    return next(row for row in scores if row["facet"] == "intent")


def measure(checkpoint: str, data: Path, english: Path | None, languages: Sequence[str], kept: Path) -> Measured:
    """Measure a checkpoint; vectors are kept in a folder, because every language asks the English documents."""
    plain = InstructorEmbedder(checkpoint)
    result = Measured(checkpoint, _megabytes(plain), *_speed(plain, data))
    embedder = CachedEmbedder(plain, kept)
    for language in languages:
        path = data / "tatoeba" / f"{language}.jsonl.gz"
        if path.is_file():
            result.add("tatoeba", language, tatoeba(list(read_rows(path, ("en", "text"))), embedder))
    found = {each.short: each for each in find(data).datasets}
    sets = list(crossed(found, languages))
    if english:
        sets += [("sts", "en", find(english).datasets[0])]
    for language in (*languages, "en"):
        if commands := found.get(f"xsid-{language}"):
            scores = asked_for_intents(commands, embedder)
            result.add("asked", language, scores["asked"])
            result.add("gain", language, scores["gain"])
    for name, language, dataset in sets:
        measured = run(Task(dataset, embedder, Instructions.load(None)), ["dense"])
        value = next(iter(measured.values()))[MAIN[dataset.kind]]
        result.add(name, language, value)
    return result


def _megabytes(embedder: InstructorEmbedder) -> float:
    folder = embedder.model.checkpoint.folder
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _speed(embedder: InstructorEmbedder, data: Path) -> tuple[float, float]:
    """Milliseconds of one short text, and texts a second of many, the best of five."""
    texts = [row["en"] for row in read_rows(next((data / "tatoeba").iterdir()), ("en",))]

    def best(work: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            began = perf_counter()
            work()
            times.append(perf_counter() - began)
        return min(times)

    return 1000 * best(lambda: embedder.embed(texts[:1], "", "text")), len(texts) / best(
        lambda: embedder.embed(texts, "", "text")
    )


def report(results: Sequence[Measured], languages: Sequence[str]) -> None:
    measures = list(results[-1].scores)
    for result in results:
        speed = f"{result.milliseconds:.2f} ms a short text, {result.texts_per_second:.0f} short texts/s"
        print(f"\n{result.name}: {result.megabytes:.1f} MB, {speed}")
        print(f"{'':18}", *(f"{code:>6}" for code in (*languages, "mean", "en")))
        for name in measures:
            row = result.scores.get(name, {})
            values = [row.get(code, float("nan")) for code in languages]
            figures = [*values, result.mean(name, languages), row.get("en", float("nan"))]
            print(f"{name:18}", *(f"{value:6.1f}" if value == value else f"{'-':>6}" for value in figures))


def aims(now: Measured, before: Measured, languages: Sequence[str]) -> Iterator[tuple[str, float, float, bool]]:
    """Yield (aim, value, threshold, whether the value is to be at least that)."""
    near = [code for code in languages if code not in FARTHEST]
    far = [code for code in languages if code in FARTHEST]
    yield "tatoeba, mean", now.mean("tatoeba", languages), 90, True
    yield "tatoeba, least", min((now.scores["tatoeba"][code] for code in near), default=float("nan")), 90, True
    yield (
        "tatoeba, least of ar hi ko vi",
        min((now.scores["tatoeba"][code] for code in far), default=float("nan")),
        80,
        True,
    )
    yield "sts, share of English", now.share("sts", "sts", languages), 0.93, True
    for name in HELP:
        yield f"{name}, share of English", now.share(name, name, languages), 0.90, True
        yield f"{name} in en, share of English", now.share(f"{name} in en", name, languages), 0.85, True
    yield "intents, share of English", now.share("intents", "intents", languages), 0.85, True
    gains = sorted((value for code, value in now.scores.get("gain", {}).items() if code in languages), reverse=True)
    third = gains[2] if len(gains) > 2 else float("nan")
    yield "gain, third language, share of English", third / now.mean("gain", ["en"]), 0.9, True
    yield "English gain, share of before", now.mean("gain", ["en"]) / before.mean("gain", ["en"]), 1, True
    yield "English sts, share of before", now.mean("sts", ["en"]) / before.mean("sts", ["en"]), 0.985, True
    for name in HELP:
        yield f"English {name}, share of before", now.mean(name, ["en"]) / before.mean(name, ["en"]), 0.985, True
    yield "megabytes", now.megabytes, 60, False
    yield "time of a short text, share of before", now.milliseconds / before.milliseconds, 1.3, False
    yield "texts/s, share of before", now.texts_per_second / before.texts_per_second, 0.9, True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("checkpoint", nargs="?", default="mini")
    parser.add_argument("--english", type=Path, help="rows of the English STS-B test set")
    parser.add_argument("--languages", default=LANGUAGES)
    options = parser.parse_args()
    languages = options.languages.split()
    names = dict.fromkeys(["mini", options.checkpoint])
    with TemporaryDirectory() as kept:
        results = [measure(name, options.data, options.english, languages, Path(kept)) for name in names]
    report(results, languages)
    print()
    for aim, value, threshold, at_least in aims(results[-1], results[0], languages):
        reached = value >= threshold if at_least else value <= threshold
        verdict = "not measured" if value != value else "reached" if reached else "missed"
        print(f"{aim:42} {value:7.3f}  {'>=' if at_least else '<='} {threshold:<6} {verdict}")


if __name__ == "__main__":
    main()
