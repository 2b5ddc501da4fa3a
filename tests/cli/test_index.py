"""`index`, `search`, `embed` and `doctor` on a real index with a small random checkpoint."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from openclaw_instructor.cli.output import plain
from tests.conftest import Command
from tests.server.serving import PROGRAM


@pytest.fixture(autouse=True)
def tiny(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_CHECKPOINT", str(tiny_checkpoint))
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_THREADS", "1")
    return tiny_checkpoint


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "garlic.md").write_text("# Garlic\n\n## Planting\n\nPlant the cloves before the ground freezes.\n")
    (folder / "shed.txt").write_text("The shed needs a new roof.\n")
    return folder


def test_add_search_sync_remove(command: Command, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(notes)
    added = command("index", "add", "docs", ".", "--json")
    assert added.status == 0, added.err
    assert [(report["collection"], report["added"]) for report in added.json["collections"]] == [("docs", 2)]

    found = command("search", "cloves before the ground freezes", "--mode", "keyword", "--top-k", "1", "--json").json
    assert found["hits"][0]["file"] == str(notes / "garlic.md")
    assert "Planting" in found["hits"][0]["heading"]
    shown = command("search", "cloves before the ground freezes", "--mode", "keyword", "--top-k", "1")
    assert shown.out.startswith("1. garlic.md:")
    assert "Plant the cloves" in shown.out

    (notes / "shed.txt").unlink()
    synced = command("index", "sync", "--json").json["collections"][0]
    assert (synced["removed"], synced["unchanged"], synced["embedded"]) == (1, 1, 0)
    status = command("index", "status", "--json").json["collections"][0]
    assert (status["name"], status["documents"], status["folders"]) == ("docs", 1, [str(notes)])
    assert "up to date" in command("index", "status").out

    assert command("index", "remove", "docs", "--json").json == {"removed": "docs"}
    assert command("index", "status", "--json").json == {"collections": []}


def test_advice_is_about_the_home_that_was_named(command: Command, tmp_path: Path) -> None:
    home = tmp_path / "another home"
    said = command("--home", str(home), "search", "cloves", "--mode", "keyword").err
    assert f"openclaw-instructor --home '{home}' index add docs FOLDER" in said
    assert "openclaw-instructor index add docs FOLDER" in command("search", "cloves", "--mode", "keyword").err


def test_the_advice_of_the_status_is_about_the_home_that_was_named(
    command: Command, notes: Path, tmp_path: Path
) -> None:
    home = tmp_path / "another home"
    command("--home", str(home), "index", "add", "docs", str(notes), "--no-sync")
    said = command("--home", str(home), "index", "status").out
    table, sentence = said.splitlines()[:-1], said.splitlines()[-1]
    assert "not indexed" in table[1]
    command_line = f"openclaw-instructor --home '{home}' index sync docs"
    assert sentence == f"collection `docs` has not been indexed yet; run `{command_line}`"


def test_a_collection_can_be_registered_now_and_indexed_later(command: Command, notes: Path) -> None:
    added = command("index", "add", "docs", str(notes), "--exclude", "*.txt", "--no-sync", "--json")
    assert added.json["collections"][0]["documents"] == 0
    assert command("index", "sync", "docs", "--json").json["collections"][0]["added"] == 1


def test_what_the_note_on_other_types_advises_takes_nothing_away(command: Command, notes: Path) -> None:
    (notes / "shed.odd").write_text("roof = None\n")
    first = command("index", "add", "docs", str(notes), "--json").json["collections"][0]
    assert (first["added"], "(.odd); name them with --include" in first["notes"][0]) == (2, True)
    second = command("index", "add", "docs", str(notes), "--include", "*.odd", "--json").json["collections"][0]
    assert (second["added"], second["removed"], second["unchanged"], second["notes"]) == (1, 0, 2, [])
    only = command("index", "add", "docs", str(notes), "--include", "!*", "--include", "*.odd", "--json")
    assert [only.json["collections"][0][key] for key in ("removed", "unchanged")] == [2, 1]


def test_searching_before_indexing_says_what_to_do(command: Command) -> None:
    result = command("search", "anything")
    assert result.status in (0, 2)
    assert result.out == ""
    assert "openclaw-instructor index add docs" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["index", "add", "docs", "/no/such/folder"], "/no/such/folder"),
        (["index", "add", "do/cs", "."], "collection name 'do/cs'"),
        (["index", "sync", "nope"], "nope"),
        (["index", "status", "nope"], "nope"),
        (["index", "remove", "nope"], "nope"),
        (["search", "x", "--collection", "nope"], "nope"),
    ],
)
def test_mistakes_with_collections(command: Command, notes: Path, arguments: list[str], said: str) -> None:
    assert command("index", "add", "docs", str(notes)).status == 0
    result = command(*arguments)
    assert result.status == 2
    assert said in result.err
    assert "Traceback" not in result.err


def test_embed_prints_normalised_vectors(command: Command) -> None:
    result = command("embed", "one text", "another", "--input-type", "search_docs.query", "--json").json
    assert result["truncated"] == []
    assert [entry["index"] for entry in result["data"]] == [0, 1]
    for entry in result["data"]:
        assert len(entry["embedding"]) == 24
        assert sum(value * value for value in entry["embedding"]) == pytest.approx(1, abs=1e-4)
    assert "(24)" in command("embed", "one text").out


def test_embed_tells_what_was_cut(command: Command) -> None:
    assert command("embed", "short", "long " * 200, "--json").json["truncated"] == [1]


def test_what_was_indexed_cannot_steer_the_terminal() -> None:
    assert plain("a\x1b[2Jb\x07\x9bc\td\n") == "a[2Jbc\td\n"


def test_doctor_passes_and_names_the_next_step(command: Command) -> None:
    result = command("doctor", "--json")
    assert result.status == 0, result.out
    findings = {finding["check"]: finding for finding in result.json["findings"]}
    assert findings["index"]["level"] == "warn"
    assert findings["index"]["fix"].startswith("openclaw-instructor index add")
    assert {"python", "torch", "home", "tasks", "checkpoint", "daemon"} <= set(findings)


def test_doctor_finds_what_is_broken(
    command: Command, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "instructions.yaml").write_text("tasks: 7\n")
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_CHECKPOINT", str(tmp_path))
    result = command("doctor", "--json")
    assert (result.status, result.json["ok"]) == (1, False)
    broken = {finding["check"] for finding in result.json["findings"] if finding["level"] == "fail"}
    assert broken == {"tasks", "checkpoint"}
    assert all(finding["fix"] for finding in result.json["findings"] if finding["level"] == "fail")


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [("DTYPE", "float32", "torch's, on cpu"), ("CHECKPOINT", "st:any/model", "those of sentence-transformers")],
)
def test_doctor_says_which_kernels_the_settings_choose(
    command: Command, monkeypatch: pytest.MonkeyPatch, setting: str, value: str, said: str
) -> None:
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_DEVICE", "cpu")
    monkeypatch.setenv(f"OPENCLAW_INSTRUCTOR_{setting}", value)
    findings = {finding["check"]: finding for finding in command("doctor", "--json").json["findings"]}
    assert findings["checkpoint"]["level"] == "ok"
    assert findings["kernels"]["message"] == said


def test_doctor_refuses_more_dimensions_than_the_checkpoint_has(command: Command, home: Path) -> None:
    (home / "config.yaml").write_text("dimensions: 9000\n")
    findings = {finding["check"]: finding for finding in command("doctor", "--json").json["findings"]}
    assert (findings["checkpoint"]["level"], findings["checkpoint"]["fix"]) == ("fail", "lower it")


def test_doctor_survives_a_broken_configuration(command: Command, home: Path) -> None:
    (home / "config.yaml").write_text("- no\n")
    result = command("doctor", "--json")
    assert result.status == 1
    assert result.json["findings"][-1]["check"] == "settings"


def test_a_running_daemon_answers_unless_told_otherwise(
    command: Command, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openclaw_instructor.daemon import lifecycle
    from openclaw_instructor.settings import Settings

    commands = [
        ["index", "add", "docs", str(notes), "--json"],
        ["search", "the shed", "--json"],
        ["match", "a", "a", "b", "--json"],
        ["embed", "a", "b", "--json"],
        ["index", "status", "--json"],
        ["run", "semantic_matc", "--json"],
        ["search", "x", "--collection", "nope", "--json"],
        ["index", "remove", "docs", "--json"],
    ]
    here = [command("--in-process", *arguments) for arguments in commands]
    # Whether changes are followed is known only where they are.
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_WATCH", "off")
    settings = Settings.load()
    lifecycle.ensure(settings)
    try:
        # Without the library there is only the daemon to answer.
        monkeypatch.delattr("openclaw_instructor.resources.HomeResources.__init__")
        there = [command(*arguments) for arguments in commands]
    finally:
        lifecycle.stop(settings)
    assert [output.status for output in there] == [output.status for output in here] == [0, 0, 0, 0, 0, 2, 2, 0]
    for arguments, one, other in zip(commands, here, there, strict=True):
        assert shape(one.json) == shape(other.json), arguments


def shape(value: object) -> object:
    """The keys and types of a JSON value: what scripts rely on."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


