from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from openclaw_instructor.errors import CheckpointUnavailable, InstructorError, InvalidCheckpoint
from openclaw_instructor.model.checkpoint import Checkpoint
from openclaw_instructor.model.networks.t5 import T5Encoder
from tests.model.hub_stand_in import HubStandIn
from tests.model.random_checkpoint import shard, write


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def test_opening_reads_shape_and_limit(checkpoint: Path) -> None:
    opened = Checkpoint.open(checkpoint)
    assert (opened.dimension, opened.max_seq_length, opened.shape.layers) == (24, 48, 2)
    assert opened.parameters == sum(p.numel() for p in T5Encoder.from_checkpoint(opened).parameters())


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


def test_identity_follows_the_shards_and_lower_case(tmp_path: Path) -> None:
    folder = shard(write(tmp_path / "shards"))
    before = Checkpoint.open(folder)
    assert [path.name[:11] for path in before.weight_files] == ["model-00001", "model-00002"]
    assert replace(before, lower_case=True).identity != before.identity
    data = bytearray(before.weight_files[1].read_bytes())
    data[-1] ^= 1
    before.weight_files[1].write_bytes(data)
    assert Checkpoint.open(folder).identity != before.identity


def test_the_identity_of_a_commit_is_that_of_former_versions(checkpoint: Path) -> None:
    """Else every index would be made anew."""
    opened = replace(Checkpoint.open(checkpoint), name="someone/instructor-tiny", revision="0" * 40)
    assert opened.identity == "0aa8129bafcce53b3a582a18"


@pytest.mark.parametrize(
    ("settings", "tokenizer", "limit"),
    [
        ({"max_seq_length": 48}, {"model_max_length": 16}, 48),
        ({"max_seq_length": None}, {"model_max_length": 16}, 16),
        ({}, {"model_max_length": 100_000}, 100_000),
        ({}, {"model_max_length": int(1e30)}, 512),
        ({}, {"model_max_length": 1e30}, 512),
        ({}, {"model_max_length": 0}, 512),
        ({}, {"model_max_length": None}, 512),
        ({}, {}, 512),
        ({}, None, 512),
    ],
)
def test_the_limit_is_that_of_the_tokenizer_where_none_is_given(
    copy: Path, settings: dict[str, object], tokenizer: dict[str, object] | None, limit: int
) -> None:
    (copy / "sentence_bert_config.json").write_text(json.dumps(settings))
    (copy / "tokenizer_config.json").unlink()
    if tokenizer is not None:
        (copy / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    assert Checkpoint.open(copy).max_seq_length == limit


def _index(content: object) -> object:
    def change(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps(content))

    return change


def _drop(name: str) -> object:
    return lambda folder: (folder / name).unlink()


def _cut(name: str) -> object:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-2000])


def _change(name: str, **keys: object) -> object:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | keys))

    return change


def _header(size: int) -> object:
    """Weights whose header has that many bytes, most of them names of tensors without weights."""

    def change(folder: Path) -> None:
        path = folder / "model.safetensors"
        entries: list[str] = []
        while 70 * len(entries) < size:
            entries.append(f'"k{len(entries):08}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}')
        header = f"{{{','.join(entries)}}}".encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + path.read_bytes())

    return change


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_header(12_000_000), "damaged or incomplete .its header claims"),
        (_drop("modules.json"), "modules.json is missing"),
        (_drop("model.safetensors"), "neither model.safetensors nor pytorch_model.bin"),
        (_drop("tokenizer.json"), "neither tokenizer.json nor spiece.model"),
        (_cut("model.safetensors"), "damaged or incomplete"),
        (_cut("tokenizer.json"), "cannot be read"),
        (_index([]), "weight_map does not name files"),
        (_index({"weight_map": {}}), "weight_map does not name files"),
        (_index({"weight_map": {"shared.weight": "../copy/config.json"}}), "weight_map does not name files"),
        (_index({"weight_map": {"shared.weight": "model-1.safetensors"}}), "model-1.safetensors is missing"),
        (_change("config.json", d_ff=65), "config.json says"),
        (_change("config.json", num_layers=3), "is missing; the weights do not fit"),
        (_change("config.json", model_type="mamba"), "T5, BERT, .* run here"),
        (_change("config.json", feed_forward_proj="gated-gelu"), "only `relu` and `gelu`"),
        (_change("2_Dense/config.json", activation_function="torch.nn.Mish"), "only Identity and Tanh"),
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
    # As large as the weights, or the size alone would be refused.
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Attack()) + bytes(1_000_000))
    with pytest.raises(InvalidCheckpoint, match="damaged"):
        Checkpoint.open(copy).tensors()
    assert not (tmp_path / "owned").exists()


