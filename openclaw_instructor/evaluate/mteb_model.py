"""Wrap a checkpoint as an `mteb` model, each benchmark task under its own instruction.

    import mteb
    from openclaw_instructor.evaluate.mteb_model import MtebModel

    model = MtebModel("hkunlp/instructor-base")             # or "mini", or a checkpoint folder
    tasks = mteb.get_tasks(tasks=["Banking77Classification", "STSBenchmark"])
    mteb.evaluate(model, tasks)

or, for tasks of the English benchmark of 56, as the paper of INSTRUCTOR measures them:

    python -m openclaw_instructor.evaluate.mteb_model Banking77Classification STSBenchmark --checkpoint mini

Needs the extra `mteb`. The instructions are those of `instructions.yaml` beside
this file, matched by task name and then by task type; give a file of the same form to use others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.evaluate.embedders import InstructorEmbedder
from openclaw_instructor.evaluate.extras import need
from openclaw_instructor.evaluate.instructions import Instructions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from openclaw_instructor.model.instructor import INSTRUCTOR

# The type of an mteb task -> our kind, which decides the instruction where no data set has its own.
KINDS = {
    "Classification": "classification",
    "MultilabelClassification": "classification",
    "Clustering": "clustering",
    "PairClassification": "pair-classification",
    "Reranking": "reranking",
    "InstructionReranking": "reranking",
    "Retrieval": "retrieval",
    "InstructionRetrieval": "retrieval",
    "STS": "sts",
    "BitextMining": "sts",
    "Summarization": "sts",
}


class MtebModel:
    """Implements `mteb.models.EncoderProtocol`. Raises MissingExtra where mteb is not installed."""

    def __init__(
        self,
        model_name: str | Path | INSTRUCTOR = "mini",
        revision: str | None = None,
        *,
        device: str | None = None,
        dtype: str = "auto",
        instructions: str | Path | None = None,
        **kwargs: Any,
    ) -> None:
        meta = need("mteb.models.model_meta", "mteb").ModelMeta
        self.embedder = InstructorEmbedder(model_name, device=device, dtype=dtype, revision=revision)
        self.instructions = Instructions.load(instructions)
        checkpoint = self.embedder.model.checkpoint
        name = self.embedder.name if "/" in self.embedder.name else f"openclaw-instructor/{self.embedder.name}"
        self.mteb_model_meta = meta.create_empty(
            {
                "name": "/".join(Path(name).parts[-2:]),
                "revision": checkpoint.revision or checkpoint.identity,
                "embed_dim": checkpoint.dimension,
                "max_tokens": checkpoint.max_seq_length,
                "n_parameters": checkpoint.parameters,
                "framework": ["PyTorch"],
                "similarity_fn_name": "cosine",
                "use_instructions": True,
            }
        )

    def encode(
        self,
        inputs: Iterable[dict[str, Any]],
        *,
        task_metadata: Any,
        hf_split: str = "",
        hf_subset: str = "",
        prompt_type: Any = None,
        **kwargs: Any,
    ) -> NDArray[np.float32]:
        """Embed the batches' `text` as (n, dimension), under the task's instruction."""
        texts = [text for batch in inputs for text in batch["text"]]
        kind = KINDS.get(task_metadata.type, "sts")
        # Only retrieval distinguishes queries and documents.
        role = str(getattr(prompt_type, "value", prompt_type)) if kind in ("retrieval", "reranking") else "text"
        instruction = self.instructions.of(task_metadata.name, kind, role)
        return self.embedder.embed(texts, instruction, role).vectors

    def similarity(self, embeddings1: Any, embeddings2: Any) -> NDArray[np.float32]:
        """Compute the cosine of every pair (n, m)."""
        product: NDArray[np.float32] = np.asarray(_unit(embeddings1) @ _unit(embeddings2).T)
        return product

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> NDArray[np.float32]:
        """Compute the cosine of corresponding rows (n,)."""
        product: NDArray[np.float32] = (_unit(embeddings1) * _unit(embeddings2)).sum(axis=-1)
        return product


def _unit(vectors: Any) -> NDArray[np.float32]:
    array = np.asarray(vectors, dtype=np.float32)
    unit: NDArray[np.float32] = array / np.maximum(np.linalg.norm(array, axis=-1, keepdims=True), 1e-12)
    return unit


def english_tasks(names: Sequence[str]) -> list[Any]:
    """Return these tasks of mteb's English benchmark of 56, with its splits. Raises InvalidArguments for another."""
    tasks = {task.metadata.name: task for task in need("mteb", "mteb").get_benchmark("MTEB(eng, v1)").tasks}
    unknown = [name for name in names if name not in tasks]
    if unknown:
        raise InvalidArguments(f"{unknown[0]} is no task of MTEB(eng, v1); there are: {', '.join(sorted(tasks))}")
    return [tasks[name] for name in names]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure a checkpoint on tasks of the English benchmark, and print the main score of each x 100."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="+", metavar="TASK")
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--instructions", help="YAML of instructions, or `none`")
    options = parser.parse_args(arguments)
    tasks = english_tasks(options.tasks)
    model = MtebModel(options.checkpoint, instructions=options.instructions)
    for result in need("mteb", "mteb").evaluate(model, tasks).task_results:
        sys.stdout.write(f"{result.task_name}\t{100 * result.get_score():.2f}\n")


if __name__ == "__main__":
    main()
