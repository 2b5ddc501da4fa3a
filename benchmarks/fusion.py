"""How much words should count beside meaning in `search_docs`.

    pip install ".[train]"
    python benchmarks/fusion.py DATA/train --code PACKAGES --manuals PAGES [--checkpoint mini]

Pairs become searches: first texts are queries, each with its own second texts as the relevant passages among all
second texts. They are read from every file of DATA/pairs whose two sides are a question, a title or a claim and its
passage, from the questions of DATA/instructions that have their answer in a paragraph (once to find the paragraph, once
the sentence), from the functions of PACKAGES by their summary, docstrings taken out, and from the sections of PAGES by
their heading. The rows of the table are ways to weigh both rankings, fixed and by each query's spread
(`index/fusion.py`); the numbers are nDCG@10 x 100, then their mean with its standard error, what is lost to the better
of both sides where there is a loss, in sum, and on how many sets there is none. Most of these are texts that `mini` was
trained on; none is a test set.

These pairs flatter words: who wrote a title wrote its passage too, and a question about a paragraph was made with the
paragraph at hand. So the best weight of words here is an upper bound. The one in use, 2.4 / 8 with less the nearer a
vector is, was chosen on the seven retrieval sets of `docs/search.md`, where hybrid search is to lose nothing to its
better side.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from math import sqrt
from pathlib import Path
from statistics import fmean, variance

from openclaw_instructor.evaluate.datasets import read_rows
from openclaw_instructor.evaluate.embedders import InstructorEmbedder
from openclaw_instructor.evaluate.metrics import ranking
from openclaw_instructor.evaluate.rankings import FullText, Run, candidates, dense, fuse
from openclaw_instructor.index import fusion
from openclaw_instructor.train.distill.code import read_code
from openclaw_instructor.train.distill.manuals import read_manuals

QUESTION = "Represent the question for retrieving supporting documents: "
DOCUMENT = "Represent the document for retrieval: "
FILES = ["aeslc-subject-body", "climate-fever", "covid-faq", "docs-headings", "fetaqa", "pubmedqa", "scitldr"]
FILES += ["tldr-pages", "trecqa-train", "wikiqa-train"]
QUERY_WORDS, LONGEST = 3, 2_000
DOCSTRING = re.compile(r"\"\"\".*?\"\"\"|'''.*?'''", re.DOTALL)


QUESTION_FORMS = {
    "adversarial_qa_.*_based_on": re.compile(r"Question: (?P<question>.*?)\nContext: (?P<paragraph>.*)$", re.DOTALL),
    "sciq_Direct_Question": re.compile(r"paragraph: \s*(?P<paragraph>.*?)\s*Q: (?P<question>.*?)\s*A:", re.DOTALL),
}
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")

Pairs = list[tuple[str, str]]


def sources(options: argparse.Namespace) -> Iterator[tuple[str, Pairs]]:
    """Each search's name and (query, passage) pairs; passages without a query make it harder."""
    for name in FILES:
        path = options.data / "pairs" / f"{name}.jsonl.gz"
        if path.exists():
            yield name, [(row["a"], row["b"]) for row in read_rows(path, ("a", "b"))]
    questions = list(read_questions(options.data / "instructions" / "p3_t0.jsonl.gz"))
    yield "paragraphs", [(question, paragraph) for question, paragraph, _ in questions]
    yield "sentences", [pair for each in questions for pair in answering(*each)]
    if options.code:
        _, functions = read_code([options.code])
        yield "code", [(summary, DOCSTRING.sub("", source, count=1)) for summary, source in functions]
    if options.manuals:
        _, sections = read_manuals([options.manuals])
        yield "manuals", sections


def read_questions(path: Path) -> Iterator[tuple[str, str, str]]:
    """(question, paragraph, answer) of the prompts that hold all three."""
    for row in read_rows(path, ("task", "prompt", "completion")):
        for task, form in QUESTION_FORMS.items():
            if re.fullmatch(task, row["task"]) and (match := form.search(row["prompt"])):
                yield match["question"], " ".join(match["paragraph"].split()), row["completion"].strip().rstrip(".")


