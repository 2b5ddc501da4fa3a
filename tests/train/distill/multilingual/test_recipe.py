from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.train.distill.multilingual import recipe
from openclaw_instructor.train.distill.multilingual.config import stage
from tests.train.distill.multilingual.toy import RUSSIAN, data, english_checkpoint, sentences

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command on the toy languages in batches that fit them."""
    small = partial(replace, batch_tokens=512, batch_texts=32, warmup_steps=3, log_every=2)
    monkeypatch.setattr(recipe, "stage", lambda *arguments: small(stage(*arguments)))
    english_checkpoint(tmp_path / "english")
    data(tmp_path / "data")

    def command(*more: str) -> str:
        options = ["--checkpoint", str(tmp_path / "english"), "--work", str(tmp_path / "work"), "--pieces", "220"]
        result = CliRunner().invoke(recipe.main, [*options, *more], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return command


def translated(checkpoint: Path) -> float:
    """The share of Russian texts whose nearest English text is theirs."""
    model = INSTRUCTOR(str(checkpoint), device="cpu", dtype="float32")
    rows = sentences(40, RUSSIAN, seed=5)
    english, other = (model.encode([row[side] for row in rows]) for side in (0, 1))
    return float(((other @ english.T).argmax(axis=1) == np.arange(len(rows))).mean())


def test_texts_find_their_translations_and_english_stays(run: Run, tmp_path: Path) -> None:
    arguments = [str(tmp_path / "data"), "--languages", "ru ja", "--out", str(tmp_path / "new")]
    output = run(*arguments, "--rows", "60000", "0", "--layers", "60000", "0")
    assert "300 translations" in output
    assert translated(tmp_path / "new") > 0.6
    before, after = (INSTRUCTOR(str(tmp_path / name), device="cpu", dtype="float32") for name in ("english", "new"))
    texts = [side for side, _ in sentences(40, RUSSIAN, seed=6)]
    cosines = (before.encode(texts) * after.encode(texts)).sum(axis=1)
    assert cosines.mean() > 0.97


def test_the_first_stage_leaves_english_and_the_layers_alone(run: Run, tmp_path: Path) -> None:
    arguments = [str(tmp_path / "data"), "--languages", "ru ja", "--out", str(tmp_path / "new")]
    run(*arguments, "--rows", "4000", "0", "--layers", "1", "0")
    import torch

    before = T5Encoder.from_checkpoint(Checkpoint.open(tmp_path / "english"))
    trained = torch.load(tmp_path / "work" / "rows" / "state.pt", weights_only=True)["encoder"]
    for name, weight in before.state_dict().items():
        own = trained[name][: len(weight)]
        torch.testing.assert_close(own, weight, msg=name)


def test_what_was_prepared_trains_elsewhere_without_the_data(run: Run, tmp_path: Path) -> None:
    run(str(tmp_path / "data"), "--languages", "ru", "--prepare")
    assert not (tmp_path / "work" / "rows").exists()
    (tmp_path / "data").rename(tmp_path / "away")
    output = run("--out", str(tmp_path / "new"), "--rows", "2000", "0", "--layers", "2000", "0")
    assert "150 translations" in output
    assert (tmp_path / "new" / "model.safetensors").is_file()


def test_a_finished_stage_is_not_trained_again(run: Run, tmp_path: Path) -> None:
    arguments = [str(tmp_path / "data"), "--languages", "ru", "--out", str(tmp_path / "new")]
    run(*arguments, "--rows", "4000", "0", "--layers", "2000", "0")
    metrics = tmp_path / "work" / "rows" / "metrics.jsonl"
    before = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    run(*arguments, "--rows", "4000", "0", "--layers", "4000", "0")
    assert [json.loads(line)["step"] for line in metrics.read_text().splitlines()] == before


def test_a_stage_ends_by_the_clock(run: Run, tmp_path: Path) -> None:
    arguments = [str(tmp_path / "data"), "--languages", "ru", "--out", str(tmp_path / "new")]
    run(*arguments, "--rows", "1000000000", "0.002", "--layers", "1000000000", "0.002")
    assert (tmp_path / "new" / "model.safetensors").is_file()


def test_without_data_or_preparation_the_command_says_what_to_give(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InvalidArguments, match="give the folder of aligned texts"):
        run("--out", str(tmp_path / "new"))
    assert "--prepare" in CliRunner().invoke(recipe.main, [str(tmp_path / "data")]).output


def test_a_folder_of_other_languages_is_not_taken_for_these(run: Run, tmp_path: Path) -> None:
    run(str(tmp_path / "data"), "--languages", "ru", "--prepare")
    with pytest.raises(InvalidArguments, match="is for ru; give another --work"):
        run(str(tmp_path / "data"), "--languages", "ru ja", "--prepare")
