"""Whether code is found better in pieces of its syntax than in windows of lines.

    pip install ".[dev]"
    python benchmarks/code_chunks.py [--checkpoint mini] [--files 5] [--queries 20]

Up to FILES modules of each of 30 packages, half of the standard library, half of those that this project needs, are
stripped of all docstrings and cut in each of the ways of the table. Up to QUERIES functions and classes of a package
are then looked for by the first sentence of the docstring that they had, under the instructions of `search_docs`, by
vectors alone. A passage is right when it holds the line of the definition's `def` or `class`, whatever else it holds:
that favours long and overlapping passages. The columns are nDCG@10 and MRR@10 x 100 with the standard error, how many
passages there are, their mean tokens, and of the first row the mean difference with its error. Modules and queries are
a fixed sample, so that a run takes a few minutes on two cores.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import random
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import log2, sqrt
from pathlib import Path, PurePath
from statistics import fmean, stdev

import numpy as np

from openclaw_instructor import INSTRUCTOR
from openclaw_instructor.documents.chunking import Chunk, Chunker
from openclaw_instructor.documents.document import Document
from openclaw_instructor.documents.readers import source_code, text

QUERY = "Represent the question for retrieving supporting documents: "
DOCUMENT = "Represent the document for retrieval: "
PACKAGES = (
    *("asyncio", "collections", "concurrent", "ctypes", "email", "html", "http", "importlib", "json", "logging"),
    *("multiprocessing", "sqlite3", "unittest", "urllib", "xml", "anyio", "click", "httpcore", "httpx"),
    *("huggingface_hub", "jsonschema", "mcp", "numpy", "pathspec", "platformdirs", "prometheus_client", "pydantic"),
    *("rich", "starlette", "uvicorn"),
)
FEWEST_WORDS, DEPTH = 5, 10
MODULE_BYTES = range(3_000, 20_000)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n\s*\n")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Passage = tuple[int, int, str]
Cut = Callable[[str, str], list[Passage]]


@dataclass(frozen=True)
class Module:
    """Source without docstrings, by its path, and (line, first sentence of the docstring) of what had one."""

    name: str
    source: str
    described: list[tuple[int, str]]


def modules(package: str, limit: int, chance: random.Random) -> Iterator[Module]:
    """A sample of the modules of an installed package that have docstrings."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations or []) if spec else []
    files = sorted(path for folder in folders for path in Path(folder).rglob("*.py") if "test" not in str(path).lower())
    chance.shuffle(files)
    found = 0
    for path in files:
        module = stripped(path) if path.stat().st_size in MODULE_BYTES else None
        if module is not None and module.described:
            yield module
            found += 1
        if found == limit:
            return


def stripped(path: Path) -> Module | None:
    """The module without its docstrings; None where it is no valid Python afterwards."""
    source = path.read_text(encoding="utf-8", errors="replace")
    lines: list[str | None] = list(source.split("\n"))
    try:
        before = definitions(source)
        found = [docstring_of(node) for node in before]
        for docstring, alone in [each for each in found if each is not None]:
            first, last = docstring.lineno - 1, docstring.end_lineno or docstring.lineno
            head = (lines[first] or "").encode()[: docstring.col_offset].decode()
            if head.strip():
                return None
            lines[first:last] = [f"{head}..." if alone else None] + [None] * (last - first - 1)
        bare = "\n".join(line for line in lines if line is not None)
        after = definitions(bare)
    except (SyntaxError, ValueError):
        return None
    if len(after) != len(before):
        return None
    described = []
    for old, new in zip(before, after, strict=True):
        sentence = first_sentence(old)
        if isinstance(new, Definition) and len(sentence.split()) >= FEWEST_WORDS and new.end_lineno != new.lineno + 1:
            described.append((new.lineno, sentence))
    return Module(str(path), bare, described)


