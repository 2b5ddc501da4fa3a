"""Vectors as points of a plane: principal components at once, UMAP in a child process for near neighbours."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from openclaw_instructor import distribution
from openclaw_instructor.errors import InstructorError, InvalidArguments, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

UMAP_SECONDS = 600.0
_LEAST = 5
_SAMPLE = 16_384
# Directions that are iterated together, so that the first two of them are found soon, and how often.
_BLOCK, _ROUNDS = 16, 30
_MISSING = 3
# Loads what UMAP needs outside of the daemon, which can end it. umap-learn is the same method; it compiles itself.
_UMAP = """
import io, sys, warnings
warnings.filterwarnings("ignore")
import numpy as np
vectors = np.load(io.BytesIO(sys.stdin.buffer.read()))
neighbours = min(15, len(vectors) - 1)
try:
    import fastumap
except ImportError:
    try:
        import umap
    except ImportError:
        sys.exit(3)
    init = "spectral" if len(vectors) > 50 else "random"
    method = umap.UMAP(n_neighbors=neighbours, metric="cosine", init=init, random_state=0, n_jobs=1)
    places = method.fit_transform(vectors)
else:
    places = fastumap.umap_project(vectors, 2, n_neighbors=neighbours, metric="cosine", random_state=0)
content = io.BytesIO()
# numpy writes straight to a file, which fails on a pipe.
np.save(content, places.astype(np.float32))
sys.stdout.buffer.write(content.getvalue())
"""


def pca(vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Project vectors (n, dim) onto their first two principal components (n, 2); also the share of variance there.

    The axes are those of at most _SAMPLE rows, drawn evenly, found by subspace iteration: of more rows than that a
    sample has the same ones within what can be seen, in a small part of the time. The share is that of all rows.
    Source: Halko, Martinsson, Tropp 2011, https://arxiv.org/abs/0909.4061
    """
    if len(vectors) < 2:
        return np.zeros((len(vectors), 2), np.float32), 0.0
    centred = vectors - vectors.mean(axis=0)
    places = np.asarray(centred @ _axes(centred[:: -(-len(centred) // _SAMPLE)]), np.float32)
    share = float((places.astype(np.float64) ** 2).sum() / max(float(np.vdot(centred, centred)), 1e-12))
    return places, share


def _axes(centred: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the two directions (dim, 2) of the largest variance."""
    products = centred.T @ centred
    width = min(_BLOCK, len(products))
    block = np.linalg.qr(np.random.default_rng(0).normal(size=(len(products), width)).astype(np.float32))[0]
    for _ in range(_ROUNDS):
        block = np.linalg.qr(products @ block)[0]
    values, within = np.linalg.eigh(block.T @ products @ block)
    return np.asarray(block @ within[:, np.argsort(-values)[:2]], np.float32)


def umap(vectors: NDArray[np.float32], is_cancelled: Callable[[], bool] = lambda: False) -> NDArray[np.float32]:
    """Lay vectors (n, dim) out by UMAP (n, 2), in a child process that ends when the work is cancelled.

    Raises MissingExtra without the extra `map`, and InvalidArguments for too few vectors.
    Source: McInnes, Healy, Melville 2018, https://arxiv.org/abs/1802.03426
    """
    if len(vectors) < _LEAST:
        raise InvalidArguments(f"there are {len(vectors)} texts, and UMAP needs {_LEAST}; use PCA")
    content = io.BytesIO()
    np.save(content, vectors)
    command = [sys.executable, "-c", _UMAP]
    deadline = time.monotonic() + UMAP_SECONDS
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        try:
            given: bytes | None = content.getvalue()
            while True:
                try:
                    output, _ = child.communicate(given, timeout=0.5)
                    break
                except subprocess.TimeoutExpired:
                    given = None
                    if is_cancelled() or time.monotonic() > deadline:
                        raise InvalidArguments("the map took too long; ask for fewer points, or for PCA") from None
        finally:
            child.kill()
    if child.returncode == _MISSING:
        raise MissingExtra(f"this map needs UMAP; run: {distribution.pip_line('map')}")
    if child.returncode:
        raise InstructorError(f"UMAP ended with status {child.returncode}; use PCA, or fewer points")
    return np.asarray(np.load(io.BytesIO(output)), np.float32)


def aligned(places: NDArray[np.float32], to: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn and mirror places (n, 2) so that they lie as near as can be to others of the same texts (n, 2)."""
    left, right = places - places.mean(axis=0), to - to.mean(axis=0)
    u, _, v = np.linalg.svd(left.T @ right)
    return np.asarray(left @ (u @ v), np.float32)
