"""Whatever somebody puts into `config.yaml`, it is read in bounded time and memory, and no value is quoted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidSettings
from openclaw_instructor.flat_yaml import MAX_BYTES, read_flat
from openclaw_instructor.settings import Settings

SECRET = "tok-3n-of-somebody"
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
MERGES = "a0: &a0 {k: v}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 8))
HOSTILE = {
    "alias bomb": BOMB,
    "merge keys": MERGES,
    "nested": "checkpoint: " + "[" * 30_000,
    "nested mappings": "checkpoint: " + "{a: " * 15_000,
    "base 60": "port: 1" + ":0" * 30_000,
    "base 60 by its tag": "port: !!int 1" + ":0" * 2_000,
    "a long number by its tag": "port: !!int " + "9" * 4_000 + ":0.5",
    "long number": "port: " + "9" * 60_000,
    "large": "# " + "x" * MAX_BYTES + "\n",
    "alias": f"token: *{SECRET}\n",
    "an anchor's alias": f"host: &a {SECRET}\ntoken: *a\n",
    "twice": f"token: {SECRET}\ntoken: {SECRET}\n",
    "a list": f"token: [{SECRET}]\n",
    "not YAML": f"token: {SECRET}: {SECRET}\n",
    "a tag": f"token: !!python/object/apply:os.system [{SECRET}]\n",
    "text alone": SECRET,
    "a control character": f"token: {SECRET}\x01\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_and_nothing_is_quoted(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(HOSTILE[name])
    with pytest.raises(InvalidSettings) as refused:
        read_flat(path)
    assert str(path) in refused.value.message
    assert SECRET not in refused.value.message
    assert len(refused.value.message) < 1_000


def test_they_take_little_time_and_memory(tmp_path: Path) -> None:
    # The child limits itself: code that runs between fork and exec may wait for a lock of another thread for ever.
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (10, 10))\n"
        "import sys; from pathlib import Path; from openclaw_instructor.errors import InvalidSettings\n"
        "from openclaw_instructor.flat_yaml import read_flat\n"
        "for path in map(Path, sys.argv[1:]):\n"
        "    try: read_flat(path)\n"
        "    except InvalidSettings: pass\n"
    )
    paths = [tmp_path / f"{number}.yaml" for number in range(len(HOSTILE))]
    for path, text in zip(paths, HOSTILE.values(), strict=True):
        path.write_text(text)

    subprocess.run([sys.executable, "-c", code, *map(str, paths)], check=True, timeout=110)


def test_plain_values_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("checkpoint: mini\nport: 8737\noffline: true\ndevice:\ntoken: 2026-02-30\n# the end\n")
    values = {"checkpoint": "mini", "port": 8737, "offline": True, "device": None, "token": "2026-02-30"}
    assert read_flat(path) == values
    path.write_text("")
    assert read_flat(path) == {}
    assert read_flat(tmp_path / "none.yaml") == {}


@pytest.mark.parametrize("text", ["[]", "false", "0", "''", "- checkpoint"])
def test_a_file_that_holds_no_settings_is_not_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InvalidSettings, match="must hold"):
        read_flat(path)


def test_off_is_a_word_and_only_true_and_false_are_truth_values(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("watch: off\noffline: yes\nopenclaw_sync: false\n")
    assert read_flat(path) == {"watch": "off", "offline": "yes", "openclaw_sync": False}


def test_a_mapping_is_read_where_one_belongs(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("prompts: {query: 'query: '}\nport: 1\n")
    assert read_flat(path, mappings=["prompts"]) == {"prompts": {"query": "query: "}, "port": 1}
    for text, said in {
        "port: {query: a}": "list or a mapping",
        "prompts: [a]": "list or a mapping",
        "prompts: {query: {a: b}}": "list or a mapping",
        "prompts: {query: a, query: b}": "`query` a second time",
        "port: 1\nprompts: {query: a}\nport: 2": "`port` a second time",
    }.items():
        path.write_text(text)
        with pytest.raises(InvalidSettings, match=said):
            read_flat(path, mappings=["prompts"])


def test_what_the_documentation_says_can_be_written_is_read(home: Path) -> None:
    (home / "config.yaml").write_text("watch: off\noffline: on\nprompts: {query: 'query: ', document: 'passage: '}\n")
    settings = Settings.load(home)
    assert (settings.watch, settings.offline) == ("off", True)
    assert settings.prompts == {"query": "query: ", "document": "passage: "}


@pytest.mark.parametrize(
    ("text", "said"),
    [("watch: never", "must be local, all or off"), ("token: 12345", "must be text; write it in quotes")],
)
def test_a_value_that_does_not_fit_is_told_with_what_does(home: Path, text: str, said: str) -> None:
    (home / "config.yaml").write_text(text)
    with pytest.raises(InvalidSettings, match=said):
        Settings.load(home)


def test_every_mistake_is_told_with_its_value_and_its_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_CACHE_MB", "-1")
    (home / "config.yaml").write_text("threads: many\nport: 70000\noffline: perhaps\ntoken: short\ntreads: 2\n")
    with pytest.raises(InvalidSettings) as caught:
        Settings.load(home, load_wait=0)
    file = home / "config.yaml"
    assert caught.value.message.split("; ") == [
        "setting `offline` is `perhaps`, must be true or false",
        f"correct it in {file}",
        "setting `threads` is `many`, must be a whole number",
        f"correct it in {file}",
        "setting `port` is `70000`, must be at most 65535",
        f"correct it in {file}",
        "setting `token` must be at least 8 characters long",
        f"correct it in {file}",
        "setting `load_wait` is `0`, must be more than 0.0",
        "correct it on the command line",
        "setting `cache_mb` is `-1`, must be at least 0",
        "correct it in $OPENCLAW_INSTRUCTOR_CACHE_MB",
        f"unknown setting `treads` in {file}",
        "did you mean `threads`?",
    ]
