"""Vectors in the plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from openclaw_instructor.errors import InstructorError, InvalidArguments, MissingExtra
from openclaw_instructor.tasks import projection


def groups(count: int = 20) -> np.ndarray:
    generator = np.random.default_rng(0)
    centres = np.eye(3, 16) * 4
    return np.concatenate([centre + generator.normal(size=(count, 16)) * 0.2 for centre in centres]).astype(np.float32)


def apart(places: np.ndarray, count: int = 20) -> float:
    """The least distance of two groups' centres over the largest spread within one."""
    parts = [places[start : start + count] for start in range(0, len(places), count)]
    centres = [part.mean(axis=0) for part in parts]
    between = min(float(np.linalg.norm(a - b)) for i, a in enumerate(centres) for b in centres[:i])
    return between / max(float(part.std(axis=0).max()) for part in parts)


def test_principal_components_keep_groups_apart() -> None:
    places, share = projection.pca(groups())
    assert places.shape == (60, 2)
    assert apart(places) > 5
    assert 0.8 < share <= 1


def test_of_many_vectors_the_axes_are_those_of_all() -> None:
    generator = np.random.default_rng(1)
    many = (generator.normal(size=(40_000, 24)) * np.linspace(3, 0.5, 24) ** 2).astype(np.float32)
    places, share = projection.pca(many)
    centred = (many - many.mean(axis=0)).astype(np.float64)
    values, axes = np.linalg.eigh(centred.T @ centred)
    exact = centred @ axes[:, :-3:-1]
    for axis in (0, 1):
        assert abs(np.corrcoef(places[:, axis], exact[:, axis])[0, 1]) > 0.99
    assert share == pytest.approx(values[-2:].sum() / values.sum(), abs=1e-3)


def test_few_vectors_have_places_too() -> None:
    for count in (0, 1, 2):
        places, _ = projection.pca(np.ones((count, 4), np.float32))
        assert places.shape == (count, 2)
        assert np.isfinite(places).all()
    with pytest.raises(InvalidArguments, match="UMAP needs"):
        projection.umap(np.ones((2, 4), np.float32))


def test_umap_keeps_groups_apart() -> None:
    pytest.importorskip("fastumap")
    places = projection.umap(groups())
    assert places.shape == (60, 2)
    assert apart(places) > 3


UMAP = """
class UMAP:
    def __init__(self, **options):
        assert options["metric"] == "cosine"
    def fit_transform(self, vectors):
        return vectors[:, :2] * 2
"""


# The real one compiles itself for minutes where it never ran.
def test_umap_runs_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stand_in(name: str, code: str) -> None:
        # Each in a folder of its own: Python would take what it compiled of a file of the same size and second.
        folder = tmp_path / name
        folder.mkdir()
        (folder / "fastumap.py").write_text("raise ImportError")
        (folder / "umap.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(folder))

    stand_in("works", UMAP)
    np.testing.assert_array_equal(projection.umap(groups()), groups()[:, :2] * 2)
    stand_in("missing", "raise ImportError")
    with pytest.raises(MissingExtra, match=r"openclaw-instructor\[map\]"):
        projection.umap(groups())
    stand_in("fails", "raise MemoryError")
    with pytest.raises(InstructorError, match="use PCA"):
        projection.umap(groups())
    stand_in("hangs", "import time; time.sleep(100)")
    with pytest.raises(InvalidArguments, match="too long"):
        projection.umap(groups(), lambda: True)


def test_maps_are_turned_to_lie_alike() -> None:
    places, _ = projection.pca(groups())
    turned = places @ np.array([[0, -1], [-1, 0]], np.float32)
    back = projection.aligned(turned, places)
    np.testing.assert_allclose(back, places - places.mean(axis=0), atol=1e-4)
