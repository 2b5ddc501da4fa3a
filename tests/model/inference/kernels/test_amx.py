"""The layers in C on AMX's tiles. Without such a processor, or a compiler when the package was built, torch's kernels
serve, and most of this is skipped."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity

from openclaw_instructor.model.checkpoint import Checkpoint, Shape
from openclaw_instructor.model.inference.kernels import amx
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks.t5 import Encoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.model.writer import write_checkpoint

CPU = torch.device("cpu")
MINI = Checkpoint.open("mini").shape
# Below, at and above what tiles, blocks and vectors hold; some lengths twice, some with an instruction before them.
LENGTHS = [200, 97, 64, 64, 63, 48, 33, 32, 31, 17, 17, 17, 16, 15, 9, 2, 1]

here = pytest.mark.skipif(
    not amx.pays(torch.bfloat16, CPU, MINI), reason="no processor with AMX, or no compiler when the package was built"
)


def prompts(lengths: list[int]) -> list[Prompt]:
    generator = torch.Generator().manual_seed(0)
    return [
        Prompt([*torch.randint(3, 1000, (n - 1,), generator=generator).tolist(), 1], min(3, n - 1), truncated=False)
        for n in lengths
    ]


def random_checkpoint(folder: Path, **changed: object) -> Checkpoint:
    shape = Shape(MINI.vocab_size, 128, 320, 4, 32, 3, 32, 128, 1e-6, 64, normalize=True, activation="relu")
    torch.manual_seed(0)
    encoder = Encoder(replace(shape, **changed))  # type: ignore[arg-type]
    for name, weight in encoder.named_parameters():
        # Of the size that trained ones have: scores spread, and nothing overflows.
        torch.nn.init.normal_(weight, mean=float("norm" in name), std=0.7 * weight.shape[-1] ** -0.5)
    write_checkpoint(folder, encoder, tokenizer_from=Checkpoint.open("mini").folder, max_seq_length=256, card="")
    return Checkpoint.open(folder)


def both(checkpoint: Checkpoint) -> tuple[Encoder, Encoder]:
    on_tiles = Encoder.for_inference(checkpoint, torch.bfloat16, CPU)
    assert on_tiles.on_tiles
    return on_tiles, Encoder.from_checkpoint(checkpoint).requires_grad_(False)


@here
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"activation": "gelu"},
        {"head_width": 64, "heads": 2},
        {"head_width": 96, "heads": 3},
        {"width": 160, "inner": 1_056, "dimension": 48, "normalize": False},
    ],
    ids=["relu", "gelu", "wide heads", "wider than the stream", "odd widths"],
)
@torch.inference_mode()
def test_what_runs_on_tiles_is_what_trains(
    tmp_path: Path, changed: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = random_checkpoint(tmp_path, **changed)
    served, trained = both(checkpoint)
    monkeypatch.setattr(amx, "_library", lambda: None)
    by_torch = Encoder.for_inference(checkpoint, torch.bfloat16, CPU)
    batch = Packed.of(prompts(LENGTHS))
    for ours, theirs, exact in (
        (served(batch), by_torch(batch), trained(batch)),
        (*(some.token_states(some.hidden(batch)) for some in (served, by_torch, trained)),),
    ):
        assert cosine_similarity(ours, exact).min() > 0.99
        # No farther from float32 than torch's products of bfloat16 are.
        assert (ours - exact).square().mean() < 1.1 * (theirs - exact).square().mean()


@here
def test_a_trained_checkpoint_keeps_its_vectors() -> None:
    texts = ["a letter", "an invoice, long overdue", *(f"{n}: " + "the boats leave at nine " * n for n in (3, 20, 60))]
    pairs = [["Represent the sentence: ", text] for text in texts]
    served, exact = INSTRUCTOR("mini", "cpu", "bfloat16"), INSTRUCTOR("mini", "cpu", "float32")
    assert served.encoder.on_tiles
    assert (served.encode(pairs) * exact.encode(pairs)).sum(1).min() > 0.9995


@here
@torch.inference_mode()
def test_a_vector_depends_on_no_neighbour_and_on_no_number_of_threads(tmp_path: Path) -> None:
    encoder, _ = both(random_checkpoint(tmp_path))
    chosen = prompts(LENGTHS)
    together = encoder(Packed.of(chosen))
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3, 7):
            torch.set_num_threads(count)
            assert torch.equal(encoder(Packed.of(chosen)), together)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.cat([encoder(Packed.of([prompt])) for prompt in chosen]), together)


@here
def test_threads_do_not_disturb_one_another(tmp_path: Path) -> None:
    # One of them has the team, the others work alone; each computes in float32's own products of tiles between.
    models = [INSTRUCTOR(random_checkpoint(tmp_path / name), "cpu", "bfloat16") for name in "ab"]
    wide = random_checkpoint(tmp_path / "wide", width=512, heads=2)
    models.append(INSTRUCTOR(wide, "cpu", "float32"))
    texts = [f"letter {n} " + "about the boats " * (n % 40) for n in range(60)]
    expected = [model.encode(texts) for model in models]

    def encode(turn: int) -> bool:
        model, vectors = models[turn % 3], expected[turn % 3]
        some = slice(turn % 50, turn % 50 + 1 + turn % 9)
        # oneDNN's own kernels of float32 round by the number of rows.
        return bool(np.abs(model.encode(texts[some]) - vectors[some]).max() < (1e-6 if turn % 3 == 2 else 1e-30))

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(encode, range(120)))


@here
def test_a_forked_process_has_no_helpers_and_needs_none() -> None:
    script = (
        "import os, warnings, torch; from openclaw_instructor.model.instructor import INSTRUCTOR\n"
        "warnings.simplefilter('ignore')\n"
        "from openclaw_instructor.model.packing import Packed\n"
        "torch.set_num_threads(3)\n"
        "model = INSTRUCTOR('mini', 'cpu', 'bfloat16')\n"
        "batch = Packed.of(model.prompter.render('', ['the boats leave at nine']))\n"
        "before = model.encoder(batch)\n"
        "child = os.fork()\n"
        "torch.set_num_threads(5)\n"
        "model.encoder(batch)\n"
        "same = (model.encoder(batch) == before).all().item()\n"
        "if not child: os._exit(0 if same else 1)\n"
        "print(same, os.waitpid(child, 0)[1])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["True", "0"], done.stderr


@here
@torch.inference_mode()
def test_a_token_beyond_the_table_is_refused(tmp_path: Path) -> None:
    encoder, _ = both(random_checkpoint(tmp_path))
    with pytest.raises(IndexError, match=f"beyond the table's {MINI.vocab_size}: {MINI.vocab_size}"):
        encoder(Packed.of([Prompt([5, MINI.vocab_size, 1], 0, truncated=False)]))


@here
@torch.inference_mode()
def test_a_longer_prompt_than_any_before_finds_its_biases(tmp_path: Path) -> None:
    encoder, trained = both(random_checkpoint(tmp_path))
    for length in (5, 700, 6):
        batch = Packed.of(prompts([length]))
        assert cosine_similarity(encoder(batch), trained(batch)).min() > 0.9999


def test_without_the_library_torch_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = INSTRUCTOR("mini", "cpu", "bfloat16").encode("the boats leave at nine")
    monkeypatch.setattr(amx, "_library", lambda: None)
    model = INSTRUCTOR("mini", "cpu", "bfloat16")
    assert not model.encoder.on_tiles
    assert float(model.encode("the boats leave at nine") @ expected) > 0.9995


@here
@pytest.mark.parametrize(
    "changed", [{"head_width": 48}, {"inner": 300}, {"dimension": 40}, {"width": 144}], ids=lambda changed: str(changed)
)
def test_widths_that_are_no_whole_tiles_are_left_to_torch(tmp_path: Path, changed: dict[str, object]) -> None:
    model = INSTRUCTOR(random_checkpoint(tmp_path, **changed), "cpu", "bfloat16")
    assert not model.encoder.on_tiles
    assert np.isfinite(model.encode("the boats leave at nine")).all()


@here
def test_a_library_of_other_sources_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(amx.LIBRARY.parent, tmp_path / "tiles")
    monkeypatch.setattr(amx, "LIBRARY", tmp_path / "tiles" / amx.LIBRARY.name)
    opened = amx._library.__wrapped__
    assert opened() is not None
    with (tmp_path / "tiles" / "product.h").open("a") as file:
        file.write("/* edited */\n")
    assert opened() is None
    amx.LIBRARY.unlink()  # not written over: it is mapped
    amx.LIBRARY.write_bytes(b"of another system")
    assert opened() is None


@pytest.fixture
def build(tmp_path: Path) -> ModuleType:
    """The build hook, on a copy of the sources."""
    shutil.copytree(amx.LIBRARY.parent, tmp_path / "tiles", ignore=shutil.ignore_patterns("*.so"))
    spec = importlib.util.spec_from_file_location("build_of_tiles", tmp_path / "tiles" / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_build_without_a_compiler_leaves_the_kernels_out_and_says_so(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build.sys, "platform", "linux")
    monkeypatch.setattr(build.platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("CC", "no-such-compiler")
    build.LIBRARY.write_bytes(b"an older one")
    assert not build.compiled()
    assert not build.LIBRARY.exists()
    assert "torch's serve instead\nno-such-compiler: No such file" in capsys.readouterr().err


def test_other_systems_are_not_asked_for_a_compiler(
    build: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build.platform, "machine", lambda: "arm64")
    assert not build.compiled()
    assert capsys.readouterr().err == ""


@here
def test_a_build_leaves_nothing_but_the_library(build: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name for path in build.FOLDER.iterdir()}
    assert build.compiled()
    assert {path.name for path in build.FOLDER.iterdir()} - before <= {"tiles.so", "__pycache__"}
    monkeypatch.setattr(amx, "LIBRARY", build.LIBRARY)
    assert amx._library.__wrapped__() is not None


@here
@torch.inference_mode()
def test_defaults_of_the_process_do_not_matter() -> None:
    model = INSTRUCTOR("mini", "cpu", "bfloat16")
    expected = model.encode("the boats leave at nine")
    for dtype in (torch.float64, torch.bfloat16):
        torch.set_default_dtype(dtype)
        try:
            assert np.array_equal(model.encode("the boats leave at nine"), expected)
        finally:
            torch.set_default_dtype(torch.float32)


@here
@torch.inference_mode()
def test_numbers_that_c_would_misread_are_refused(tmp_path: Path) -> None:
    encoder, _ = both(random_checkpoint(tmp_path))
    batch = Packed.of(prompts([5]))
    assert isinstance(encoder.served, amx.OnTiles)
    with pytest.raises(TypeError, match=r"torch.float32 in one piece of memory is read here, not torch.float64 on cpu"):
        encoder.served.embed(batch, encoder.distance_bias(5).double())
    with pytest.raises(IndexError, match="a prompt without a token"):
        encoder.served.embed(replace(batch, ids=batch.ids[:0]), encoder.distance_bias(5))


@here
def test_weights_lie_in_the_order_of_tiles() -> None:
    weight = torch.arange(64 * 64).reshape(64, 64).float() % 251
    row = torch.empty(64 * 64, dtype=torch.bfloat16)
    amx._panels(weight, row)
    # The second panel's second step, its second tile: outputs from 48, inputs from 32; row 3 holds inputs 38 and 39.
    tile = row.view(2, 2, 2, 16, 16, 2)[1, 1, 1]
    assert torch.equal(tile[3].float(), weight[48:64, 38:40])
