"""Serving without torch: weights that an earlier start prepared."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from openclaw_instructor.engine.embedders.local import LocalEmbedder
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.inference.kernels.int8 import library, prepared
from openclaw_instructor.model.inference.kernels.int8.backend import Int8Backend
from openclaw_instructor.model.inference.loading import kernels_of
from openclaw_instructor.model.inference.prepared_model import PreparedModel, keep_prepared, open_prepared, path_of
from openclaw_instructor.model.inference.torchscript import TorchBackend
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.settings import Settings
from tests.model.random_family import write

TEXTS = ["how do I restart it?", "a letter", *(f"Section {n}. " + "The boats leave at nine. " * n for n in range(30))]

pytestmark = pytest.mark.skipif(
    library.best_layout() is None or library.has_amx(), reason="int8 in C is not what serves here"
)


def kept(folder: Path, checkpoint: Checkpoint) -> INSTRUCTOR:
    """Load with torch, and leave the weights for the next start."""
    model = INSTRUCTOR(checkpoint, "cpu", "int8")
    keep_prepared(folder, checkpoint, model.backend)
    return model


def opened(folder: Path, checkpoint: Checkpoint) -> PreparedModel | None:
    model = open_prepared(folder, checkpoint, "int8", None, 2)
    assert model is None or isinstance(model, PreparedModel)
    return model


@pytest.mark.parametrize("family", ["mini", "bert", "mpnet"])
def test_its_vectors_are_those_of_the_model_with_torch(tmp_path: Path, family: str) -> None:
    sizes = {"hidden_size": 64, "intermediate_size": 128}
    name = "mini" if family == "mini" else write(tmp_path / "made", family, pooling="cls", **sizes)
    checkpoint = Checkpoint.open(name)
    model = kept(tmp_path, checkpoint)
    ready = opened(tmp_path, checkpoint)
    assert ready is not None
    prompts = model.prompter.render("", TEXTS)
    counted: list[int] = []
    vectors = ready.embed(prompts, 4_096, counted.append)
    np.testing.assert_allclose(vectors, model.embed(prompts, 4_096), atol=1e-6)
    np.testing.assert_allclose(np.concatenate([ready.embed([each]) for each in prompts]), vectors, atol=1e-6)
    assert sum(counted) == sum(len(prompt.ids) for prompt in prompts)


def test_a_second_start_needs_no_torch(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from openclaw_instructor.engine.embedders.local import LocalEmbedder\n"
        "from openclaw_instructor.settings import Settings\n"
        f"embedder = LocalEmbedder(Settings.load({str(tmp_path)!r}, device='cpu'))\n"
        "model = embedder.load()\n"
        "vector = model.embed(embedder.render('', ['the boats leave at nine']), 4096)[0]\n"
        "print('torch' in sys.modules, *vector)"
    )
    starts = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr
        starts.append(done.stdout.split())
    assert [start[0] for start in starts] == ["True", "False"]
    first, second = (np.array(start[1:], float) for start in starts)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_another_format_device_or_dimension_is_loaded_with_torch(tmp_path: Path) -> None:
    checkpoint = Checkpoint.open("mini")
    kept(tmp_path / "prepared", checkpoint)
    truncated = replace(checkpoint, head=replace(checkpoint.head, truncate_to=64))
    for asked, dtype, device in (
        (checkpoint, "float32", "cpu"),
        (checkpoint, "auto", "cuda"),
        (truncated, "auto", "cpu"),
    ):
        assert open_prepared(tmp_path / "prepared", asked, dtype, device, None) is None
    model = LocalEmbedder(Settings.load(tmp_path, device="cpu", dimensions=64)).load()
    assert isinstance(model, INSTRUCTOR)


def test_a_file_that_does_not_fit_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = Checkpoint.open("mini")
    kept(tmp_path, checkpoint)
    path = path_of(tmp_path, checkpoint)
    content = path.read_bytes()
    changed = bytearray(content)
    changed[-100] ^= 1
    for damaged in (content[:-1], content[:100], b"", b"\xff" * 20, bytes(changed)):
        path.write_bytes(damaged)
        assert opened(tmp_path, checkpoint) is None
    path.write_bytes(content)
    assert opened(tmp_path, checkpoint) is not None
    assert prepared.load(path, replace(checkpoint.t5_shape(), layers=7)) is None
    assert prepared.load(path, replace(checkpoint.t5_shape(), inner=1_344)) is None
    monkeypatch.setattr(prepared, "VERSION", 0)
    assert opened(tmp_path, checkpoint) is None


def test_a_disk_without_room_for_the_weights_is_no_error(tmp_path: Path) -> None:
    script = (
        "import resource\n"
        "from openclaw_instructor.engine.embedders.local import LocalEmbedder\n"
        "from openclaw_instructor.settings import Settings\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        f"embedder = LocalEmbedder(Settings.load({str(tmp_path)!r}, device='cpu'))\n"
        "print(len(embedder.load().embed(embedder.render('', ['a letter']), 4096)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
    assert (done.stdout, list((tmp_path / "prepared").iterdir())) == ("1\n", []), done.stderr


def test_what_another_checkpoint_left_is_removed_and_a_file_in_the_way_is_no_error(tmp_path: Path) -> None:
    mini = Checkpoint.open("mini")
    other = Checkpoint.open(write(tmp_path / "made", "bert", hidden_size=64, intermediate_size=128))
    kept(tmp_path / "prepared", other)
    kept(tmp_path / "prepared", mini)
    assert [path.name for path in (tmp_path / "prepared").iterdir()] == [path_of(tmp_path, mini).name]
    (tmp_path / "file").write_text("in the way")
    kept(tmp_path / "file", mini)


def test_the_kernels_that_are_named_are_those_that_run() -> None:
    checkpoint = Checkpoint.open("mini")
    cpu = torch.device("cpu")
    for dtype, said, backend in (("auto", "our own, in int8", Int8Backend), ("float32", "torch's", TorchBackend)):
        assert kernels_of(checkpoint.shape, dtype, cpu).startswith(said)
        assert isinstance(INSTRUCTOR(checkpoint, "cpu", dtype).backend, backend)