def answering(question: str, paragraph: str, answer: str) -> Pairs:
    """The paragraph's sentences, those with the answer beside the question."""
    sentences = [sentence for sentence in SENTENCE_END.split(paragraph) if len(sentence) > 20]
    return [(question if answer.lower() in sentence.lower() else "", sentence) for sentence in sentences]


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


def runs_of(embedder: InstructorEmbedder, queries: dict[str, str], passages: dict[str, str]) -> dict[str, Run]:
    """By meaning, by words, and by both under every rule."""
    asked = embedder.embed(list(queries.values()), QUESTION, "query").vectors
    found = embedder.embed(list(passages.values()), DOCUMENT, "document").vectors
    full_text = FullText([{"id": number, "text": text} for number, text in passages.items()])
    runs = {"meaning": dense(list(queries), asked, list(passages), found), "words": full_text.bm25(queries)}
    gathered = candidates(queries, asked, found, full_text)
    return runs | {name: fuse(gathered, full_text.documents, share) for name, share in shares().items()}


def fixed(dense: fusion.Ranking, keyword: fusion.Ranking, spread: fusion.Spread, share: float) -> float:
    return share


def shares() -> dict[str, fusion.Share]:
    """The weights to compare, by name."""
    rows: dict[str, fusion.Share] = {f"fixed {share}": partial(fixed, share=share) for share in (0.5, 0.6, 0.7, 0.8)}
    for spread, weights in ((4, (1.8, 2.7)), (8, (1.6, 2.0, 2.2, 2.4, 2.6, 2.8, 3.2, 3.6, 4.2)), (16, (4.5, 6.5))):
        for weight in weights:
            share = partial(fusion.meaning_share, weight=weight, keyword_std_offset=float(spread))
            rows[f"spread {weight} / {spread}"] = share
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder with `pairs` and `instructions`")
    parser.add_argument("--code", type=Path, help="a folder of Python packages")
    parser.add_argument("--manuals", type=Path, help="a folder of Markdown and reStructuredText")
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--queries", type=int, default=1_500)
    parser.add_argument("--passages", type=int, default=6_000)
    options = parser.parse_args()
    embedder = InstructorEmbedder(options.checkpoint)
    names: list[str] = []
    scores: dict[str, list[list[float]]] = {}
    for name, pairs in sources(options):
        names.append(name)
        queries, passages, relevant = search_of(pairs, options.queries, options.passages)
        for rule, run in runs_of(embedder, queries, passages).items():
            each = [ranking({query: run[query]}, {query: relevant[query]})["ndcg_at_10"] for query in queries]
            scores.setdefault(rule, []).append([100 * score for score in each])
    report(names, scores)


def report(names: Sequence[str], scores: Mapping[str, Sequence[Sequence[float]]]) -> None:
    means = {rule: [fmean(each) for each in sets] for rule, sets in scores.items()}
    better = [max(sides) for sides in zip(means["meaning"], means["words"], strict=True)]
    heads = ("mean", "error", "lost", "above")
    print(" ".join([" " * 18, *(f"{name[:8]:>8}" for name in names), *(f"{head:>6}" for head in heads)]))
    for rule, row in means.items():
        error = sqrt(sum(variance(each) / len(each) for each in scores[rule])) / len(row)
        lost = sum(max(0.0, best - score) for best, score in zip(better, row, strict=True))
        above = sum(score > best for best, score in zip(better, row, strict=True))
        figures = f"{fmean(row):6.2f} {error:6.2f} {lost:6.1f} {above:6}"
        print(" ".join([f"{rule:18}", *(f"{score:8.1f}" for score in row), figures]))


if __name__ == "__main__":
    main()
