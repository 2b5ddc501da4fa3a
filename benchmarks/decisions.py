"""How well the classifier answers OpenClaw's typed decisions, on questions made from labelled sets.

    .venv/bin/python benchmarks/decisions.py DATA [--set NAME ...] [--sample 500] [--checkpoint mini] [--json]

DATA holds a folder for each set with `test.jsonl.gz`, a JSON object of `text` and `label` a line. No example of a label
is shown: the criteria below are all that the model is told. Measured are the share of right answers, the expected
calibration error over ten bins of the probability of the answer, and the milliseconds of a decision whose criteria are
known by now. Texts that are longer than the checkpoint reads are refused, as the decision contract asks, and counted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from openclaw_instructor.errors import UnsupportedInput  # noqa: E402
from openclaw_instructor.service import Toolbox  # noqa: E402
from openclaw_instructor.settings import Settings  # noqa: E402

LEVELS = ["very negative", "negative", "neutral", "positive", "very positive"]
QUESTIONS: dict[str, dict[str, Any]] = {
    "trec6": {
        "type": "choice",
        "instructions": "What kind of answer does this question ask for?",
        "criteria": {
            "abbreviation": "what an abbreviation stands for, or how something is abbreviated",
            "description": "a definition, an explanation, a reason or a manner",
            "entity": "a thing: an animal, a product, a food, a colour, an event, a language, a work",
            "human": "a person, or a group or organisation of people",
            "location": "a place: a city, a country, a mountain, a state",
            "numeric": "a number: a count, a date, a distance, money, a percentage, a speed",
        },
    },
    "banking77": {"type": "choice", "instructions": "What does the customer of the bank want?", "criteria": {}},
    "email-intent": {
        "type": "boolean",
        "instructions": "Does this sentence of an e-mail ask the reader to do something?",
        "criteria": {
            "true": "the writer asks the reader to do something, or to answer a question",
            "false": "the writer tells, thanks, agrees or informs, and asks for nothing",
        },
    },
    "enron-genre-a": {
        "type": "choice",
        "instructions": "What is this e-mail at work about?",
        "criteria": {
            "company business or strategy": "the company's business: deals, projects, policy, regulation, strategy",
            "logistic arrangements": "meeting times, travel, calls, rooms, technical support",
            "document editing or collaboration": "a document that is drafted, edited, reviewed or commented on",
            "employment arrangements": "job seeking, hiring, recommendations, salary, leaving",
            "personal but in professional context": "private words at work: congratulations, a good job, thanks",
            "purely personal": "family, friends, leisure; nothing to do with work",
        },
    },
    "sst2": {
        "type": "boolean",
        "instructions": "Does the reviewer like the film?",
        "criteria": {
            "true": "a positive review: the film is good and enjoyable",
            "false": "a negative review: the film is bad and disappointing",
        },
    },
    "amazon-reviews": {
        "type": "score",
        "instructions": "How content is the customer with the product?",
        "criteria": [
            "very negative: useless, broken, a waste of money",
            "negative: disappointing, with serious faults",
            "neutral: mediocre, good and bad in balance",
            "positive: good, with small faults",
            "very positive: excellent, perfect, warmly recommended",
        ],
    },
}
TRUE = {"email-intent": "request", "sst2": "positive"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the labelled sets")
    parser.add_argument("--set", dest="sets", action="append", choices=sorted(QUESTIONS), help="only this set")
    parser.add_argument("--sample", type=int, default=500, help="texts of each set")
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        toolbox = Toolbox(settings=Settings(home=Path(home), checkpoint=options.checkpoint, cache_mb=0))
        rows = [measure(toolbox, options.data, name, options.sample) for name in options.sets or QUESTIONS]
        toolbox.close()
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{'set':16} {'kind':8} {'labels':>6} {'texts':>6} {'refused':>8} {'accuracy':>9} {'ECE':>6} {'ms':>6}  more")
    for row in rows:
        print(
            f"{row['set']:16} {row['kind']:8} {row['labels']:6} {row['texts']:6} {row['refused']:8.1%} "
            f"{row['accuracy']:9.3f} {row['ece']:6.3f} {row['ms']:6.2f}  {row['more']}"
        )


def measure(toolbox: Toolbox, data: Path, name: str, sample: int) -> dict[str, Any]:
    """Ask the question of each text of a sample."""
    with gzip.open(data / name / "test.jsonl.gz", "rt", encoding="utf-8") as file:
        items = [json.loads(line) for line in file]
    question = QUESTIONS[name]
    if not question["criteria"]:
        question = question | {"criteria": dict.fromkeys(sorted({item["label"] for item in items}))}
    random.Random(0).shuffle(items)
    items = items[:sample]
    for item in items[:3]:
        _ask(toolbox, item["text"], question)
    right, sure, times, values, truths, refused = [], [], [], [], [], 0
    for item in items:
        started = time.perf_counter()
        answer = _ask(toolbox, item["text"], question)
        took = time.perf_counter() - started
        if answer is None:
            refused += 1
            continue
        times.append(took * 1000)
        given, share, value = _read(answer, name)
        truth = item["label"] == TRUE[name] if name in TRUE else item["label"]
        right.append(given == truth)
        sure.append(share)
        values.append(value)
        truths.append(LEVELS.index(truth) if question["type"] == "score" else float(truth is True))
    return {
        "set": name,
        "kind": question["type"],
        "labels": len(question["criteria"]),
        "texts": len(items),
        "refused": refused / len(items),
        "accuracy": float(np.mean(right)),
        "ece": _calibration_error(np.array(sure), np.array(right, dtype=float)),
        "ms": statistics.median(times),
        "more": _more(question["type"], np.array(values), np.array(truths)),
    }


def _ask(toolbox: Toolbox, text: str, question: dict[str, Any]) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = toolbox.decide(text, {"q": question})["answers"]["q"]
    except UnsupportedInput:
        return None
    return answer


def _read(answer: dict[str, Any], name: str) -> tuple[Any, float, float]:
    """Return what was answered, the probability of that answer, and the number behind it."""
    if answer["type"] == "boolean":
        yes = answer["probabilityTrue"]
        return yes >= 0.5, max(yes, 1 - yes), yes
    if answer["type"] == "score":
        shares = answer["probabilities"]
        best = int(np.argmax(shares))
        return LEVELS[best], shares[best], answer["score"]
    return answer["choice"], max(answer["probabilities"].values()), 0.0


def _calibration_error(sure: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    place = np.minimum((sure * bins).astype(int), bins - 1)
    parts = [(place == each) for each in range(bins)]
    return float(sum(part.mean() * abs(sure[part].mean() - right[part].mean()) for part in parts if part.any()))


def _more(kind: str, values: np.ndarray, truths: np.ndarray) -> str:
    if kind == "boolean":
        order = values.argsort().argsort() + 1
        positives = truths.sum()
        area = (order[truths == 1].sum() - positives * (positives + 1) / 2) / (positives * (len(truths) - positives))
        return f"AUC {area:.3f}"
    if kind == "score":
        ranks = np.stack([part.argsort().argsort() for part in (values, truths + np.arange(len(truths)) * 1e-9)])
        close = np.mean(np.abs(np.round(values) - truths) <= 1)
        off, correlation = np.abs(values - truths).mean(), np.corrcoef(ranks)[0, 1]
        return f"off by {off:.2f}, within one level {close:.3f}, rank correlation {correlation:.2f}"
    return ""


if __name__ == "__main__":
    main()
