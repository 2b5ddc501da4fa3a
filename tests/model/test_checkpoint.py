from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub_stand_in import HubStandIn

from openclaw_instructor.errors import CheckpointUnavailable, InstructorError, InvalidCheckpoint
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.encoder import Encoder


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def test_opening_reads_shape_and_limit(checkpoint: Path) -> None:
    opened = Checkpoint.open(checkpoint)
    assert (opened.dimension, opened.max_seq_length, opened.shape.layers) == (24, 48, 2)
    assert opened.parameters == sum(p.numel() for p in Encoder.from_checkpoint(opened).parameters())


def test_opening_loads_no_torch(checkpoint: Path) -> None:
    code = (
        "import sys; from openclaw_instructor.model.checkpoint import Checkpoint\n"
        "from openclaw_instructor.model.prompt import Prompter\n"
        f"c = Checkpoint.open({str(checkpoint)!r}); c.identity; Prompter(c).render('a: ', ['b'])\n"
        "print(sorted({'torch', 'numpy', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_identity_follows_the_weights(copy: Path) -> None:
    before = Checkpoint.open(copy).identity
    assert before == Checkpoint.open(copy).identity
    data = bytearray((copy / "model.safetensors").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "model.safetensors").write_bytes(data)
    assert Checkpoint.open(copy).identity != before


def _drop(name: str) -> object:
    return lambda folder: (folder / name).unlink()


def _cut(name: str) -> object:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-2000])


def _change(name: str, **keys: object) -> object:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | keys))

    return change


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_drop("modules.json"), "modules.json is missing"),
        (_drop("model.safetensors"), "neither model.safetensors nor pytorch_model.bin"),
        (_drop("tokenizer.json"), "neither tokenizer.json nor spiece.model"),
        (_cut("model.safetensors"), "damaged or incomplete"),
        (_cut("tokenizer.json"), "cannot be read"),
        (_change("config.json", d_ff=65), "config.json says"),
        (_change("config.json", num_layers=3), "is missing; the weights do not fit"),
        (_change("config.json", model_type="bert"), "only T5 encoders"),
        (_change("config.json", feed_forward_proj="gated-gelu"), "only `relu` and `gelu`"),
        (_change("2_Dense/config.json", activation_function="torch.nn.Tanh"), "only Identity"),
        (_change("1_Pooling/config.json", pooling_mode_mean_tokens=False), "only mean pooling"),
    ],
)
def test_a_harmed_checkpoint_is_named(copy: Path, harm: object, message: str) -> None:
    from openclaw_instructor.model.instructor import INSTRUCTOR

    harm(copy)  # type: ignore[operator]
    with pytest.raises(InvalidCheckpoint, match=message) as caught:
        INSTRUCTOR(str(copy), device="cpu").encode(["x"])
    assert str(copy) in str(caught.value)


def test_a_pickle_in_the_weights_is_not_run(copy: Path, tmp_path: Path) -> None:
    import pickle

    class Attack:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, (f"open({str(tmp_path / 'owned')!r}, 'w')",)

    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Attack()))
    with pytest.raises(InvalidCheckpoint, match="damaged"):
        Checkpoint.open(copy).tensors()
    assert not (tmp_path / "owned").exists()


def test_a_name_that_is_nothing() -> None:
    with pytest.raises(InvalidCheckpoint, match="no such folder"):
        Checkpoint.open("./nowhere/at-all")


def _open_in_child(hub: HubStandIn, cache: Path, call: str) -> dict[str, str]:
    """The hub client reads its endpoint when imported, so every look-up runs in a process of its own."""
    code = (
        "import json\nfrom openclaw_instructor.errors import InstructorError\n"
        "from openclaw_instructor.model.checkpoint import Checkpoint\n"
        f"try:\n c = {call}\n out = {{'folder': str(c.folder), 'identity': c.identity, 'revision': c.revision}}\n"
        " c.tensors()\n"
        "except InstructorError as e:\n out = e.as_dict()\nprint(json.dumps(out))"
    )
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(cache), "PATH": "/usr/bin:/bin", "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    result: dict[str, str] = json.loads(done.stdout)
    return result


def test_a_hub_id_is_downloaded_once_and_then_found_offline(checkpoint: Path, tmp_path: Path) -> None:
    name = "Checkpoint.open('someone/instructor-tiny')"
    with HubStandIn("someone/instructor-tiny", checkpoint) as hub:
        first = _open_in_child(hub, tmp_path, name)
        assert first["revision"] == hub.commit
        assert any("model.safetensors" in path for path in hub.requests)
        assert not any("onnx" in path for path in hub.requests), "only what is needed is fetched"
        hub.requests.clear()
        assert _open_in_child(hub, tmp_path, name) == first
        assert hub.requests == []
    assert _open_in_child(hub, tmp_path, name.replace("')", "', offline=True)")) == first


def test_a_revision_is_pinned(checkpoint: Path, tmp_path: Path) -> None:
    with HubStandIn("someone/instructor-tiny", checkpoint) as hub:
        pinned = f"Checkpoint.open('someone/instructor-tiny', revision='{hub.commit}')"
        assert _open_in_child(hub, tmp_path, pinned)["revision"] == hub.commit
        wrong = _open_in_child(hub, tmp_path, "Checkpoint.open('someone/instructor-tiny', revision='v9')")
    assert wrong["code"] == "checkpoint_unavailable"
    assert "no revision 'v9'" in wrong["message"]


def test_what_is_not_on_the_hub_and_a_hub_that_is_down(checkpoint: Path, tmp_path: Path) -> None:
    with HubStandIn("someone/instructor-tiny", checkpoint) as hub:
        missing = _open_in_child(hub, tmp_path, "Checkpoint.open('someone/else')")
    assert "not on the hub" in missing["message"]
    down = _open_in_child(hub, tmp_path, "Checkpoint.open('someone/instructor-tiny')")
    assert down["code"] == "checkpoint_unavailable"
    assert "model pull someone/instructor-tiny" in down["message"]


def test_offline_says_what_to_do() -> None:
    with pytest.raises(CheckpointUnavailable, match="model pull hkunlp/instructor-xl") as caught:
        Checkpoint.open("hkunlp/instructor-xl", offline=True)
    assert isinstance(caught.value, InstructorError)
