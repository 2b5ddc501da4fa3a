"""Human scores against the closest reference, on angles in a plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor.errors import InvalidData
from openclaw_instructor.evaluate import evaluate
from tests.evaluate import sets
from tests.evaluate.planes import Planes

# The angles to the closest references are 0, 60 and 30 degrees.
ROWS = [
    {"hypothesis": "0", "references": ["90", "0"], "score": 5},
    {"hypothesis": "120", "references": ["60"], "score": 1},
    {"hypothesis": "30", "references": ["120", "60", "150"], "score": 2},
]


def test_the_closest_reference_counts(tmp_path: Path) -> None:
    sets.jsonl(tmp_path / "captions.jsonl", ROWS)
    (result,) = evaluate(tmp_path, [Planes()]).results
    assert (result.kind, result.main) == ("text-evaluation", "cosine_spearman")
    closest = np.cos(np.radians([0, 60, 30]))
    assert result.metrics["cosine_spearman"] == pytest.approx(1.0)
    assert result.metrics["cosine_pearson"] == pytest.approx(np.corrcoef(closest, [5, 1, 2])[0, 1], abs=1e-6)


def test_ranks_count_and_not_distances(tmp_path: Path) -> None:
    rows = [row | {"score": score} for row, score in zip(ROWS, (1, 3, 2), strict=True)]
    sets.jsonl(tmp_path / "captions.jsonl", rows)
    # Cosines 1, 0.5, 0.87 have ranks 3, 1, 2; the scores 1, 3, 2.
    assert evaluate(tmp_path, [Planes()]).results[0].score == pytest.approx(-1.0)


def test_what_has_no_reference_is_left_out(tmp_path: Path) -> None:
    sets.jsonl(tmp_path / "captions.jsonl", [*ROWS, {"hypothesis": "0", "references": [], "score": 0}])
    assert evaluate(tmp_path, [Planes()]).results[0].score == pytest.approx(1.0)


def test_a_score_that_is_no_number_is_refused(tmp_path: Path) -> None:
    path = sets.jsonl(tmp_path / "captions.jsonl", [*ROWS, ROWS[0] | {"score": "good"}])
    with pytest.raises(InvalidData, match=f"{path}:4: field `score`"):
        evaluate(tmp_path, [Planes()])
