"""Kind `cluster`: groups of texts, each named by its telling words and its most typical text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openclaw_instructor import distribution
from openclaw_instructor.errors import MissingExtra, UnreadableSource
from openclaw_instructor.registry.kinds.cluster import MOST_CLUSTERS
from openclaw_instructor.tasks import doubts
from openclaw_instructor.tasks.clustering import centres, cluster, components, find_clusters, plane
from openclaw_instructor.tasks.telling_words import telling_words, words_of
from openclaw_instructor.tasks.texts import Text, embed, read_texts, shortened

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openclaw_instructor.registry.kinds.cluster import ClusterTask
    from openclaw_instructor.tasks.clustering import Clustering
    from openclaw_instructor.tasks.runners import Resources

_WORDS, _IN_NAME = 5, 3
_MARKERS, _LEGEND = "os^Dvp*<>h", 30
# A mean silhouette below which clusters are hardly apart.
_WEAK = 0.1


def run(task: ClusterTask, arguments: Mapping[str, Any], resources: Resources) -> dict[str, Any]:
    """Sort `texts` into `k` clusters, or into as many as lie apart best, the largest first.

    Each has its `size`, `words` that are frequent in it and rare elsewhere, the `medoid`, which is the text nearest to
    its centre, and `members` with their cosine to the centre as `score`. `silhouette` (-1 to 1) is how far apart they
    lie. With `points`, `assigned` and `points` hold the cluster and the place of each given text.
    """
    engine = resources.engine
    texts, notes = read_texts(arguments["texts"])
    embedded = embed(engine, [text.text for text in texts], task.instruction("text", engine.checkpoint_name))
    notes += embedded.notes
    language = doubts.of_language([text.text for text in texts], engine.checkpoint_name)
    if language:
        notes.append(f"the texts seem to be in another language than English ({language}), not read by this checkpoint")
    answer: dict[str, Any] = {"clusters": [], "count": 0, "texts": len(texts)}
    if texts:
        k = arguments.get("k", task.k)
        rows = components(embedded.vectors, k or 0)
        found = find_clusters(rows, MOST_CLUSTERS) if k is None else cluster(rows, k)
        answer["clusters"] = _shown(texts, embedded.vectors, found, arguments.get("members", 5))
        answer |= {"count": found.count, "silhouette": round(found.silhouette, 4)}
        notes += _notes(found, k, len(texts))
        if arguments.get("points"):
            answer |= _points(len(arguments["texts"]), texts, rows, found)
    return answer | {"truncated": embedded.truncated, "task": task.name, "notes": notes}


def plot(result: Mapping[str, Any], path: Path) -> None:
    """Draw a result that has `points` as a PNG. Raises MissingExtra without matplotlib, and UnreadableSource."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra(f"plots need matplotlib; run: {distribution.pip_line('plot')}") from None
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    for each in result["clusters"]:
        own = [
            point
            for point, number in zip(result["points"], result["assigned"], strict=True)
            if number == each["cluster"]
        ]
        # A dollar sign would begin a formula.
        label = f"{each['cluster']}: {each['name'][:40]} ({each['size']})".replace("$", r"\$")
        # Colours come again after ten, and so many names fit beside the picture.
        marker = _MARKERS[(each["cluster"] - 1) // 10 % len(_MARKERS)]
        shown = label if each["cluster"] <= _LEGEND else None
        axes.scatter([x for x, _ in own], [y for _, y in own], s=14, marker=marker, label=shown)
        x, y = (sum(values) / len(own) for values in zip(*own, strict=True))
        axes.annotate(str(each["cluster"]), (x, y), weight="bold")
    axes.set(xticks=[], yticks=[], title=f"{result['texts']} texts, silhouette {result.get('silhouette', 0):.2f}")
    figure.legend(loc="outside right upper", fontsize=7)
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise UnreadableSource(f"{path}: cannot be written ({error.strerror}); choose another place") from None


def _notes(found: Clustering, k: int | None, texts: int) -> list[str]:
    notes = []
    if k is not None and found.count < k:
        notes.append(f"there are {found.count} clusters: the texts do not part into more")
    if k is None and found.count == 1:
        notes.append(f"{texts} text(s) are too few to find clusters; give `k` to have them parted")
    if found.count > 1 and found.silhouette < _WEAK:
        notes.append("the clusters are hardly apart (silhouette below 0.1): the texts run into one another")
    return notes


def _shown(
    texts: Sequence[Text], vectors: NDArray[np.float32], found: Clustering, members: int
) -> list[dict[str, Any]]:
    scores = np.einsum("ij,ij->i", vectors, centres(vectors, found.labels, found.count)[found.labels])
    words = [words_of(text.text) for text in texts]
    everywhere = Counter(word for each in words for word in each)
    shown = []
    for label in range(found.count):
        rows = np.flatnonzero(found.labels == label)
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        telling = telling_words([words[row] for row in rows], everywhere, len(texts), _WORDS)
        medoid = texts[rows[0]]
        shown.append(
            {
                "cluster": label + 1,
                "size": len(rows),
                "name": ", ".join(telling[:_IN_NAME]) or shortened(medoid.text),
                "words": telling,
                "medoid": medoid.named(short=True),
                "cohesion": round(float(scores[rows].mean()), 4),
                "members": [
                    {**texts[row].named(short=True), "score": round(float(scores[row]), 4)} for row in rows[:members]
                ],
            }
        )
    return shown


def _points(given: int, texts: Sequence[Text], rows: NDArray[np.float64], found: Clustering) -> dict[str, Any]:
    """Return the cluster of each given text, null for an empty one, and its place."""
    assigned: list[int | None] = [None] * given
    points: list[list[float] | None] = [None] * given
    for text, label, place in zip(texts, found.labels, plane(rows, found.labels, found.count), strict=True):
        assigned[text.index], points[text.index] = int(label) + 1, [round(float(part), 4) for part in place]
    return {"assigned": assigned, "points": points}
