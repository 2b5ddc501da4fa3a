"""The compiled int8 kernels: every kind that this processor runs, and AVX-VNNI emulated by AVX-512's instruction."""

from __future__ import annotations

import ctypes
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.model import device
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.inference import loading
from openclaw_instructor.model.inference.head import WithHead
from openclaw_instructor.model.inference.kernels.int8 import library
from openclaw_instructor.model.inference.kernels.int8.backend import Int8Backend
from openclaw_instructor.model.inference.kernels.int8.library import KERNELS, LIBRARY, Layout
from openclaw_instructor.model.inference.kernels.int8.network import distance_bias
from openclaw_instructor.model.inference.kernels.int8.weights import Linear
from openclaw_instructor.model.inference.kernels.sources import digest
from openclaw_instructor.model.inference.loading import load_backend
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks import position
from openclaw_instructor.model.packing import Packed
from openclaw_instructor.model.prompt import Prompt
from openclaw_instructor.model.shapes import BertShape
from tests.model.inference.kernels.test_amx import random_checkpoint
from tests.model.random_family import write

CPU = torch.device("cpu")
SOURCES = LIBRARY.parent
COMPILER = shutil.which("cc") or shutil.which("gcc")
OPTIONS = (
    "-std=gnu17", "-pthread", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-DEMULATED_AVX_VNNI", f"-I{SOURCES}",
)  # fmt: skip
# Below, at and above what tiles, blocks and vectors hold; some lengths twice.
LENGTHS = [97, 64, 64, 49, 48, 33, 17, 17, 16, 15, 7, 6, 5, 2, 1]

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        COMPILER is None or platform.machine() != "x86_64" or sys.platform != "linux",
        reason="the kernels are for x86-64 Linux, and take a C compiler",
    ),
]


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("int8") / "int8.so"
    sources = [str(each) for each in SOURCES.glob("*.c")]
    options = [*OPTIONS, "-O2", "-fno-math-errno", "-fPIC", "-shared", f'-DSOURCES="{digest(SOURCES)}"']
    subprocess.run([str(COMPILER), *options, *sources, "-o", str(path)], check=True, timeout=500)
    opened = library.open_library(path, digest(SOURCES))
    assert opened is not None
    return opened


@pytest.fixture(params=KERNELS)
def layout(request: pytest.FixtureRequest, compiled: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """The kernels that a backend takes when it is loaded."""
    monkeypatch.setattr(library, "opened", lambda: compiled)
    found = library.layout_of(request.param)
    if found is None:
        pytest.skip(f"this processor does not run {request.param}")
    monkeypatch.setattr(library, "best_layout", lambda: found)
    return found


def prompts(lengths: list[int]) -> list[Prompt]:
    generator = torch.Generator().manual_seed(0)
    return [
        Prompt([*torch.randint(3, 90, (n - 1,), generator=generator).tolist(), 1], min(3, n - 1), truncated=False)
        for n in lengths
    ]


def load(checkpoint: Checkpoint) -> Int8Backend:
    backend = load_backend(checkpoint, torch.int8, CPU)
    assert isinstance(backend, Int8Backend)
    return backend


def a_t5(folder: Path, **changed: object) -> Checkpoint:
    return random_checkpoint(folder, **{"width": 128, "inner": 320, "head_width": 32, "heads": 4, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"activation": "gelu"},
        {"head_width": 64, "heads": 1},
        {"head_width": 48, "heads": 4, "dimension": 48, "normalize": False},
    ],
    ids=["relu", "gelu", "narrower than the stream", "odd widths"],
)
@torch.inference_mode()
def test_a_t5_is_near_float32(tmp_path: Path, layout: Layout, changed: dict[str, object]) -> None:
    checkpoint = a_t5(tmp_path, **changed)
    backend, exact = load(checkpoint), load_backend(checkpoint, torch.float32, CPU)
    assert backend.network.kernels == layout.name
    batch = Packed.of(prompts(LENGTHS))
    assert cosine_similarity(backend.embed(batch), exact.embed(batch)).min() > 0.995
    assert cosine_similarity(backend.token_states(batch), exact.token_states(batch)).min() > 0.95


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("family", ["bert", "distilbert", "xlm-roberta", "mpnet"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "lasttoken"])
@torch.inference_mode()
def test_berts_are_near_float32(tmp_path: Path, family: str, pooling: str) -> None:
    checkpoint = Checkpoint.open(write(tmp_path, family, hidden_size=64, intermediate_size=128, pooling=pooling))
    backend, exact = load(checkpoint), load_backend(checkpoint, torch.float32, CPU)
    batch = Packed.of(prompts([20, 17, 17, 6, 5, 1]), pooling=pooling)
    assert cosine_similarity(backend.embed(batch), exact.embed(batch)).min() > 0.99
    assert cosine_similarity(backend.token_states(batch), exact.token_states(batch)).min() > 0.98


