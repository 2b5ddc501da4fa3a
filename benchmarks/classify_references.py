"""Other people's classifiers, as reference lines of `classify.py heads`: semantic-router and SetFit.

semantic-router gets the embeddings of the run, SetFit a folder with a sentence-transformers model that it trains. Both
are to be installed where the benchmark runs (pip install setfit semantic-router); neither is needed by the project.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.intp]


def semantic_router(
    examples: NDArray[np.floating], owner: Places, labels: Sequence[str], tested: NDArray[np.floating]
) -> Places:
    """Return the labels that an `IndexedRouter` with its defaults gives (the mean of the five nearest examples)."""
    from semantic_router import IndexedRouter, Route
    from semantic_router.encoders import DenseEncoder

    vectors = {f"e{place}": vector for place, vector in enumerate(examples)}
    vectors |= {f"t{place}": vector for place, vector in enumerate(tested)}

    class Known(DenseEncoder):  # type: ignore[misc]  # untyped where it is not installed
        name: str = "known"

        def __call__(self, docs: list[Any]) -> list[list[float]]:
            return [vectors[doc].tolist() for doc in docs]

    routes = [
        Route(name=str(label), utterances=[f"e{place}" for place in np.flatnonzero(owner == label)])
        for label in range(len(labels))
    ]
    router = IndexedRouter(encoder=Known(), routes=[route for route in routes if route.utterances])
    return np.array([int(router(f"t{place}").name or 0) for place in range(len(tested))])


def setfit(model: Path, texts: Sequence[str], owner: Places, tested: Sequence[str], iterations: int = 20) -> Places:
    """Return the labels of a SetFit model that is trained from `model`, with 20 pairs of each kind a text."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    trained = SetFitModel.from_pretrained(str(model), local_files_only=True)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_iterations=iterations,
            num_epochs=1,
            batch_size=16,
            report_to="none",
            save_strategy="no",
            show_progress_bar=False,
        )
        rows = Dataset.from_dict({"text": list(texts), "label": [int(label) for label in owner]})
        Trainer(model=trained, args=arguments, train_dataset=rows).train()
    return np.asarray(trained.predict(list(tested), show_progress_bar=False), dtype=np.intp)
