"""Make prompt-retrieval sets of rows with any fields: a template writes the input, another the output.

    python -m openclaw_instructor.evaluate.prompts sst5/train.jsonl sst5/test.jsonl data/sst5
        --input "How do you feel about the following sentence? {text}" --output "{label_text}"
    openclaw-instructor evaluate data --kind prompt-retrieval

POOL and TEST are JSONL, or JSON whose rows are a list or stand under `Instances` (Super-NaturalInstructions). With one
file for both, the test rows are drawn first and are not in the pool. The sizes are those of Su et al., "Selective
Annotation Makes Language Models Better Few-Shot Learners", ICLR 2023.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate.datasets import Row, read_rows

_SEED = 0


def rows_of(path: Path) -> list[Row]:
    """Read the rows of a file. Raises InvalidData."""
    if path.suffix != ".json":
        return list(read_rows(path))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidData(f"{path}: cannot be read as JSON ({error})") from None
    rows = content.get("Instances") if isinstance(content, dict) else content
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidData(f"{path}: must be a list of objects, or have them under `Instances`")
    return rows


def written(row: Mapping[str, Any], template: str, where: str) -> str:
    """Fill a template with the fields of a row; `{output[0]}` is the first of a list. Raises InvalidData."""
    try:
        return template.format_map(dict(row))
    except (KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
        raise InvalidData(f"{where}: {template!r} cannot be filled ({error}); it has {', '.join(row)}") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the set, as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--input", required=True, help="template of the input, such as 'title: {title}'")
    parser.add_argument("--output", required=True, help="template of the output, such as '{label}'")
    parser.add_argument("--labels", nargs="*", default=[], metavar="OUTPUT=WORD", help="what an output is called")
    parser.add_argument("--pool-size", type=int, default=3_000)
    parser.add_argument("--test-size", type=int, default=256)
    options = parser.parse_args(arguments)
    names = dict(label.split("=", 1) for label in options.labels)
    draw = random.Random(_SEED)  # noqa: S311
    tests = rows_of(options.test)
    chosen = draw.sample(range(len(tests)), min(options.test_size, len(tests)))
    drawn = set(chosen)
    same = options.pool == options.test
    pool = [row for number, row in enumerate(tests) if number not in drawn] if same else rows_of(options.pool)
    parts = {
        "pool": (options.pool, draw.sample(pool, min(options.pool_size, len(pool)))),
        "test": (options.test, [tests[number] for number in chosen]),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    for name, (path, rows) in parts.items():
        lines = []
        for row in rows:
            output = written(row, options.output, str(path))
            made = {"input": written(row, options.input, str(path)), "output": names.get(output, output)}
            lines.append(f"{json.dumps(made, ensure_ascii=False)}\n")
        (options.out / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        sys.stdout.write(f"{name}: {len(lines)} rows\n")


if __name__ == "__main__":
    main()