@pytest.mark.usefixtures("layout")
def test_a_bert_with_projections_is_checked_and_projected(tmp_path: Path) -> None:
    sizes = {"hidden_size": 64, "intermediate_size": 128}
    checkpoint = Checkpoint.open(write(tmp_path, "bert", dense="Tanh", **sizes))
    model, exact = (INSTRUCTOR(checkpoint, "cpu", dtype) for dtype in ("auto", "float32"))
    if model.dtype == torch.int8:
        assert isinstance(model.backend, WithHead)
        assert isinstance(model.backend.inner, Int8Backend)
    texts = ["a letter", "the boats leave at nine, and the last one at ten"]
    assert cosine_similarity(*(torch.from_numpy(each.encode(texts)) for each in (model, exact))).min() > 0.98


@pytest.mark.usefixtures("layout")
@torch.inference_mode()
def test_a_vector_depends_on_no_neighbour_and_on_no_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Int8Backend, "shared_operations", 0)
    for checkpoint in (
        a_t5(tmp_path / "t5"),
        Checkpoint.open(write(tmp_path / "mpnet", "mpnet", hidden_size=64, intermediate_size=128)),
    ):
        backend = load(checkpoint)
        chosen = prompts([n for n in LENGTHS if n < 30])
        together = backend.embed(Packed.of(chosen))
        threads = torch.get_num_threads()
        try:
            for count in (1, 2, 3, 7):
                torch.set_num_threads(count)
                assert torch.equal(backend.embed(Packed.of(chosen)), together)
                alone = [backend.embed(Packed.of([prompt])) for prompt in chosen]
                assert torch.equal(torch.cat(alone), together)
        finally:
            torch.set_num_threads(threads)


@pytest.mark.usefixtures("layout")
def test_threads_do_not_disturb_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Int8Backend, "shared_operations", 1e7)
    models = [INSTRUCTOR(a_t5(tmp_path / name, heads=heads), "cpu", "int8") for name, heads in (("a", 4), ("b", 2))]
    texts = [f"letter {n} " + "about the boats " * (n % 40) for n in range(60)]
    expected = [model.encode(texts) for model in models]

    def encode(turn: int) -> bool:
        some = slice(turn % 50, turn % 50 + 1 + turn % 9)
        return np.array_equal(models[turn % 2].encode(texts[some]), expected[turn % 2][some])

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(encode, range(60)))


@torch.inference_mode()
def test_what_the_tables_do_not_have_is_refused(tmp_path: Path, layout: Layout) -> None:
    backend = load(Checkpoint.open(write(tmp_path, "bert", hidden_size=64, intermediate_size=128)))
    assert isinstance(backend.shape, BertShape)
    vocabulary, positions = backend.shape.vocab_size, backend.shape.positions
    with pytest.raises(IndexError, match=f"beyond the table's {vocabulary}: {vocabulary}"):
        backend.embed(Packed.of([Prompt([5, vocabulary, 1], 0, truncated=False)]))
    with pytest.raises(IndexError, match=f"a text of {positions + 1} tokens has more than"):
        backend.embed(Packed.of(prompts([positions + 1])))
    batch = Packed.of(prompts([5]))
    with pytest.raises(IndexError, match="a prompt without a token"):
        backend.embed(replace(batch, ids=batch.ids[:0]))
    assert layout.panel % 16 == 0


def test_biases_by_distance_are_those_of_the_plain_network() -> None:
    for buckets, most in ((32, 128), (32, 100), (16, 64), (64, 256)):
        table = np.arange(buckets * 3, dtype=np.float32).reshape(buckets, 3)
        theirs = position.distance_bias(torch.from_numpy(table), 700, most)
        assert np.array_equal(distance_bias(table, 700, most), theirs.numpy())


