"""The AMX kernels. On processors without AMX they run with its instructions emulated in C (`emulated/immintrin.h`);
without a compiler most of this is skipped."""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.inference.backend import Backend
from openclaw_instructor.model.inference.kernels import amx
from openclaw_instructor.model.inference.kernels.sources import digest
from openclaw_instructor.model.inference.loading import load_backend
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.model.shapes import T5Shape
from openclaw_instructor.model.writer import write_checkpoint

CPU = torch.device("cpu")
MINI = Checkpoint.open("mini").shape
# Below, at and above what tiles, blocks and vectors hold; some lengths twice, some with an instruction before them.
LENGTHS = [200, 97, 64, 64, 63, 48, 33, 32, 31, 17, 17, 17, 16, 15, 9, 2, 1]

SOURCES = amx.LIBRARY.parent
EMULATION = Path(__file__).parent / "emulated"
COMPILER = shutil.which("cc") or shutil.which("gcc")
WARNINGS = ("-Wall", "-Wextra", "-Werror")

# Compiling takes seconds, and minutes on a machine that is busy.
pytestmark = pytest.mark.timeout(600)

needs_compiler = pytest.mark.skipif(
    COMPILER is None or platform.machine() != "x86_64" or sys.platform != "linux",
    reason="the kernels are for x86-64 Linux, and emulating them takes a C compiler",
)
needs_amx = pytest.mark.skipif(not amx.is_available(CPU), reason="this processor has no AMX, or the library is missing")


def compile_emulated(source: Path, target: Path, *options: str) -> None:
    """Compile with AVX-512 and AMX emulated in C."""
    command = [
        str(COMPILER), "-std=gnu17", "-pthread", *WARNINGS, "-Wno-psabi", "-DEMULATED_AMX", f"-I{EMULATION}",
        f"-I{SOURCES}", *options, str(source), "-o", str(target), "-lm",
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=500)


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    library = tmp_path_factory.mktemp("emulated") / "amx.so"
    options = ("-O2", "-march=native", "-fPIC", "-shared", f'-DSOURCES="{digest(SOURCES)}"')
    compile_emulated(SOURCES / "forward.c", library, *options)
    opened = amx.open_library(library, digest(SOURCES))
    assert opened is not None
    return opened


@pytest.fixture
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels can be used: the processor's own AMX, or the emulated one."""
    if not amx.is_available(CPU):
        library = request.getfixturevalue("emulated")
        monkeypatch.setattr(amx, "_library", lambda: library)
        monkeypatch.setattr(amx, "_processor_has_amx", lambda device: device.type == "cpu")


def with_kernels(test: Any) -> Any:
    """Run a test on the kernels, emulated if need be."""
    return needs_compiler(pytest.mark.usefixtures("kernels")(test))


def prompts(lengths: list[int]) -> list[Prompt]:
    generator = torch.Generator().manual_seed(0)
    return [
        Prompt([*torch.randint(3, 1000, (n - 1,), generator=generator).tolist(), 1], min(3, n - 1), truncated=False)
        for n in lengths
    ]


def random_checkpoint(folder: Path, **changed: object) -> Checkpoint:
    shape = T5Shape(MINI.vocab_size, 128, 320, 4, 32, 3, 32, 128, 1e-6, 64, normalize=True, activation="relu")
    torch.manual_seed(0)
    encoder = T5Encoder(replace(shape, **changed))  # type: ignore[arg-type]
    for name, weight in encoder.named_parameters():
        # Of the size that trained ones have: scores spread, and nothing overflows.
        torch.nn.init.normal_(weight, mean=float("norm" in name), std=0.7 * weight.shape[-1] ** -0.5)
    write_checkpoint(folder, encoder, tokenizer_from=Checkpoint.open("mini").folder, max_seq_length=256, card="")
    return Checkpoint.open(folder)


def both(checkpoint: Checkpoint) -> tuple[Backend, T5Encoder]:
    backend = load_backend(checkpoint, torch.bfloat16, CPU)
    assert isinstance(backend, amx.AmxBackend)
    return backend, T5Encoder.from_checkpoint(checkpoint).requires_grad_(False)


@with_kernels
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
def test_the_kernels_compute_what_the_plain_network_does(
    tmp_path: Path, changed: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = random_checkpoint(tmp_path, **changed)
    backend, plain = both(checkpoint)
    monkeypatch.setattr(amx, "_library", lambda: None)
    by_torch = load_backend(checkpoint, torch.bfloat16, CPU)
    batch = Packed.of(prompts(LENGTHS))
    for ours, theirs, exact in (
        (backend.embed(batch), by_torch.embed(batch), plain(batch)),
        (backend.token_states(batch), by_torch.token_states(batch), plain.token_states(plain.hidden(batch))),
    ):
        assert cosine_similarity(ours, exact).min() > 0.99
        # No farther from float32 than torch's products of bfloat16 are.
        assert (ours - exact).square().mean() < 1.1 * (theirs - exact).square().mean()


@with_kernels
def test_a_trained_checkpoint_keeps_its_vectors() -> None:
    texts = ["a letter", "an invoice, long overdue", *(f"{n}: " + "the boats leave at nine " * n for n in (3, 20, 60))]
    pairs = [["Represent the sentence: ", text] for text in texts]
    model, exact = INSTRUCTOR("mini", "cpu", "bfloat16"), INSTRUCTOR("mini", "cpu", "float32")
    assert isinstance(model.backend, amx.AmxBackend)
    assert (model.encode(pairs) * exact.encode(pairs)).sum(1).min() > 0.9995


@with_kernels
@torch.inference_mode()
def test_a_vector_depends_on_no_neighbour_and_on_no_number_of_threads(tmp_path: Path) -> None:
    backend, _ = both(random_checkpoint(tmp_path))
    chosen = prompts(LENGTHS)
    together = backend.embed(Packed.of(chosen))
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3, 7):
            torch.set_num_threads(count)
            assert torch.equal(backend.embed(Packed.of(chosen)), together)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.cat([backend.embed(Packed.of([prompt])) for prompt in chosen]), together)


