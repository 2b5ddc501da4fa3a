"""Real training processes: killed without warning, and several at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from openclaw_instructor.train import train_state
from openclaw_instructor.train.metrics_log import read
from tests.train import toy

# Each test starts three interpreters that import torch.
pytestmark = pytest.mark.timeout(300)
ARGUMENTS = ["--batch-size", "8", "--learning-rate", "0.001", "--save-every", "3", "--log-every", "1"]
# The same program, which in its eighth step gets the signal that cannot be caught.
KILLED = """
import os, signal, sys
from openclaw_instructor.cli import main
from openclaw_instructor.train import contrastive
steps, backward = iter(range(1, 100)), contrastive.backward
def killed(*arguments):
    loss = backward(*arguments)
    if next(steps) == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return loss
contrastive.backward = killed
main(["train", *sys.argv[1:]])
"""

# One step of several processes, then the names of this one's threads: gloo's tell what they are.
LEFT = """
import pathlib, torch
from openclaw_instructor.train.distributed import join
with join(torch.device("cpu")) as world:
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight], fused=True)
    weight.sum().backward()
    world.add_gradients([weight])
    optimizer.step()
    print(f"sum {weight.grad[0]}")
print(*[path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/comm")])
"""


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    # In bfloat16 the order of a sum would show.
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "OPENCLAW_INSTRUCTOR_DTYPE": "float32",
    }
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)


def torchrun(*words: str) -> list[str]:
    return ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone", *words]


def options(data: Path, out: Path, start: Path, steps: int) -> list[str]:
    return [str(data), "--out", str(out), "--checkpoint", str(start), "--steps", str(steps), *ARGUMENTS]


def test_a_killed_process_goes_on_where_it_was(tmp_path: Path, tiny_checkpoint: Path) -> None:
    data, cut, whole = toy.data(tmp_path), tmp_path / "cut", tmp_path / "whole"
    killed = run(["-c", KILLED, *options(data, cut, tiny_checkpoint, 12)])
    assert killed.returncode == -signal.SIGKILL
    assert [path.stem for path in train_state.states(cut)] == ["state-00000003", "state-00000006"]
    assert not (cut / "checkpoint").exists()
    for out in (cut, whole):
        done = run(["-m", "openclaw_instructor", "train", *options(data, out, tiny_checkpoint, 12)])
        assert done.returncode == 0, done.stderr
    assert toy.furthest(cut / "checkpoint", whole / "checkpoint") == 0.0
    assert [row["step"] for row in read(cut / "metrics.jsonl")] == list(range(1, 13))


@pytest.mark.parametrize("chunk", [[], ["--chunk-tokens", "64"]], ids=["one pass", "several passes"])
def test_two_processes_train_as_one_does(tmp_path: Path, tiny_checkpoint: Path, chunk: list[str]) -> None:
    data, one, two = toy.data(tmp_path), tmp_path / "one", tmp_path / "two"
    alone = ["-m", "openclaw_instructor", "train", *options(data, one, tiny_checkpoint, 6), *chunk]
    both = torchrun("-m", "openclaw_instructor", "train", *options(data, two, tiny_checkpoint, 6), *chunk)
    for words in (alone, both):
        done = run(words)
        assert done.returncode == 0, done.stderr
        assert (done.stdout + done.stderr).count("trained: ") == 1
    # Rounding leaves 5e-6; one process's gradient left out of a single step gives 0.04, out of every step 0.9.
    assert toy.apart(one / "checkpoint", two / "checkpoint", tiny_checkpoint) < 1e-3
    assert toy.furthest(tiny_checkpoint, two / "checkpoint") > 2e-3
    losses = [[row["loss"] for row in read(out / "metrics.jsonl")] for out in (one, two)]
    assert losses[1] == pytest.approx(losses[0], abs=0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="the names of threads are read from /proc")
def test_a_group_ends_with_its_training(tmp_path: Path) -> None:
    (tmp_path / "step.py").write_text(LEFT, encoding="utf-8")
    done = run(torchrun(str(tmp_path / "step.py")))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("sum 2.0") == 2
    assert "gloo" not in done.stdout
