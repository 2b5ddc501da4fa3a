"""How much words should count beside meaning in `search_docs`.

    pip install 'openclaw-instructor[train]'
    python benchmarks/fusion.py DATA/train/pairs --code PACKAGES --manuals PAGES [--checkpoint mini]

Pairs become searches: the first texts are queries, each with its own second texts as the relevant passages among all
second texts. They are read from every file in DATA whose two sides are a question, a title or a claim and its passage,
from the functions of PACKAGES by their summary, docstrings taken out, and from the sections of PAGES by their heading.
The rows of the table are ways to weigh both rankings, fixed and by each query's spread (`index/fusion.py`); the numbers
are nDCG@10 x 100, and the last column what is lost to the better of both sides where there is a loss, in sum. Most of
these are texts that `mini` was trained on; none is a test set.

With `site-packages` and the `node_modules` of OpenClaw, 2.0 / 8 has the best mean of the twelve, 75.0, and the least
loss, 2.5, and so it is in use (1.3 / 4 is level with it; 1.6 / 8: 74.8 and 3.7; fixed .6: 74.8 and 3.9).
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from openclaw_instructor.evaluate.datasets import read_rows
from openclaw_instructor.evaluate.embedders import InstructorEmbedder
from openclaw_instructor.evaluate.metrics import ranking
from openclaw_instructor.evaluate.search import Run, bm25, dense, fuse
from openclaw_instructor.index import fusion
from openclaw_instructor.train.code import read_code
from openclaw_instructor.train.manuals import read_manuals

QUESTION = "Represent the question for retrieving supporting documents: "
DOCUMENT = "Represent the document for retrieval: "
FILES = ["aeslc-subject-body", "climate-fever", "covid-faq", "docs-headings", "fetaqa", "pubmedqa", "scitldr"]
FILES += ["tldr-pages", "trecqa-train", "wikiqa-train"]
QUERY_WORDS, LONGEST = 3, 2_000
DOCSTRING = re.compile(r"\"\"\".*?\"\"\"|'''.*?'''", re.DOTALL)


def sources(options: argparse.Namespace) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each search's name and (query, passage) pairs."""
    for name in FILES:
        path = options.pairs / f"{name}.jsonl.gz"
        if path.exists():
            yield name, [(row["a"], row["b"]) for row in read_rows(path, ("a", "b"))]
    if options.code:
        _, functions = read_code([options.code])
        yield "code", [(summary, DOCSTRING.sub("", source, count=1)) for summary, source in functions]
    if options.manuals:
        _, sections = read_manuals([options.manuals])
        yield "manuals", sections


def search_of(
    pairs: Sequence[tuple[str, str]], queries: int, passages: int
) -> tuple[dict[str, str], dict[str, str], dict[str, dict[str, int]]]:
    """(queries, passages, relevant passages of each query), a fixed random choice."""
    wanted: dict[str, set[str]] = {}
    for query, passage in pairs:
        if len(query.split()) >= QUERY_WORDS:
            wanted.setdefault(query, set()).add(passage[:LONGEST])
    chance = random.Random(7)
    asked = chance.sample(sorted(wanted), min(queries, len(wanted)))
    answers = sorted({text for query in asked for text in wanted[query]})
    others = sorted({passage[:LONGEST] for _, passage in pairs} - set(answers))
    texts = answers + chance.sample(others, max(0, min(len(others), passages - len(answers))))
    numbers = {text: str(number) for number, text in enumerate(texts)}
    relevant = {str(i): {numbers[text]: 1 for text in wanted[query]} for i, query in enumerate(asked)}
    return {str(i): query for i, query in enumerate(asked)}, {n: text for text, n in numbers.items()}, relevant


def rankings(embedder: InstructorEmbedder, queries: dict[str, str], passages: dict[str, str]) -> tuple[Run, Run]:
    """By meaning and by words."""
    asked = embedder.embed(list(queries.values()), QUESTION, "query").vectors
    found = embedder.embed(list(passages.values()), DOCUMENT, "document").vectors
    corpus = [{"id": number, "text": text} for number, text in passages.items()]
    return dense(list(queries), asked, list(passages), found), bm25(queries, corpus)


def fixed(dense: fusion.Ranking, keyword: fusion.Ranking, share: float) -> float:
    return share


def shares() -> dict[str, fusion.Share]:
    """The weights to compare, by name."""
    rows: dict[str, fusion.Share] = {f"fixed {share}": partial(fixed, share=share) for share in (0.5, 0.6, 0.7, 0.8)}
    for spread, weights in ((0, (0.25, 0.35, 0.5)), (4, (0.7, 1.0, 1.3)), (8, (0.9, 1.2, 1.6, 2.0)), (16, (2.0, 3.0))):
        for weight in weights:
            share = partial(fusion.meaning_share, weight=weight, spread=float(spread))
            rows[f"spread {weight} / {spread}"] = share
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--code", type=Path, help="a folder of Python packages")
    parser.add_argument("--manuals", type=Path, help="a folder of Markdown and reStructuredText")
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--passages", type=int, default=6_000)
    options = parser.parse_args()
    embedder = InstructorEmbedder(options.checkpoint)
    names: list[str] = []
    scores: dict[str, list[float]] = {}
    for name, pairs in sources(options):
        names.append(name)
        queries, passages, relevant = search_of(pairs, options.queries, options.passages)
        by_meaning, by_words = rankings(embedder, queries, passages)
        runs = {"meaning": by_meaning, "words": by_words}
        for rule, share in shares().items():
            runs[rule] = fuse(by_meaning, by_words, share)
        for rule, run in runs.items():
            scores.setdefault(rule, []).append(100 * ranking(run, relevant)["ndcg_at_10"])
    report(names, scores)


def report(names: Sequence[str], scores: Mapping[str, Sequence[float]]) -> None:
    better = [max(sides) for sides in zip(scores["meaning"], scores["words"], strict=True)]
    print(" ".join([" " * 18, *(f"{name[:8]:>8}" for name in names), "    mean     lost"]))
    for rule, row in scores.items():
        lost = sum(max(0.0, best - score) for best, score in zip(better, row, strict=True))
        print(" ".join([f"{rule:18}", *(f"{score:8.1f}" for score in row), f"{sum(row) / len(row):8.2f} {lost:8.1f}"]))


if __name__ == "__main__":
    main()
