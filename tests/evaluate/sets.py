"""Small data sets of every kind in the folder layout, about three subjects that share few words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

SUBJECTS = {
    "garden": ["roses need water in the morning", "plant tulips before the first frost", "prune the hedge in autumn"],
    "kitchen": ["knead the dough for ten minutes", "simmer the soup over low heat", "grate cheese over the pasta"],
    "harbour": ["the ferry leaves the pier at noon", "moor the boat with two ropes", "the tide lifts the ships"],
}


def write(folder: Path) -> Path:
    """Fill `folder` with one data set of each kind, gzip-compressed and plain."""
    texts = [{"text": text, "label": subject} for subject, all_ in SUBJECTS.items() for text in all_]
    jsonl(folder / "classification/subjects/train.jsonl.gz", texts)
    jsonl(folder / "classification/subjects/test.jsonl", [row | {"text": row["text"] + " today"} for row in texts])
    jsonl(folder / "clustering/subjects.jsonl", texts)
    same = [(all_[0], all_[0] + " indeed", 5.0) for all_ in SUBJECTS.values()]
    other = [(SUBJECTS["garden"][0], SUBJECTS["harbour"][i], 0.5) for i in range(3)]
    jsonl(folder / "sts/alike.jsonl.gz", [{"s1": a, "s2": b, "score": s} for a, b, s in same + other])
    pairs = [{"s1": a, "s2": b, "label": int(s > 2)} for a, b, s in same + other]
    jsonl(folder / "pair-classification/alike.jsonl", pairs)
    candidates = [text for all_ in SUBJECTS.values() for text in all_]
    ranked = [
        {"query": text + " now", "positive": [text], "negative": [c for c in candidates if c != text]}
        for text in candidates
    ]
    jsonl(folder / "reranking/again.jsonl", ranked)
    jsonl(
        folder / "text-evaluation/again.jsonl", [{"hypothesis": a, "references": [b], "score": s} for a, b, s in same]
    )
    examples = [{"input": text, "output": subject} for subject, all_ in SUBJECTS.items() for text in all_]
    jsonl(folder / "prompt-retrieval/subjects/pool.jsonl", examples)
    jsonl(folder / "prompt-retrieval/subjects/test.jsonl", [row | {"input": f"{row['input']} now"} for row in examples])
    corpus = [{"id": str(i), "title": "", "text": text} for i, text in enumerate(candidates)]
    jsonl(folder / "retrieval/again/corpus.jsonl.gz", corpus)
    jsonl(folder / "retrieval/again/queries.jsonl", [{"id": f"q{i}", "text": t} for i, t in enumerate(candidates)])
    (folder / "retrieval/again/qrels.tsv").write_text("".join(f"q{i}\t{i}\t1\n" for i in range(len(candidates))))
    asked = [
        {"id": f"q{i}", "text": "what now", "instruction": f"Represent the question for finding: {text}"}
        for i, text in enumerate(candidates[:2])
    ]
    jsonl(folder / "instruction-retrieval/again/corpus.jsonl", corpus)
    jsonl(folder / "instruction-retrieval/again/instructed.jsonl", asked)
    (folder / "instruction-retrieval/again/qrels.tsv").write_text("q0\t0\t1\nq1\t1\t1\n")
    return folder


def jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path
