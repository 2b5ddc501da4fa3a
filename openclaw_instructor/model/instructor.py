"""Offer the model to Python users: `INSTRUCTOR.encode()` as in the original library, and `embed()` for prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.device import choose_device
from openclaw_instructor.model.inference.batch_runner import BatchRunner
from openclaw_instructor.model.inference.loading import load_for_inference
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompt, Prompter

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pair = Sequence[str]
Output = Literal["sentence_embedding", "token_embeddings"]


class INSTRUCTOR:
    """An instruction-steered text embedding model (Su et al., ACL 2023).

    `name` is `mini` (bundled, the default), a checkpoint folder or a hub id. `dtype` is "float32", "bfloat16", "int8"
    (on x86 processors) or "auto": bfloat16 where the processor has matrix instructions for it, else int8 where it runs
    and a few samples show that the checkpoint keeps its vectors in it, else float32; the attribute `dtype` says which.
    float16 is refused because T5 overflows in it. A pickle or a copy opens the checkpoint's folder again, on the
    same device and with the `dtype` that was asked for. Raises InvalidCheckpoint, CheckpointUnavailable or
    InvalidArguments.
    """

    def __init__(
        self,
        name: str | Path | Checkpoint | None = None,
        device: str | None = None,
        dtype: str = "auto",
        *,
        revision: str | None = None,
        offline: bool = False,
    ) -> None:
        if not isinstance(name, Checkpoint):
            name = Checkpoint.open(name or "mini", revision=revision, offline=offline)
        self.checkpoint = name
        self.prompter = Prompter(self.checkpoint)
        self._asked_dtype = dtype
        self._move(choose_device(device))

    def __reduce__(self) -> tuple[type[INSTRUCTOR], tuple[Checkpoint, str, str]]:
        return type(self), (self.checkpoint, str(self.device), self._asked_dtype)

    @property
    def max_seq_length(self) -> int:
        """The greatest number of tokens of a prompt, as in sentence-transformers."""
        return self.checkpoint.max_seq_length

    def get_sentence_embedding_dimension(self) -> int:
        """Return the dimension of an embedding, as sentence-transformers does."""
        return self.checkpoint.dimension

    def encode(
        self,
        sentences: str | Pair | Sequence[str] | Sequence[Pair],
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        output_value: Output | None = "sentence_embedding",
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: str | None = None,
        normalize_embeddings: bool = False,
    ) -> Any:
        """Embed `[[instruction, text], ...]`, plain texts, or one of either, as InstructorEmbedding 1.0.1 does.

        Returns an array (n, dimension) float32, in input order; a tensor with `convert_to_tensor`; a list of tensors
        with neither; one row for one string. `output_value="token_embeddings"` gives a list of tensors (tokens, width),
        `None` a list of dicts with every value. A list of two strings is two texts. A tuple is one pair,
        while InstructorEmbedding takes it for several texts: give those as a list.
        Batches are cut by tokens: what suits the device, and no more than `batch_size` texts of full length hold.
        """
        single = isinstance(sentences, (str, tuple))
        items: list[Any] = [sentences] if single else list(sentences)
        if device is not None and choose_device(device) != self.device:
            self._move(choose_device(device))
        prompts = self._render(items)
        if output_value != "sentence_embedding":
            rows = [self._outputs(prompt) for prompt in prompts]
            picked = [row[output_value] for row in rows] if output_value else rows
            return picked[0] if single else picked
        with _progress_bar(prompts) if show_progress_bar else nullcontext() as bar:
            vectors = self._runner.run(prompts, batch_size * self.max_seq_length, bar.update if bar else None)
        if normalize_embeddings:
            vectors = F.normalize(vectors, dim=1)
        if convert_to_tensor:
            result: Any = vectors.to(self.device)
        else:
            result = vectors.numpy() if convert_to_numpy else list(vectors)
        return result[0] if single else result

    def embed(
        self,
        prompts: Sequence[Prompt],
        batch_tokens: int | None = None,
        on_progress: Callable[[int], Any] | None = None,
    ) -> NDArray[np.float32]:
        """Embed as (n, dimension) float32, L2-normalised, in the order of `prompts`; progress counts tokens.

        A forward pass takes as many tokens as suit the device, and at most `batch_tokens`.
        """
        vectors = self._runner.run(prompts, batch_tokens, on_progress)
        return F.normalize(vectors, dim=1).numpy()

    def _move(self, device: torch.device) -> None:
        # In a thread that ends, so that the OpenMP threads which loading starts end with it (`cpu_pool.py`).
        with ThreadPoolExecutor(1) as briefly:
            briefly.submit(self._load, device).result()

    def _load(self, device: torch.device) -> None:
        self.backend = load_for_inference(self.checkpoint, self._asked_dtype, device, self.prompter)
        self.device, self.dtype = self.backend.device, self.backend.dtype
        self._runner = BatchRunner(self.backend)

    def _render(self, items: Sequence[Any]) -> list[Prompt]:
        by_instruction: dict[str, list[int]] = {}
        texts: list[str] = []
        for index, item in enumerate(items):
            instruction, text = _split(item, index)
            by_instruction.setdefault(instruction, []).append(index)
            texts.append(text)
        prompts: list[Prompt | None] = [None] * len(items)
        for instruction, indices in by_instruction.items():
            for index, prompt in zip(
                indices, self.prompter.render(instruction, [texts[i] for i in indices]), strict=True
            ):
                prompts[index] = prompt
        return [prompt for prompt in prompts if prompt is not None]

    @torch.inference_mode()
    def _outputs(self, prompt: Prompt) -> dict[str, torch.Tensor]:
        packed = Packed.of([prompt], pooling=self.backend.pooling).to(self.device)
        mask = torch.ones(len(prompt.ids), dtype=torch.long, device=self.device)
        mask[: prompt.pool_from] = 0
        return {
            "input_ids": packed.ids,
            "attention_mask": mask,
            "token_embeddings": self.backend.token_states(packed),
            "sentence_embedding": self.backend.embed(packed)[0],
        }


def _split(item: Any, index: int) -> tuple[str, str]:
    if isinstance(item, str):
        return "", item
    if isinstance(item, Sequence) and len(item) == 2 and all(isinstance(part, str) for part in item):
        return item[0], item[1]
    raise InvalidArguments(
        f"sentences[{index}]: give a text or an [instruction, text] pair of strings, not {item!r:.60}"
    )


def _progress_bar(prompts: Sequence[Prompt]) -> Any:
    from tqdm.auto import tqdm

    total = sum(len(prompt.ids) for prompt in prompts)
    return tqdm(total=total, unit="tok", unit_scale=True, desc="Embedding")