@with_kernels
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


@needs_amx
def test_a_forked_process_has_no_helpers_and_needs_none() -> None:
    script = (
        "import os, warnings, torch; from openclaw_instructor.model.instructor import INSTRUCTOR\n"
        "warnings.simplefilter('ignore')\n"
        "from openclaw_instructor.model.packing import Packed\n"
        "torch.set_num_threads(3)\n"
        "model = INSTRUCTOR('mini', 'cpu', 'bfloat16')\n"
        "batch = Packed.of(model.prompter.render('', ['the boats leave at nine']))\n"
        "before = model.backend.embed(batch)\n"
        "child = os.fork()\n"
        "torch.set_num_threads(5)\n"
        "model.backend.embed(batch)\n"
        "same = (model.backend.embed(batch) == before).all().item()\n"
        "if not child: os._exit(0 if same else 1)\n"
        "print(same, os.waitpid(child, 0)[1])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["True", "0"], done.stderr


@with_kernels
@torch.inference_mode()
def test_a_token_beyond_the_table_is_refused(tmp_path: Path) -> None:
    backend, _ = both(random_checkpoint(tmp_path))
    with pytest.raises(IndexError, match=f"beyond the table's {MINI.vocab_size}: {MINI.vocab_size}"):
        backend.embed(Packed.of([Prompt([5, MINI.vocab_size, 1], 0, truncated=False)]))


@with_kernels
@torch.inference_mode()
def test_a_longer_prompt_than_any_before_finds_its_biases(tmp_path: Path) -> None:
    backend, plain = both(random_checkpoint(tmp_path))
    for length in (5, 700, 6):
        batch = Packed.of(prompts([length]))
        assert cosine_similarity(backend.embed(batch), plain(batch)).min() > 0.9999


def test_without_the_library_torch_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = INSTRUCTOR("mini", "cpu", "bfloat16").encode("the boats leave at nine")
    monkeypatch.setattr(amx, "_library", lambda: None)
    model = INSTRUCTOR("mini", "cpu", "bfloat16")
    assert not isinstance(model.backend, amx.AmxBackend)
    assert float(model.encode("the boats leave at nine") @ expected) > 0.9995


@with_kernels
@pytest.mark.parametrize(
    "changed", [{"head_width": 48}, {"inner": 300}, {"dimension": 40}, {"width": 144}], ids=lambda changed: str(changed)
)
def test_widths_that_are_not_whole_tiles_are_left_to_torch(tmp_path: Path, changed: dict[str, object]) -> None:
    model = INSTRUCTOR(random_checkpoint(tmp_path, **changed), "cpu", "bfloat16")
    assert not isinstance(model.backend, amx.AmxBackend)
    assert np.isfinite(model.encode("the boats leave at nine")).all()


@with_kernels
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


@with_kernels
@torch.inference_mode()
def test_numbers_that_c_would_misread_are_refused(tmp_path: Path) -> None:
    backend, _ = both(random_checkpoint(tmp_path))
    batch = Packed.of(prompts([5]))
    assert isinstance(backend, amx.AmxBackend)
    with pytest.raises(TypeError, match=r"torch.float32 in one piece of memory is read here, not torch.float64 on cpu"):
        backend._run(batch, backend.bias.of(5).double())
    with pytest.raises(IndexError, match="a prompt without a token"):
        backend.embed(replace(batch, ids=batch.ids[:0]))


def test_weights_are_packed_as_tiles() -> None:
    weight = torch.arange(64 * 64).reshape(64, 64).float() % 251
    row = torch.empty(64 * 64, dtype=torch.bfloat16)
    amx._pack_panels(weight, row)
    # The second panel's second step, its second tile: outputs from 48, inputs from 32; row 3 holds inputs 38 and 39.
    tile = row.view(2, 2, 2, 16, 16, 2)[1, 1, 1]
    assert torch.equal(tile[3].float(), weight[48:64, 38:40])


@needs_compiler
@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_passes_are_clean_under_sanitizers(tmp_path: Path, sanitizers: str) -> None:
    program, options = tmp_path / "driver", ("-O1", "-g", f"-fsanitize={sanitizers}", "-fno-sanitize-recover")
    try:
        compile_emulated(Path(__file__).with_name("driver.c"), program, *options)
    except subprocess.CalledProcessError:
        pytest.skip("the compiler has no sanitizers")
    done = subprocess.run([program], capture_output=True, text=True, timeout=500, check=False)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