def definitions(source: str) -> list[ast.Module | Definition]:
    """The module and all definitions in it, in the order of a walk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    return [node for node in ast.walk(tree) if isinstance(node, ast.Module | Definition)]


def docstring_of(node: ast.Module | Definition) -> tuple[ast.Expr, bool] | None:
    """(the docstring's statement, whether it is the whole body)."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first, len(node.body) == 1
    return None


def first_sentence(node: ast.Module | Definition) -> str:
    """The first sentence of the docstring on one line; empty without one."""
    docstring = ast.get_docstring(node) or ""
    return " ".join(_SENTENCE_END.split(docstring.strip(), maxsplit=1)[0].split())


def windows(size: int, overlap: int) -> Cut:
    """Windows of `size` lines, of which `overlap` are those of the window before."""

    def cut(source: str, _: str) -> list[Passage]:
        lines = source.split("\n")
        starts = range(0, max(1, len(lines) - overlap), size - overlap)
        passages = ((start + 1, lines[start : start + size]) for start in starts)
        return [(first, first + len(part) - 1, "\n".join(part)) for first, part in passages if "".join(part).strip()]

    return cut


def chunked(read: Callable[[bytes, PurePath], Document], chunker: Chunker, headings: bool = True) -> Cut:
    """The chunks of what a reader makes of the source; `headings` False keeps its cuts without its headings."""

    def cut(source: str, name: str) -> list[Passage]:
        document = read(source.encode(), PurePath(name))
        if not headings:
            bare = [replace(block, heading="", heading_words="") for block in document.blocks]
            document = replace(document, blocks=bare)
        chunks: list[Chunk] = chunker.split(document)
        return [(chunk.first, chunk.last, chunk.embedded) for chunk in chunks]

    return cut


def gains(ranks: Sequence[int | None]) -> tuple[list[float], list[float]]:
    """nDCG@10 and the reciprocal rank of each query, x 100; a rank counts from 1."""
    near = [rank if rank is not None and rank <= DEPTH else None for rank in ranks]
    return [100 / log2(rank + 1) if rank else 0.0 for rank in near], [100 / rank if rank else 0.0 for rank in near]


def ranks(
    model: INSTRUCTOR, passages: Sequence[tuple[str, int, int, str]], asked: Sequence[tuple[str, int, str]]
) -> list[int | None]:
    """The rank of the first right passage for each (module, line, sentence)."""
    found = model.encode([[DOCUMENT, text] for *_, text in passages], batch_size=64, normalize_embeddings=True)
    queries = model.encode([[QUERY, sentence] for *_, sentence in asked], batch_size=64, normalize_embeddings=True)
    of_module: dict[str, list[int]] = {}
    for number, (name, *_) in enumerate(passages):
        of_module.setdefault(name, []).append(number)
    result: list[int | None] = []
    for (name, line, _), scores in zip(asked, np.asarray(queries) @ np.asarray(found).T, strict=True):
        right = [number for number in of_module[name] if passages[number][1] <= line <= passages[number][2]]
        result.append(1 + int((scores > scores[right].max()).sum()) if right else None)
    return result


def error(values: Sequence[float]) -> float:
    return stdev(values) / sqrt(len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--files", type=int, default=5, help="modules of each package")
    parser.add_argument("--queries", type=int, default=20, help="definitions of each package")
    options = parser.parse_args()
    chance = random.Random(31)
    sample: list[Module] = []
    asked: list[tuple[str, int, str]] = []
    for package in PACKAGES:
        some = list(modules(package, options.files, chance))
        described = [(module.name, line, sentence) for module in some for line, sentence in module.described]
        sample += some
        asked += chance.sample(described, min(options.queries, len(described)))
    sentences = [sentence for *_, sentence in asked]
    asked = [query for query in asked if sentences.count(query[2]) == 1]
    print(f"{len(sample)} modules of {len(PACKAGES)} packages, {len(asked)} definitions")
    model = INSTRUCTOR(options.checkpoint)
    chunker = Chunker(model.prompter.count, model.prompter.room(DOCUMENT), "")
    ways = {
        "windows of 40 lines, 10 overlap": windows(40, 10),
        "blank lines": chunked(text.read, chunker),
        "syntax, without scopes and names": chunked(source_code.read, chunker, headings=False),
        "syntax": chunked(source_code.read, chunker),
    }
    print("| passages | nDCG@10 | MRR@10 | difference | passages | tokens |\n| --- | --- | --- | --- | --- | --- |")
    first: list[float] = []
    for name, cut in ways.items():
        passages = [(module.name, *passage) for module in sample for passage in cut(module.source, module.name)]
        ndcg, reciprocal = gains(ranks(model, passages, asked))
        first = first or ndcg
        apart = [a - b for a, b in zip(ndcg, first, strict=True)]
        tokens = fmean(model.prompter.count([text for *_, text in passages]))
        print(
            f"| {name} | {fmean(ndcg):.1f} ± {error(ndcg):.1f} | {fmean(reciprocal):.1f} | "
            f"{fmean(apart):+.1f} ± {error(apart):.1f} | {len(passages):,} | {tokens:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