def test_a_cut_file_of_before_torch_1_6_is_damaged(tmp_path: Path) -> None:
    folder = write(tmp_path / "bin", safetensors=False, zipped=False)
    weights = folder / "pytorch_model.bin"
    weights.write_bytes(weights.read_bytes()[:-2000])
    with pytest.raises(InvalidCheckpoint, match="damaged or incomplete"):
        Checkpoint.open(folder).tensors()


def test_a_name_that_is_nothing() -> None:
    with pytest.raises(InvalidCheckpoint, match="no such folder"):
        Checkpoint.open("./nowhere/at-all")


def _open_in_child(hub: HubStandIn, cache: Path, call: str, *, read: bool = True) -> dict[str, str]:
    """The hub client reads its endpoint when imported, so every look-up runs in a process of its own.

    To `read` the weights as well takes torch.
    """
    code = (
        # The client waits longer and longer before it asks a hub again that does not answer.
        "import time\ntime.sleep = lambda seconds: None\n"
        "import json\nfrom openclaw_instructor.errors import InstructorError\n"
        "from openclaw_instructor.model.checkpoint import Checkpoint\n"
        f"try:\n c = {call}\n out = {{'folder': str(c.folder), 'identity': c.identity, 'revision': c.revision}}\n"
        + (" c.tensors()\n" if read else "")
        + "except InstructorError as e:\n out = e.as_dict()\nprint(json.dumps(out))"
    )
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(cache), "PATH": "/usr/bin:/bin", "HF_HUB_DISABLE_XET": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
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
        assert _open_in_child(hub, tmp_path, name, read=False) == first
        assert hub.requests == []
    assert _open_in_child(hub, tmp_path, name.replace("')", "', offline=True)")) == first


@pytest.mark.parametrize(
    "file",
    ["sentence_bert_config.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors",
     "tokenizer.json", "tokenizer_config.json"],
)  # fmt: skip
def test_a_file_that_failed_is_asked_for_again(checkpoint: Path, tmp_path: Path, file: str) -> None:
    name = "Checkpoint.open('someone/instructor-tiny')"
    with HubStandIn("someone/instructor-tiny", checkpoint) as hub:
        hub.failing.add(file)
        assert _open_in_child(hub, tmp_path, name)["code"] == "checkpoint_unavailable"
        hub.failing.clear()
        opened = _open_in_child(hub, tmp_path, name, read=file.endswith(".safetensors"))
        assert opened["revision"] == hub.commit
        assert (Path(opened["folder"]) / file).is_file()


def test_what_a_repository_does_not_have_is_not_asked_for_again(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "2_Dense")
    modules = [m for m in json.loads((copy / "modules.json").read_text()) if not m["type"].endswith("Dense")]
    (copy / "modules.json").write_text(json.dumps(modules))
    (copy / "tokenizer.json").rename(copy / "spiece.model")
    (copy / "tokenizer_config.json").unlink()
    with HubStandIn("someone/instructor-tiny", copy) as hub:
        first = _open_in_child(hub, tmp_path, "Checkpoint.open('someone/instructor-tiny')", read=False)
        assert first["revision"] == hub.commit
    assert _open_in_child(hub, tmp_path, "Checkpoint.open('someone/instructor-tiny', offline=True)") == first


def test_shards_are_downloaded_and_one_that_failed_is_asked_for_again(tmp_path: Path) -> None:
    folder = shard(write(tmp_path / "shards"))
    (folder / "pytorch_model.bin").write_bytes(b"of another kind")
    name = "Checkpoint.open('someone/instructor-tiny')"
    with HubStandIn("someone/instructor-tiny", folder) as hub:
        hub.failing.add("model-00002-of-00002.safetensors")
        assert _open_in_child(hub, tmp_path, name)["code"] == "checkpoint_unavailable"
        hub.failing.clear()
        first = _open_in_child(hub, tmp_path, name)
        assert first["revision"] == hub.commit
        assert not any("pytorch_model.bin" in path for path in hub.requests)
        hub.requests.clear()
        assert _open_in_child(hub, tmp_path, name, read=False) == first
        assert hub.requests == []


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


def test_a_projection_through_tanh_is_checked_for_int8_too(copy: Path) -> None:
    from openclaw_instructor.model.instructor import INSTRUCTOR

    _change("2_Dense/config.json", activation_function="torch.nn.modules.activation.Tanh")(copy)  # type: ignore[operator]
    exact, chosen = (INSTRUCTOR(str(copy), device="cpu", dtype=dtype).encode(["x"])[0] for dtype in ("float32", "auto"))
    assert float(exact @ chosen) == pytest.approx(1.0, abs=0.05)