@pytest.mark.parametrize("words", [["index", "add", "docs"], ["embed", "--file"], ["evaluate"]], ids=" ".join)
def test_a_home_of_nobody_is_said(command: Command, words: list[str]) -> None:
    done = command(*words, "~nobody-of-that-name/notes")
    assert done.status == 2
    assert "no home folder for `~nobody-of-that-name`" in done.err


@pytest.mark.parametrize("query", ["--error-on-warnings", "-w"])
def test_a_query_that_looks_like_an_option_names_the_way(command: Command, notes: Path, query: str) -> None:
    refused = command("search", query, "--top-k", "1")
    assert refused.status == 2
    assert f"to search for it: openclaw-instructor search -- {query}" in refused.err
    (notes / "flags.md").write_text("Pass --error-on-warnings or -w to the runner.\n")
    command("index", "add", "docs", str(notes))
    assert "runner" in command("search", "--top-k", "1", "--mode", "keyword", "--", query).out


def test_a_path_from_here_is_known_to_everybody(command: Command, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command("index", "add", "docs", str(notes))
    monkeypatch.chdir(notes)
    for path in ("./garlic.md", "../notes/garlic.md", ".", "garlic.md"):
        found = command("search", "cloves", "--mode", "keyword", "--path", path, "--json").json
        assert found["count"] == 1, path


def test_fields_and_collections_are_repeated(command: Command, notes: Path) -> None:
    (notes / "ann.md").write_text("---\nauthor: Ann Smith\ntags: roof\n---\nThe roof leaks.\n")
    command("index", "add", "docs", str(notes / "shed.txt"))
    command("index", "add", "more", str(notes / "ann.md"))
    search = ("search", "roof", "--mode", "keyword", "--collection", "docs", "--collection", "more", "--json")
    assert command(*search).json["count"] == 2
    assert command(*search, "--where", "author=ann", "--where", "tags=roof").json["count"] == 1
    assert "write it like --where author=Ann" in command(*search, "--where", "author").err


def test_an_empty_collection_has_0_documents(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    command("index", "add", "docs", str(tmp_path / "empty"))
    assert command("index", "status").out.splitlines()[1].split()[:3] == ["docs", "0", "0"]


def output_of(*arguments: str, **environment: str) -> bytes:
    """Standard output of the program, as a process of its own writes it."""
    done = subprocess.run([*PROGRAM, *arguments], env=os.environ | environment, stdout=subprocess.PIPE, check=True)
    return done.stdout


def test_an_encoding_that_lacks_a_sign_replaces_it(notes: Path, command: Command) -> None:
    (notes / "rocket.md").write_text("# Start 🚀\n\nrocket day – Friday €\n")
    assert command("index", "add", "docs", str(notes)).status == 0
    for encoding in ("latin-1", "cp1252", "ascii"):
        search = ("search", "rocket", "--mode", "keyword")
        assert b"rocket day" in output_of(*search, PYTHONIOENCODING=encoding)
        found = json.loads(output_of(*search, "--json", PYTHONIOENCODING=encoding).decode(encoding))
        assert "rocket day – Friday €" in found["hits"][0]["snippet"]


def test_files_are_listed_and_checked(command: Command, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(notes)
    assert command("index", "files", "--check").status == 3
    command("index", "add", "docs", str(notes))
    listed = command("index", "files", "docs", "--check")
    assert listed.status == 0
    assert [line.split()[:3] for line in listed.out.splitlines()[1:]] == [
        ["garlic.md", "indexed", "1"],
        ["shed.txt", "indexed", "1"],
    ]
    (notes / "new.md").write_text("new\n")
    found = command("index", "files", "--state", "new", "--check", "--json")
    assert found.status == 3
    assert [entry["file"] for entry in found.json["files"]] == [str(notes / "new.md")]
    assert len(command("index", "files", "--path", "./shed.txt", "--json").json["files"]) == 1
    assert command("index", "files").status == 0


def test_compacting_says_what_was_freed(command: Command, notes: Path) -> None:
    command("index", "add", "docs", str(notes))
    assert set(command("index", "compact", "--json").json) == {"before", "after", "freed", "notes"}
    assert command("index", "compact").err.startswith("freed 0.0 kB: the index takes ")


def test_an_interruption_says_what_is_kept(command: Command, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("openclaw_instructor.engine.Engine.submit", interrupted)
    for arguments in (("add", "docs", str(notes)), ("sync",)):
        stopped = command("index", *arguments)
        assert stopped.status == 130
        assert "interrupted; what is done is kept" in stopped.err
        assert "daemon" not in stopped.err


def test_an_interruption_says_that_a_daemon_goes_on(
    command: Command, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openclaw_instructor.daemon import lifecycle
    from openclaw_instructor.settings import Settings

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    settings = Settings.load()
    lifecycle.ensure(settings)
    monkeypatch.setattr("openclaw_instructor.daemon.client.Client.index_sync", interrupted)
    try:
        for arguments in (("add", "docs", str(notes)), ("sync",)):
            stopped = command("index", *arguments)
            assert stopped.status == 130
            assert "the daemon goes on with the sync; `openclaw-instructor daemon stop` ends both" in stopped.err
    finally:
        lifecycle.stop(settings)


def test_a_search_explains_itself(command: Command, notes: Path) -> None:
    command("index", "add", "docs", str(notes))
    shown = command("search", "planting cloves", "--explain", "--top-k", "1")
    assert "meaning: 1. (cosine " in shown.out
    assert "weights: meaning " in shown.err
    assert "left out: 2. " in shown.err
    assert command("search", "cloves", "--explain", "--json").json["hits"][0]["explain"]["words"]["rank"] == 1


def test_where_an_expected_file_was_lost(command: Command, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(notes)
    command("index", "add", "docs", ".")
    found = command("index", "inspect", "cloves", "--expect", "./garlic.md")
    assert (found.status, found.out.startswith("garlic.md, lines")) == (0, True)
    assert ": found as hit 1" in found.out
    lost = command("index", "inspect", "cloves", "--expect", "garlic.md", "--path", "*.txt", "--json")
    assert (lost.status, lost.json["stage"], lost.json["reason"]) == (3, "filtered", "`path` leaves it out")
    assert lost.json["result"]["count"] <= 1
    wrong = command("index", "inspect", "cloves", "--expect", "garlic.md", "--task", "classify_email")
    assert "is of kind classify; name one that searches" in wrong.err


def test_a_text_that_looks_like_an_option_names_the_way_elsewhere_too(command: Command) -> None:
    for arguments in (("match", "--word"), ("index", "inspect", "--word"), ("index", "files", "-w")):
        assert "if it is a text, write `--` before it" in command(*arguments).err
    assert "`--`" not in command("index", "compact", "--word").err


def test_looking_after_the_index(command: Command, notes: Path, tmp_path: Path, home: Path) -> None:
    command("index", "add", "docs", str(notes))
    whole = command("index", "verify")
    assert (whole.status, whole.err.startswith("the index is whole: 1 collection, 2 documents")) == (0, True)
    copy, export = str(tmp_path / "copy.db"), str(tmp_path / "docs.export")
    assert command("index", "backup", copy, "--json").json["documents"] == 2
    assert command("index", "export", export, "docs", "--json").json["collections"][0]["documents"] == 2
    assert command("index", "remove", "docs").status == 0
    moved = command("index", "import", export, "--root", f"{notes}={tmp_path / 'moved'}")
    assert (moved.status, "imported docs (2 documents)" in moved.err, "moved is not there" in moved.err) == (
        0,
        True,
        True,
    )
    assert command("index", "import", export).status == 2
    assert command("index", "import", export, "--root", "nothing").status == 2
    restored = command("index", "restore", copy)
    assert (restored.status, "is kept as" in restored.err) == (0, True)
    assert command("search", "cloves", "--mode", "keyword", "--json").json["hits"][0]["file"] == str(
        notes / "garlic.md"
    )
    (home / "index.db").write_bytes(b"not a database at all" * 500)
    for suffix in ("-wal", "-shm"):
        (home / f"index.db{suffix}").unlink(missing_ok=True)
    refused = command("search", "cloves")
    assert (refused.status, "run `openclaw-instructor index repair`" in refused.err) == (1, True)
    assert command("index", "verify", "--json").status == 3
    mended = command("index", "repair", "--json").json
    assert Path(mended["kept"]).read_bytes().startswith(b"not a database")
    assert command("index", "verify").status == 0
    assert command("index", "repair").err == "nothing was to be mended\n"
