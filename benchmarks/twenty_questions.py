"""Twenty questions to a person's files: is the right one among the first three?

    pip install ".[dev]"
    python benchmarks/twenty_questions.py [--checkpoint mini] [--keep FOLDER] [--json]

Makes a home folder (`personal_files.py`): a Maildir and an mbox, PDFs, an Obsidian vault, Office files and two
repositories in Python and TypeScript. It is added to the index as one collection with the settings of a new user, and
the questions of `twenty_questions/questions.yaml` are asked with `search_docs`. They and the files that answer them
were written down before search was worked on. The aim is 18 of 20. What the index left out is counted by its reason.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import personal_files

from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings

COLLECTION, DEPTH, AIM = "docs", 3, 18
SHOWN = 10


@dataclass(frozen=True)
class Answer:
    """One question and what was found; `rank` is the place of the right file, None when it isn't among the hits."""

    question: str
    kind: str
    expect: str
    rank: int | None
    first: str | None
    notes: list[str]

    @property
    def right(self) -> bool:
        return self.rank is not None and self.rank <= DEPTH


def ask(toolbox: Toolbox, files: Path, question: dict[str, str]) -> Answer:
    """Ask one question and look for the hit that answers it, in the order of the hits."""
    result = toolbox.run("search_docs", {"query": question["question"], "top_k": SHOWN})
    places = [_relative(hit["file"], files) for hit in result["hits"]]
    phrase = question.get("contains", "").casefold()
    right = [
        place == question["expect"] and phrase in json.dumps(hit, ensure_ascii=False).casefold()
        for place, hit in zip(places, result["hits"], strict=True)
    ]
    rank = right.index(True) + 1 if True in right else None
    first = places[0] if places else None
    return Answer(question["question"], question["kind"], question["expect"], rank, first, result["notes"])


def _relative(file: str, files: Path) -> str:
    path = Path(file)
    return path.relative_to(files).as_posix() if path.is_relative_to(files) else file


def measure(folder: Path, checkpoint: str) -> dict[str, Any]:
    """Make the files below `folder`, index them and ask everything."""
    files, home = folder / "files", folder / "home"
    written = personal_files.write(files)
    with Toolbox(settings=Settings.load(home, checkpoint=checkpoint, load_wait=600)) as toolbox:
        toolbox.index_add(COLLECTION, [files])
        synced = toolbox.index_sync(COLLECTION).collections[0]
        answers = [ask(toolbox, files, question) for question in personal_files.texts("questions")]
    return {
        "checkpoint": checkpoint,
        "files": written,
        "indexed": synced.added,
        "skipped": dict(Counter(re.sub(r"\d+", "N", reason) for _, reason in synced.skipped).most_common()),
        "right": sum(answer.right for answer in answers),
        "questions": [asdict(answer) | {"right": answer.right} for answer in answers],
    }


def show(results: dict[str, Any]) -> None:
    """Print one line for each question, then the sum."""
    for entry in results["questions"]:
        found = "-" if entry["rank"] is None else entry["rank"]
        sign = "ok " if entry["right"] else "no "
        print(f"{sign}{found:>3}  {entry['kind']:8}{entry['question']}")
        if not entry["right"]:
            print(f"{'':16}expected {entry['expect']}\n{'':16}first    {entry['first']}")
    print(f"\n{results['indexed']} of {results['files']} files indexed")
    for reason, count in results["skipped"].items():
        print(f"  {count} skipped: {reason}")
    print(f"{results['right']} of {len(results['questions'])} in the top {DEPTH} (aim: {AIM})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the files in this new folder and leave them")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the list")
    options = parser.parse_args()
    folder = (options.keep or Path(tempfile.mkdtemp(prefix="twenty-questions-"))).absolute()
    try:
        results = measure(folder, options.checkpoint)
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(results, indent=1, ensure_ascii=False)) if options.json else show(results)


if __name__ == "__main__":
    main()
