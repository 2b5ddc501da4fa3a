"""Teaching: the next call knows, on every surface; nothing is learned from what cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from openclaw_instructor.errors import InvalidArguments, UnknownTask
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings
from tests.conftest import Command

TASKS = """\
tasks:
  sort_mail:
    kind: classify
    input: email
    description: d
    instruction: "Represent the mail:"
    abstain_below: 0
    min_margin: 0
    labels: [{name: home, examples: [the roof leaks]}, {name: work, examples: [the report is due]}]
  sort_notes:
    kind: classify
    description: d
    instruction: "Represent the note:"
    labels: [{name: home}, {name: work}]
  teach: {enabled: true}
"""
MAIL = "From: Ann <ann@example.org>\nSubject: {}\n\n{}\n"


@pytest.fixture
def toolbox(home: Path, tiny_checkpoint: Path) -> Iterator[Toolbox]:
    (home / "instructions.yaml").write_text(TASKS)
    with Toolbox(settings=Settings.load(home, checkpoint=str(tiny_checkpoint))) as toolbox:
        yield toolbox


def other(label: str | None) -> str:
    return "home" if label == "work" else "work"


def test_the_next_call_knows_and_undo_forgets(toolbox: Toolbox) -> None:
    mail = {"raw": MAIL.format("Friday", "Could you look at it before the weekend?")}
    before = toolbox.run("sort_mail", mail)
    taught = toolbox.teach("sort_mail", other(before["label"]).upper(), mail)
    assert (taught["label"], taught["answered"], taught["known"]) == (other(before["label"]), before["label"], False)
    after = toolbox.run("sort_mail", mail)
    assert (after["label"], after["corrections"]) == (other(before["label"]), 1)
    assert toolbox.teach("sort_mail", other(before["label"]), mail)["known"] is True
    toolbox.undo_correction(taught["correction"])
    again = toolbox.run("sort_mail", mail)
    assert (again["label"], again["score"], again["corrections"]) == (before["label"], before["score"], 0)


def test_contradictions_and_replacements_are_told(toolbox: Toolbox) -> None:
    first = toolbox.teach("sort_mail", "work", {"subject": "", "body": "the roof leaks"})
    assert first["contradictions"] == [{"label": "home", "correction": None, "similarity": 1.0}]
    second = toolbox.teach("sort_mail", "home", {"subject": "the roof leaks"})
    # What it replaces, the same text with another label, does not contradict it.
    assert second["replaced"] == first["correction"] not in [each["correction"] for each in second["contradictions"]]
    third = toolbox.teach("sort_mail", "work", {"subject": "The roof leaks"})
    assert third["replaced"] == second["correction"]
    report = toolbox.corrections_report("sort_mail")
    assert report["in_force"] == 1
    assert {each["correction"] for each in report["contradictions"]} <= {third["correction"]}


def test_a_correction_counts_only_for_its_task_and_label(toolbox: Toolbox) -> None:
    toolbox.teach("sort_notes", "work", {"text": "a"})
    assert toolbox.run("sort_notes", {"text": "a"})["corrections"] == 1
    assert toolbox.run("sort_mail", {"subject": "a"})["corrections"] == 0
    assert toolbox.run("sort_notes", {"text": "a", "labels": ["home", "garden"]})["corrections"] == 0


@pytest.mark.parametrize(
    ("task", "label", "message", "said"),
    [
        ("sort_mail", "wrok", {"subject": "a"}, "has no label `wrok`; did you mean `work`?"),
        ("sort_mail", "work", {"subject": " "}, "nothing was learned: there is no text to classify"),
        ("sort_mail", "work", {"text": "a"}, "unknown argument `text`"),
        ("search_docs", "work", {}, "of kind search; only tasks of kind classify"),
    ],
)
def test_what_cannot_be_learned(toolbox: Toolbox, task: str, label: str, message: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArguments) as refusal:
        toolbox.teach(task, label, message)
    assert said in refusal.value.message
    assert toolbox.corrections.all() == []


class TestRules:
    def test_a_rule_decides_unless_the_sender_is_doubtful(self, toolbox: Toolbox) -> None:
        mail = MAIL.format("Friday", "Could you look at it?")
        wanted = other(toolbox.run("sort_mail", {"raw": mail})["label"])
        rule = toolbox.add_rule("sort_mail", "Ann@Example.org", wanted)
        assert rule["text"] == "ann@example.org"
        ruled = toolbox.run("sort_mail", {"raw": mail})
        assert (ruled["label"], ruled["notes"]) == (wanted, ["the label is that of your rule for ann@example.org"])
        doubtful = f"Authentication-Results: mx.example.org; dmarc=fail\n{mail}"
        result = toolbox.run("sort_mail", {"raw": doubtful})
        assert result["label"] != wanted
        assert result["notes"] == [
            "your rule for ann@example.org was not applied: the mail failed the check of its sender"
        ]
        toolbox.undo_correction(rule["id"])
        assert toolbox.run("sort_mail", {"raw": mail})["notes"] == []

    def test_an_address_goes_before_its_domain(self, toolbox: Toolbox) -> None:
        toolbox.add_rule("sort_mail", "example.org", "home")
        toolbox.add_rule("sort_mail", "ann@example.org", "work")
        assert toolbox.run("sort_mail", {"raw": MAIL.format("a", "b")})["label"] == "work"
        bob = {"subject": "a", "from": "bob@example.org"}
        assert toolbox.run("sort_mail", bob)["label"] == "home"
        assert toolbox.run("sort_mail", bob | {"from": "bob@notexample.org"})["notes"] == [
            "there is no text but the subject: the label rests on it alone"
        ]

    def test_one_is_suggested_after_three_of_a_kind(self, toolbox: Toolbox) -> None:
        notes = [toolbox.teach("sort_mail", "work", {"raw": MAIL.format(n, n)})["notes"] for n in ("one", "two", "six")]
        assert notes[:2] == [[], []]
        assert notes[2] == [
            "all 3 mails of this sender that were taught are work; `tasks corrections rule` makes that a rule"
        ]

    def test_it_needs_an_address(self, toolbox: Toolbox) -> None:
        for sender in (
            "",
            "Ann",
            "a b@example.org",
            "@",
            "*@example.org",
            "*.example.org",
            "a\x00@example.org",
            "a\u200b@b.org",
        ):
            with pytest.raises(InvalidArguments, match="is no address"):
                toolbox.add_rule("sort_mail", sender, "work")
        with pytest.raises(InvalidArguments, match="takes texts, which have no sender"):
            toolbox.add_rule("sort_notes", "ann@example.org", "work")


class TestTool:
    def test_it_is_off_until_the_owner_shows_it(self, toolbox: Toolbox, home: Path) -> None:
        spec = next(spec for spec in toolbox.tools() if spec.name == "teach")
        assert (spec.effect, spec.annotations["readOnlyHint"]) == ("write", False)
        (home / "instructions.yaml").write_text(TASKS.replace("  teach: {enabled: true}\n", ""))
        assert "teach" not in {spec.name for spec in toolbox.tools()}
        with pytest.raises(UnknownTask):
            toolbox.run("teach", {"label": "work", "subject": "a"})

    def test_it_teaches(self, toolbox: Toolbox) -> None:
        result = toolbox.run("teach", {"task": "sort_notes", "label": "work", "text": "a"})
        assert result["corrections"] == 1
        assert toolbox.corrections.all()[0].source == "tool"

    def test_it_may_be_limited_to_some_tasks(self, toolbox: Toolbox, home: Path) -> None:
        limited = TASKS.replace("{enabled: true}", "{extends: packaged, teaches: [sort_notes]}")
        (home / "instructions.yaml").write_text(limited)
        assert toolbox.run("teach", {"label": "work", "text": "a"})["task"] == "sort_notes"
        with pytest.raises(InvalidArguments, match="use one of sort_notes"):
            toolbox.run("teach", {"task": "sort_mail", "label": "work", "subject": "a"})


def test_on_the_command_line(
    command: Command, home: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENCLAW_INSTRUCTOR_CHECKPOINT", str(tiny_checkpoint))
    (home / "instructions.yaml").write_text(TASKS)
    assert "nothing was taught yet" in command("tasks", "corrections", "list").err
    mail = ["classify", "--task", "sort_mail", "--subject", "Tea", "--body", "at: four?"]
    assert "learned as correction 1: work, was" in command(*mail, "--correct", "work").err
    assert "known already as correction 1" in command(*mail, "--correct", "work").err
    assert command(*mail, "--json").json["label"] == "work"
    assert "Tea" in command("tasks", "corrections", "list").out
    rule = command("tasks", "corrections", "rule", "sort_mail", "example.org", "home")
    assert "rule 2: @example.org is home" in rule.err
    exported = command("tasks", "corrections", "export", "sort_mail").out
    assert exported.startswith("# rule: all mail of @example.org is home\n")
    labels = yaml.safe_load(exported)["tasks"]["sort_mail"]["labels"]
    assert labels[1]["examples"] == ["the report is due", "Tea\n\nat: four?"]
    (home / "instructions.yaml").write_text(exported)
    assert command("tasks", "check").status == 0
    assert "took back 1: work for Tea" in command("tasks", "corrections", "undo", "1").err
    listed = command("tasks", "corrections", "list", "--json").json["corrections"]
    assert [each["id"] for each in listed] == [2]
    assert len(command("tasks", "corrections", "list", "--all", "--json").json["corrections"]) == 2


def test_export_of_a_packaged_task_says_only_what_is_new(command: Command, home: Path) -> None:
    Toolbox(home).corrections.add("classify_email", "notification", "Undelivered mail")
    assert yaml.safe_load(command("tasks", "corrections", "export", "classify_email").out)["tasks"] == {
        "classify_email": {
            "extends": "packaged",
            "labels": [{"name": "notification", "examples": ["Undelivered mail"]}],
        }
    }


def test_export_of_an_extended_task_adds_to_what_its_entry_says(command: Command, home: Path) -> None:
    own = {"extends": "packaged", "labels": [{"name": "billing", "examples": ["Invoice of the boiler"]}]}
    (home / "instructions.yaml").write_text(yaml.safe_dump({"version": 1, "tasks": {"classify_email": own}}))
    for label, text in (("billing", "Second reminder"), ("notification", "Undelivered mail")):
        Toolbox(home).corrections.add("classify_email", label, text)
    entry = yaml.safe_load(command("tasks", "corrections", "export", "classify_email").out)["tasks"]["classify_email"]
    assert entry["labels"] == [
        {"name": "billing", "examples": ["Invoice of the boiler", "Second reminder"]},
        {"name": "notification", "examples": ["Undelivered mail"]},
    ]