@pytest.mark.usefixtures("layout")
@torch.inference_mode()
def test_a_longer_prompt_than_any_before_finds_its_biases(tmp_path: Path) -> None:
    checkpoint = a_t5(tmp_path)
    backend, exact = load(checkpoint), load_backend(checkpoint, torch.float32, CPU)
    for length in (5, 300, 6):
        batch = Packed.of(prompts([length]))
        assert cosine_similarity(backend.embed(batch), exact.embed(batch)).min() > 0.999


def test_two_neighbouring_weights_never_exceed_sixteen_bits() -> None:
    layout = Layout("avx2", 16, 127, 128)
    weight = np.random.default_rng(0).standard_normal((64, 384), np.float32) ** 3
    linear = Linear.of(weight, None, layout)
    rows = linear.panels.transpose(0, 2, 1, 3).reshape(64, 384).astype(int)
    of_one_sign = rows[:, ::2] * rows[:, 1::2] > 0
    sums = np.abs(rows[:, ::2] + rows[:, 1::2])[of_one_sign]
    assert 255 * sums.max() <= 32_767
    np.testing.assert_allclose(rows * linear.scales[:, None], weight, atol=linear.scales.max() / 2 + 1e-6)


def test_kernels_can_be_chosen_and_unknown_ones_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(library.CHOICE, "avx9")
    assert library.best_layout.__wrapped__() is None
    monkeypatch.setattr(library, "opened", lambda: None)
    monkeypatch.delenv(library.CHOICE)
    assert library.best_layout.__wrapped__() is None


def test_without_the_library_torch_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "best_layout", lambda: None)
    model = INSTRUCTOR("mini", "cpu", "int8")
    assert not isinstance(model.backend, Int8Backend)
    assert np.isfinite(model.encode("the boats leave at nine")).all()


def test_where_torch_has_no_int8_ours_run_what_they_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if library.best_layout() is None:
        pytest.skip("the library was not compiled")
    for module in (loading, device):
        monkeypatch.setattr(module, "has_int8", lambda device: False)
        monkeypatch.setattr(device, "has_amx", lambda device: False)
    assert isinstance(INSTRUCTOR("mini", "cpu").backend, Int8Backend)
    modern = write(tmp_path, "modernbert", hidden_size=64, intermediate_size=128)
    assert INSTRUCTOR(modern, "cpu").dtype == torch.float32
    with pytest.raises(InvalidArguments, match="dtype int8"):
        INSTRUCTOR(modern, "cpu", "int8")


@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
def test_passes_are_clean_under_sanitizers(tmp_path: Path, sanitizers: str) -> None:
    program = tmp_path / "driver"
    sources = [str(Path(__file__).with_name("driver_int8.c")), *(str(path) for path in SOURCES.glob("*.c"))]
    options = [*OPTIONS, "-O1", "-g", f"-fsanitize={sanitizers}", "-fno-sanitize-recover", '-DSOURCES="driver"']
    done = subprocess.run([str(COMPILER), *options, *sources, "-o", program], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("the compiler has no sanitizers")
    for name in KERNELS:
        ran = subprocess.run([program, name], capture_output=True, text=True, timeout=500, check=False)
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout in ("ok\n", "none\n")


def test_a_forked_process_has_no_helpers_and_needs_none() -> None:
    if library.best_layout() is None:
        pytest.skip("the library was not compiled")
    script = (
        "import os, warnings, torch; from openclaw_instructor.model.instructor import INSTRUCTOR\n"
        "warnings.simplefilter('ignore')\n"
        "from openclaw_instructor.model.packing import Packed\n"
        "torch.set_num_threads(3)\n"
        "model = INSTRUCTOR('mini', 'cpu', 'int8')\n"
        "type(model.backend).shared_operations = 0\n"
        "batch = Packed.of(model.prompter.render('', ['the boats leave at nine']))\n"
        "before = model.backend.embed(batch)\n"
        "child = os.fork()\n"
        "torch.set_num_threads(5)\n"
        "model.backend.embed(batch)\n"
        "same = (model.backend.embed(batch) == before).all().item()\n"
        "if not child: os._exit(0 if same else 1)\n"
        "print(same, os.waitpid(child, 0)[1])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.split() == ["True", "0"], done.stderr
