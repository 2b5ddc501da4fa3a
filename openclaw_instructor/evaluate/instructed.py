"""Make instruction-retrieval sets of labelled texts: two instructions of a query flip which texts are relevant.

    python -m openclaw_instructor.evaluate.instructed LABELLED OUT
    openclaw-instructor evaluate OUT --json

LABELLED is a folder with data sets for classification or clustering (docs/evaluation.md), at any depth. For each, OUT
gets a set of the same name whose queries stand between two labels: the words that both have ("card" for `card_arrival`
and `card_linking`), or the two of them ("sport or business"). Each query comes with two instructions for either label,
and relevant are the texts of that label. `p_mrr` of the result says whether the texts of a label fall when the
instruction changes to the other one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from openclaw_instructor.evaluate.datasets import Dataset, find

INSTRUCTIONS = (
    "Represent the query for retrieving texts that concern {}:",
    "Represent the query for retrieving only texts about {}:",
)
_SEED = 5


def texts_by_label(dataset: Dataset, each: int) -> dict[str, list[str]]:
    """Draw up to `each` different texts of every label that has at least two."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in dataset.rows("test" if "test" in dataset.files else "rows"):
        found[str(row["label"])].append(row["text"])
    draw = random.Random(_SEED)  # noqa: S311
    unique = {label: list(dict.fromkeys(texts)) for label, texts in sorted(found.items())}
    return {label: draw.sample(texts, min(each, len(texts))) for label, texts in unique.items() if len(texts) > 1}


def words_of(label: str) -> str:
    """Write a label such as `card_arrival` or `comp.sys.mac` as words."""
    return " ".join(re.findall(r"[^\W_]+", label)).lower()


def pairs(labels: Iterable[str], limit: int) -> list[tuple[str, str]]:
    """Draw pairs of labels, those with words in common first."""
    every = list(combinations(sorted(labels), 2))
    random.Random(_SEED).shuffle(every)  # noqa: S311
    return sorted(every, key=lambda pair: not _common(*pair))[:limit]


def _common(first: str, second: str) -> str:
    others = words_of(second).split()
    return " ".join(word for word in words_of(first).split() if word in others)


def write(texts: Mapping[str, Sequence[str]], chosen: Sequence[tuple[str, str]], out: Path) -> None:
    """Write one data set."""
    out.mkdir(parents=True, exist_ok=True)
    names = {label: [f"{number}-{n}" for n in range(len(texts[label]))] for number, label in enumerate(texts)}
    corpus = [
        {"id": name, "title": "", "text": text}
        for label, own in texts.items()
        for name, text in zip(names[label], own, strict=True)
    ]
    queries: dict[str, dict[str, str]] = {}
    judged: dict[str, None] = {}
    for pair in chosen:
        # Pairs with the same words in common are one query of more instructions.
        query = _common(*pair) or " or ".join(map(words_of, pair))
        for label in pair:
            for number, instruction in enumerate(INSTRUCTIONS):
                name = f"{query}/{label}/{number}"
                queries[name] = {"id": name, "text": query, "instruction": instruction.format(words_of(label))}
                judged |= dict.fromkeys(f"{name}\t{document}\t1\n" for document in names[label])
    _jsonl(out / "corpus.jsonl.gz", corpus)
    _jsonl(out / "instructed.jsonl.gz", queries.values())
    (out / "qrels.tsv").write_text("".join(judged), encoding="utf-8")


def _jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the sets, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labelled", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pairs", type=int, default=40, help="pairs of labels for each set")
    parser.add_argument("--texts", type=int, default=20, help="texts of each label")
    options = parser.parse_args(arguments)
    for dataset in find(options.labelled).datasets:
        if dataset.kind not in ("classification", "clustering"):
            continue
        texts = texts_by_label(dataset, options.texts)
        chosen = pairs(texts, options.pairs)
        if not chosen:
            sys.stdout.write(f"{dataset.name}: left out, it has no two labels of two texts\n")
            continue
        write(texts, chosen, options.out / dataset.short)
        sys.stdout.write(f"{dataset.name}: {sum(map(len, texts.values()))} texts, {len(chosen)} pairs of labels\n")


if __name__ == "__main__":
    main()
