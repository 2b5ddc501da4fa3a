"""Tasks come from YAML: what is accepted, how every mistake is named, and that an edit never takes tools away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidRegistry, UnknownInstruction, UnknownTask
from openclaw_instructor.registry import Registry, check
from openclaw_instructor.registry.kinds.classify import ClassifyTask
from openclaw_instructor.registry.kinds.list import ListTask
from openclaw_instructor.registry.kinds.match import MatchTask
from openclaw_instructor.registry.kinds.read import ReadTask
from openclaw_instructor.registry.kinds.search import SearchTask
from openclaw_instructor.registry.registry import packaged_path
from openclaw_instructor.settings import Settings

SIXTIES = ":0" * 1_900_000
MATCH = """\
tasks:
  find_similar:
    kind: match
    description: Find similar notes.
    instruction: "Represent the note for finding similar notes:"
"""


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings.load(home)


def write(settings: Settings, text: str) -> Path:
    settings.instructions_path.write_text(text, encoding="utf-8")
    return settings.instructions_path


class TestPackaged:
    def test_it_is_sound(self) -> None:
        assert check(packaged_path()) == []

    def test_the_kinds_are_there(self, settings: Settings) -> None:
        tasks = Registry.load(settings).tasks
        assert [(name, type(task)) for name, task in tasks.items()] == [
            ("search_docs", SearchTask),
            ("read_document", ReadTask),
            ("list_documents", ListTask),
            ("semantic_match", MatchTask),
            ("classify_email", ClassifyTask),
        ]

    def test_instructions_have_the_trained_form(self, settings: Settings) -> None:
        registry = Registry.load(settings)
        texts = [task.instruction(role) for task in registry.tasks.values() for role in task.roles]
        for text in [*texts, *registry.embeddings.values()]:
            assert re.fullmatch(r"Represent the [\w ]+? for [\w -]+: |Represent the [\w ]+: ", text), text

    def test_every_label_is_described_and_exemplified(self, settings: Settings) -> None:
        task = Registry.load(settings).get("classify_email")
        assert isinstance(task, ClassifyTask)
        for label in task.labels:
            assert label.description, label.name
            assert len(label.examples) >= 5, label.name
            assert label.name in task.description, "the description tells a caller every label"
        examples = [example for label in task.labels for example in label.examples]
        assert len(set(examples)) == len(examples)


class TestOverlay:
    def test_a_new_name_adds_a_task_after_the_packaged_ones(self, settings: Settings) -> None:
        write(settings, MATCH)
        registry = Registry.load(settings)
        assert list(registry.tasks)[-1] == "find_similar"
        assert registry.problem is None
        assert registry.get("find_similar").instruction() == "Represent the note for finding similar notes: "

    def test_the_same_name_replaces_in_place(self, settings: Settings) -> None:
        write(settings, MATCH.replace("find_similar", "search_docs"))
        registry = Registry.load(settings)
        assert next(iter(registry.tasks)) == "search_docs"
        assert registry.get("search_docs").kind == "match"

    @pytest.mark.parametrize("body", ["{enabled: false}", "\n    enabled: no\n"])
    def test_enabled_false_hides(self, settings: Settings, body: str) -> None:
        write(settings, f"tasks:\n  semantic_match: {body}")
        assert "semantic_match" not in Registry.load(settings).tasks

    def test_a_whole_task_can_be_switched_off_too(self, settings: Settings) -> None:
        write(settings, MATCH + "    enabled: false\n")
        assert "find_similar" not in Registry.load(settings).tasks

    def test_embeddings_are_laid_over_by_name(self, settings: Settings) -> None:
        write(settings, "embeddings:\n  query: '  Represent the plea:   '\n  poem: 'Represent the poem:'\n")
        embeddings = Registry.load(settings).embeddings
        assert embeddings["query"] == "Represent the plea: "
        assert embeddings["poem"] == "Represent the poem: "
        assert embeddings["passage"] == "Represent the document for retrieval: "

    @pytest.mark.parametrize("text", ["", "# nothing yet\n", "version: 1\ntasks:\nembeddings:\n"])
    def test_an_empty_overlay_changes_nothing(self, settings: Settings, text: str) -> None:
        bare = Registry.load(settings).digest
        write(settings, text)
        registry = Registry.load(settings)
        assert (registry.problem, registry.digest) == (None, bare)

    def test_a_byte_order_mark_is_no_mistake(self, settings: Settings) -> None:
        settings.instructions_path.write_bytes(b"\xef\xbb\xbf" + MATCH.encode())
        assert Registry.load(settings).problem is None


class TestInstructions:
    def test_checkpoints_may_differ(self, settings: Settings) -> None:
        mapping = "{default: 'Represent the note:', hkunlp/instructor-xl: 'Represent the XL note:', plain: ''}"
        write(settings, MATCH.replace('"Represent the note for finding similar notes:"', mapping))
        task = Registry.load(settings).get("find_similar")
        assert task.instruction("text", "mini") == "Represent the note: "
        assert task.instruction("text", "hkunlp/instructor-xl") == "Represent the XL note: "
        assert task.instruction("text", "/models/plain/") == ""

    @pytest.mark.parametrize(
        ("input_type", "expected"),
        [
            ("", ""),
            ("query", "Represent the question for retrieving supporting documents: "),
            ("search_docs.document", "Represent the document for retrieval: "),
            ("classify_email", "Represent the email for classifying its purpose: "),
            ("classify_email.text", "Represent the email for classifying its purpose: "),
            (" Represent the poem for retrieval:", "Represent the poem for retrieval: "),
        ],
    )
    def test_what_an_input_type_may_be(self, settings: Settings, input_type: str, expected: str) -> None:
        assert Registry.load(settings).embedding_instruction(input_type, "mini") == expected

    @pytest.mark.parametrize(
        ("input_type", "hint"),
        [("pasage", "did you mean `passage`?"), ("search_docs", "did you mean `search_docs."), ("zzz", "known: query")],
    )
    def test_an_unknown_one_lists_what_is_known(self, settings: Settings, input_type: str, hint: str) -> None:
        with pytest.raises(UnknownInstruction, match=re.escape(hint)):
            Registry.load(settings).embedding_instruction(input_type, "mini")


class TestReload:
    def test_an_edit_is_followed(self, settings: Settings) -> None:
        registry = Registry.load(settings)
        before = registry.digest
        assert registry.refresh() is False
        write(settings, MATCH)
        assert registry.refresh() is True
        assert "find_similar" in registry.tasks
        assert registry.digest != before
        settings.instructions_path.unlink()
        assert registry.refresh() is True
        assert registry.digest == before

    def test_a_comment_is_no_change(self, settings: Settings) -> None:
        write(settings, MATCH)
        registry = Registry.load(settings)
        write(settings, "# my tasks\n" + MATCH)
        assert registry.refresh() is False

    def test_a_broken_edit_keeps_the_last_good_tasks(self, settings: Settings) -> None:
        path = write(settings, MATCH)
        registry = Registry.load(settings)
        good = registry.digest
        write(settings, MATCH.replace("kind: match", "kind: mach"))
        assert registry.refresh() is False
        assert registry.digest == good
        assert registry.problem == (
            f"{path}:3: tasks.find_similar.kind: is `mach`, which is not a kind of task; did you mean `match`?"
        )
        write(settings, MATCH + "    top_k: 9\n")
        assert registry.refresh() is True
        assert registry.problem is None

    def test_a_start_on_a_broken_overlay_keeps_its_sound_entries(self, settings: Settings) -> None:
        write(settings, MATCH + "  broken:\n    kind: search\n  search_docs:\n    kind: oops\n")
        registry = Registry.load(settings)
        assert list(registry.tasks) == [*Registry(packaged_path(), Path("none")).tasks, "find_similar"]
        assert registry.get("search_docs").kind == "search"
        assert registry.problem is not None
        assert registry.problem.startswith(f"{settings.instructions_path}:6: tasks.broken.")

    def test_a_broken_packaged_file_is_said_plainly(self, tmp_path: Path) -> None:
        broken = tmp_path / "packaged.yaml"
        broken.write_text("tasks: [1]\n")
        with pytest.raises(InvalidRegistry, match=r"packaged\.yaml:1: tasks: must be a mapping"):
            Registry(broken, tmp_path / "none.yaml")


def test_an_unknown_task_is_answered_with_the_nearest(settings: Settings) -> None:
    with pytest.raises(UnknownTask, match=r"no task `serch_docs`; did you mean `search_docs`\? \(yours are"):
        Registry.load(settings).get("serch_docs")


LABELS = "[{name: a}, {name: b}]"
CLASSIFY = f"tasks:\n  t:\n    kind: classify\n    description: d\n    instruction: i\n    labels: {LABELS}\n"

MISTAKES = [
    ("a tab", "tasks:\n\tx: 1\n", 2, "is indented with a tab; replace the tab by two spaces"),
    ("not YAML", "tasks: {a: [\n", 2, "is not valid YAML"),
    ("a list", "- a\n", 1, "must hold keys"),
    ("unknown section", "taks: {}\n", 1, "taks: is not a known key; did you mean `tasks`?"),
    ("version", "version: 2\n", 1, "version: is 2, which this release does not know; write `version: 1`"),
    ("tasks as list", "tasks:\n  - a\n", 1, "tasks: must be a mapping of name to entry"),
    ("task twice", MATCH + MATCH.removeprefix("tasks:\n"), 6, "tasks.find_similar: is written twice (first on line 2)"),
    ("key twice", MATCH + "    kind: match\n", 6, "tasks.find_similar.kind: is written twice (first on line 3)"),
    ("a name with a dash", MATCH.replace("_", "-"), 2, "tasks.find-similar: is not a valid tool name"),
    ("a reserved name", MATCH.replace("find_similar", "instructor_task"), 2, "choose another"),
    (
        "no kind",
        "tasks:\n  t:\n    description: d\n",
        2,
        "tasks.t: has no `kind`; add `kind:`, one of classify, cluster, dedupe, index, list, match, read, rerank, sea",
    ),
    (
        "a packaged task without a kind",
        "tasks:\n  semantic_match:\n    threshold: 0.5\n",
        2,
        "tasks.semantic_match: has no `kind`; add `extends: packaged` to change the packaged task, or",
    ),
    ("hidden nothing", "tasks:\n  semantic_mach: {enabled: false}\n", 2, "did you mean `semantic_match`?"),
    ("a task that is text", "tasks:\n  t: match\n", 2, "tasks.t: must be a mapping"),
    ("missing key", MATCH.replace("    description: Find similar notes.\n", ""), 2, "description: is missing; add"),
    ("unknown key", MATCH + "    treshold: 1\n", 6, "treshold: is not a known key; did you mean `threshold`?"),
    ("name as key", MATCH + "    name: other\n", 6, "the name is the key above it"),
    ("out of range", MATCH + "    top_k: 0\n", 6, "tasks.find_similar.top_k: is 0; give a number of at least 1"),
    ("not a number", MATCH + "    top_k: many\n", 6, "tasks.find_similar.top_k: is 'many'; "),
    ("too long", MATCH.replace("Find similar notes.", "d" * 301), 4, "is 301 characters long; the limit is 300"),
    ("empty", MATCH.replace("Find similar notes.", '" "'), 4, "description: is empty"),
    ("bool as text", MATCH.replace("Find similar notes.", "no"), 4, "must be text, not bool; put it in quotes"),
    ("blank instruction", CLASSIFY.replace("instruction: i", 'instruction: " "'), 5, "instruction: must be text or"),
    ("no default", CLASSIFY.replace("instruction: i", "instruction: {mini: x}"), 5, "needs a `default`"),
    ("one label", CLASSIFY.replace(LABELS, "[{name: a}]"), 6, "labels: has 1 entries; give at least 2"),
    (
        "labels as mapping",
        CLASSIFY.replace(LABELS, "{a: [x], b: [y]}"),
        6,
        "labels: must be a list, not a mapping; write",
    ),
    ("labels as text", CLASSIFY.replace(LABELS, "[a, b]"), 6, "labels[0]: must be a mapping, not `a`; write its keys"),
    ("label twice", CLASSIFY.replace("name: b", "name: A"), 6, "label `A` is listed twice"),
    ("label key", CLASSIFY.replace("name: b", "name: b, exmples: []"), 6, "labels[1].exmples: is not a known key; did"),
    ("label that is a bool", CLASSIFY.replace("name: b", "name: no"), 6, "labels[1].name: must be text, not bool"),
    ("enumeration", CLASSIFY + "    input: mail\n", 7, "tasks.t.input: is 'mail'; did you mean `email`?"),
    ("embedding name", "embeddings:\n  a.b: x\n", 2, "embeddings.a.b: is not a usable name"),
    ("embedding value", "embeddings:\n  a: 3\n", 2, "embeddings.a: must be text or a mapping"),
    ("endless alias", "tasks: &a\n  t: *a\n", None, "aliases that expand without end"),
    ("unreadable value", "tasks:\n  t: !!int x\n", 1, "holds a value YAML cannot read"),
]


def test_a_misspelt_kind_hides_no_other_mistake_and_a_misspelt_key_is_not_missing(settings: Settings) -> None:
    text = MATCH.replace("kind: match", "kind: macth").replace("description:", "descripton:")
    problems = [str(problem) for problem in check(write(settings, text))]
    assert len(problems) == 2
    assert "kind: is `macth`, which is not a kind of task; did you mean `match`?" in problems[0]
    assert "descripton: is not a known key; did you mean `description`?" in problems[1]


@pytest.mark.parametrize(("text", "line", "said"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_every_mistake_is_named_with_its_line(settings: Settings, text: str, line: int | None, said: str) -> None:
    path = write(settings, text)
    problems = [str(problem) for problem in check(path)]
    assert problems, "not found"
    assert said in problems[0]
    assert problems[0].startswith(f"{path}:{line}: " if line else f"{path}: ")
    registry = Registry.load(settings)
    assert registry.problem == problems[0]
    with pytest.raises(UnknownTask, match=re.escape(problems[0])):
        registry.get("mine")
    assert set(registry.tasks) >= {"search_docs", "semantic_match", "classify_email"}


def test_all_mistakes_of_a_file_are_listed_in_order(settings: Settings) -> None:
    path = write(settings, "foo: 1\n" + MATCH + "    top_k: 0\n    treshold: 1\n")
    assert [problem.line for problem in check(path)] == [1, 7, 8]
    assert check(path)[1].as_dict() == {
        "file": str(path),
        "line": 7,
        "key": "tasks.find_similar.top_k",
        "what": "is 0",
        "fix": "give a number of at least 1",
    }


def test_a_date_is_text(settings: Settings) -> None:
    write(settings, CLASSIFY.replace("name: b", "name: 2026-01-31"))
    task = Registry.load(settings).get("t")
    assert isinstance(task, ClassifyTask)
    assert task.labels[1].name == "2026-01-31"


def test_a_file_that_is_not_utf8(settings: Settings) -> None:
    settings.instructions_path.write_bytes(b"tasks: {}\n# caf\xe9\n")
    assert "is not UTF-8 (byte 15); save it as UTF-8" in str(check(settings.instructions_path)[0])


def test_a_file_that_cannot_be_read(settings: Settings) -> None:
    settings.instructions_path.mkdir()
    assert "cannot be read (Is a directory)" in str(Registry.load(settings).problem)


def test_an_edit_of_the_same_size_is_noticed(settings: Settings) -> None:
    path = write(settings, MATCH + "    top_k: 3\n")
    registry = Registry.load(settings)
    write(settings, MATCH + "    top_k: 4\n")
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert registry.refresh() is True


def test_loading_the_registry_needs_nothing_heavy() -> None:
    code = (
        "import sys; from openclaw_instructor import Registry; from openclaw_instructor.settings import Settings;"
        "[task.parameters() for task in Registry.load(Settings.load()).tasks.values()];"
        "print(sorted({'torch', 'numpy', 'jsonschema', 'mcp', 'httpx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("written", ["1" + SIXTIES, "!!int 1" + SIXTIES, "!!float 1" + ":0" * 999 + ".5"])
def test_a_number_to_the_base_of_60_is_none(settings: Settings, written: str) -> None:
    """Read as one it takes minutes, and more than a float can hold."""
    assert check(write(settings, f"tasks:\n  x:\n    description: {written}\n"))
