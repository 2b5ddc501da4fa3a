from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.instructor import INSTRUCTOR
from openclaw_instructor.model.networks.t5 import T5Encoder
from openclaw_instructor.train.distill.multilingual import recipe
from openclaw_instructor.train.distill.multilingual.config import stage
from tests.evaluate.sets import jsonl
from tests.train.distill.multilingual.toy import RUSSIAN, WORDS, data, english_checkpoint, sentences

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
        options.append("--no-sentences")
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
    assert "288 translations" in output
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
    assert "144 translations" in output
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


def refusal(run: Run, *arguments: str) -> str:
    """The message of a command that ends with status 2."""
    with pytest.raises(AssertionError) as caught:
        run(*arguments)
    output = str(caught.value)
    assert "Error: " in output
    return output


def test_without_data_or_preparation_the_command_says_what_to_give(run: Run, tmp_path: Path) -> None:
    assert "give the folder of aligned texts" in refusal(run, "--out", str(tmp_path / "new"))
    assert "--prepare" in CliRunner().invoke(recipe.main, [str(tmp_path / "data")]).output


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (["--languages", "ru ja"], "--languages ru, not ja ru"),
        (["--pieces", "180"], "--pieces 220, not 180"),
        (["--sentences"], "--sentences no, not yes"),
        (["--seed", "3"], "--seed 0, not 3"),
    ],
)
def test_what_was_prepared_with_other_options_is_not_used(
    run: Run, tmp_path: Path, other: list[str], said: str
) -> None:
    arguments = [str(tmp_path / "data"), "--languages", "ru", "--prepare"]
    run(*arguments)
    run(*arguments)
    assert f"work was prepared with {said}" in refusal(run, *arguments, *other)


def test_another_checkpoint_of_the_same_name_does_not_go_on(run: Run, tmp_path: Path) -> None:
    arguments = [str(tmp_path / "data"), "--languages", "ru", "--prepare"]
    run(*arguments)
    english_checkpoint(tmp_path / "english", seed=1)
    assert "work was prepared with weights of --checkpoint" in refusal(run, *arguments)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"options": {}}', None])
def test_a_work_folder_of_which_nothing_is_known_is_not_used(run: Run, tmp_path: Path, content: str | None) -> None:
    arguments = [str(tmp_path / "data"), "--languages", "ru", "--prepare"]
    run(*arguments)
    path = tmp_path / "work" / "prepared.json"
    path.unlink() if content is None else path.write_text(content)
    assert "prepared.json is missing or damaged" in refusal(run, *arguments)


def test_options_that_cannot_be_used_are_refused_before_the_training(run: Run, tmp_path: Path) -> None:
    arguments = [str(tmp_path / "data"), "--languages", "ru"]
    assert "lie in one another" in refusal(run, *arguments, "--out", str(tmp_path / "work" / "new"))
    assert "lie in one another" in refusal(run, *arguments, "--out", str(tmp_path / "work"))
    assert "leave it out of --languages" in refusal(run, str(tmp_path / "data"), "--languages", "ru en", "--prepare")
    assert "not in the range" in refusal(run, *arguments, "--rows", "0", "0", "--prepare")
    assert not (tmp_path / "work").exists()


def test_the_working_folder_is_a_data_folder_like_another(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "data")
    run(".", "--languages", "ru", "--prepare")
    run(str(tmp_path / "data"), "--languages", "ru", "--prepare")


def test_rows_are_not_trained_again_below_layers(run: Run, tmp_path: Path) -> None:
    arguments = [str(tmp_path / "data"), "--languages", "ru", "--out", str(tmp_path / "new")]
    run(*arguments, "--rows", "4000", "0", "--layers", "2000", "0")
    state = (tmp_path / "work" / "rows" / "state.pt").read_bytes()
    run(*arguments, "--rows", "9000", "0", "--layers", "4000", "0")
    assert (tmp_path / "work" / "rows" / "state.pt").read_bytes() == state


def test_further_data_is_not_passed_over(run: Run, tmp_path: Path) -> None:
    data(tmp_path / "words")
    arguments = ["--languages", "ru", "--prepare"]
    run(str(tmp_path / "data"), *arguments)
    refused = refusal(run, str(tmp_path / "data"), str(tmp_path / "words"), *arguments)
    assert "prepared with DATA data, not data words" in refused


def test_too_few_pieces_are_said(run: Run, tmp_path: Path) -> None:
    assert "fewer than the 5,000 of --pieces" in run(
        str(tmp_path / "data"), "--languages", "ru", "--prepare", "--pieces", "5000"
    )


def test_the_card_says_what_was_learned_from_what_and_how_well(run: Run, tmp_path: Path) -> None:
    rows = [
        {"en": "the " + " ".join(chosen), "text": " ".join(chosen).upper(), "source": source}
        for first in range(9)
        for chosen, source in ((WORDS[first : first + 3], "ms-iot"), (WORDS[first : first + 2], "a|b <c>"))
    ]
    jsonl(tmp_path / "data" / "train" / "no.jsonl.gz", [*rows, {"en": "the pier", "text": "kaien"}])
    arguments = [str(tmp_path / "data"), "--languages", "ru no", "--out", str(tmp_path / "new")]
    output = run(*arguments, "--rows", "20000", "0", "--layers", "20000", "0")
    assert "rows: 0 minutes" in output
    assert f"model use {tmp_path / 'new'}" in output
    card = (tmp_path / "new" / "README.md").read_text(encoding="utf-8")
    assert yaml.safe_load(card.split("---")[1])["language"] == ["en", "no", "ru"]
    assert "made\nfrom `english`" in card
    assert str(tmp_path) not in card
    assert "| toy | 150 | rows of the data folder | not known to the recipe | not known |" in card
    assert "| ms-iot | 9 | Microsoft's IoT for Beginners, lessons | MIT | a machine |" in card
    assert "| a\\|b &lt;c&gt; | 9 | rows of the data folder |" in card
    assert "| rows of data without a source | 1 |" in card
    assert "Of the rows, 9 were translated by a machine, with its mistakes: 5.3%." in card
    assert re.search(r"^\| ru \| 144 \| \d+ \| \d+ \| \d+ \|$", card, re.MULTILINE)
    assert re.search(r"rows: 2\d,\d{3} tokens in 0 minutes; layers: 2\d,\d{3} tokens in 0 minutes", card)
