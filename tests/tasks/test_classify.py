"""Kind classify: labels, abstention with a reason, labels of a single call, and the quality of classify_email."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from openclaw_instructor.engine import Engine
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.registry import Registry
from openclaw_instructor.registry.kinds.classify import ClassifyTask, Label
from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks import classify
from openclaw_instructor.tasks.classifier.corrections import Corrections
from tests.placed_engine import PlacedEngine

PLACES = {
    "cats: about cats": (1.0, 0.0, 0.0),
    "dogs: about dogs": (0.0, 1.0, 0.0),
    "a purring cat": (1.0, 0.1, 0.0),
    "a barking dog": (0.1, 1.0, 0.0),
    "my cat": (0.9, 0.2, 0.0),
    "between": (1.0, 1.0, 0.0),
    "more cat than dog": (0.8, 0.7, 0.0),
    "cats": (1.0, 0.0, 0.0),
    "birds: about birds": (0.0, 0.0, 1.0),
    "a singing bird": (0.0, 0.0, 1.0),
}


def task(**options: Any) -> ClassifyTask:
    labels = [
        Label(name="cats", description="about cats", examples=("a purring cat",)),
        Label(name="dogs", description="about dogs", examples=("a barking dog",)),
    ]
    return ClassifyTask(name="sort", description="d", instruction="Represent the note:", labels=labels, **options)


def run(definition: ClassifyTask, engine: PlacedEngine | None = None, **arguments: Any) -> dict[str, Any]:
    resources = SimpleNamespace(engine=engine or PlacedEngine(PLACES), corrections=Corrections(Path("none")))
    return classify.run(definition, arguments, resources)  # type: ignore[arg-type]


class TestResult:
    def test_a_clear_case(self) -> None:
        result = run(task(), text="my cat")
        assert result["label"] == "cats"
        assert 0.8 < result["score"] <= 1
        assert result["reason"] is None
        assert result["runners_up"] == [{"label": "dogs", "score": pytest.approx(1 - result["score"], abs=2e-4)}]
        assert result["margin"] == pytest.approx(2 * result["score"] - 1, abs=2e-4)
        assert list(result) == "label score margin reason runners_up corrections task truncated notes".split()  # noqa: SIM905

    def test_everything_is_embedded_under_the_tasks_instruction(self) -> None:
        engine = PlacedEngine(PLACES)
        run(task(), engine, text="my cat")
        assert engine.calls == [
            ("Represent the note: ", ["cats: about cats", "dogs: about dogs", "a purring cat", "a barking dog"]),
            ("Represent the note: ", ["my cat"]),
        ]

    def test_labels_are_embedded_once(self) -> None:
        engine = PlacedEngine(PLACES)
        run(task(), engine, text="my cat")
        run(task(), engine, text="between")
        assert [texts for _, texts in engine.calls[1:]] == [["my cat"], ["between"]]
        other = task().model_copy(update={"labels": task().labels[::-1]})
        run(other, engine, text="my cat")
        assert len(engine.calls) == 5, "another label set is fitted anew"

    def test_truncation_is_said(self) -> None:
        result = run(task(), PlacedEngine(PLACES, longest=4), text="my cat")
        assert result["truncated"] is True
        assert result["notes"] == ["the text is longer than the checkpoint reads; its end was left out"]

    def test_megabytes_are_cut_before_they_are_tokenised(self) -> None:
        engine = PlacedEngine(PLACES)
        result = run(task(), engine, text="word " * 40_000)
        assert result["truncated"] is True
        assert len(engine.calls[-1][1][0]) == 20_000


class TestAbstention:
    def test_no_text(self) -> None:
        engine = PlacedEngine(PLACES)
        result = run(task(input="email"), engine, subject=" ", body="\n")
        assert (result["label"], result["score"], result["runners_up"]) == (None, 0.0, [])
        assert result["reason"] == "there is no text to classify"
        assert engine.calls == [], "nothing to embed, so no model is loaded"

    def test_a_low_score_names_the_best_label(self) -> None:
        result = run(task(abstain_below=0.99), text="more cat than dog")
        assert result["label"] is None
        assert result["runners_up"][0] == {"label": "cats", "score": result["score"]}
        assert result["reason"] == f"the best label, `cats`, scores {result['score']:.2f}, under the 0.99 asked for"

    def test_a_small_margin_names_both(self) -> None:
        result = run(task(min_margin=0.2), text="between")
        assert result["label"] is None
        assert "`cats` (0.50) and `dogs` (0.50) are too close to tell apart" in result["reason"]

    def test_a_tie_is_settled_only_when_told_to(self) -> None:
        assert run(task(abstain_below=0, min_margin=0), text="between")["label"] in ("cats", "dogs")

    def test_a_text_unlike_all_examples(self, monkeypatch: pytest.MonkeyPatch) -> None:
        labels = [Label(name=n, description=f"about {n}", examples=(e,) * 12) for n, e in EXAMPLES.items()]
        many = ClassifyTask(name="t", description="d", instruction="i", labels=labels, abstain_below=0.1, min_margin=0)
        result = run(many, text="nothing of the kind")
        assert result["label"] is None
        assert result["reason"].startswith("it is unlike every example of every label (closest: 0.00, expected: ")
        assert run(many.model_copy(update={"abstain_below": 0}), text="nothing of the kind")["label"]


EXAMPLES = {"cats": "a purring cat", "dogs": "a barking dog"}


class TestLabelsOfACall:
    def test_a_known_name_keeps_its_description_and_examples(self) -> None:
        engine = PlacedEngine(PLACES)
        result = run(task(), engine, text="a singing bird", labels=["Cats", "birds: about birds"])
        assert result["label"] == "birds"
        assert engine.calls[0][1] == ["cats: about cats", "birds: about birds", "a purring cat"]

    def test_a_description_given_replaces_them(self) -> None:
        engine = PlacedEngine(PLACES)
        run(task(), engine, text="my cat", labels=["cats: tabbies", "snake_case"])
        assert engine.calls[0][1] == ["cats: tabbies", "snake case"]

    def test_a_name_may_hold_a_colon(self) -> None:
        known = [Label(name="type:bug", description="about cats"), Label(name="type", description="about dogs")]
        engine = PlacedEngine(PLACES)
        labels = ["Type:bug", "type: about dogs", "type:feature", "x: about: cats"]
        run(task().model_copy(update={"labels": tuple(known)}), engine, text="my cat", labels=labels)
        assert engine.calls[0][1] == ["type:bug: about cats", "type: about dogs", "type:feature", "x: about: cats"]
        run(task().model_copy(update={"labels": tuple(known)}), engine, text="my cat", labels=["type:bug: loud", "b"])
        assert "type:bug: loud" in engine.calls[2][1]

    @pytest.mark.parametrize(
        ("labels", "said"),
        [
            (["b", "a: " + "x" * 301], "`labels` describes `a` in 301 characters and the limit is 300; shorten it"),
            (["a", "A"], "`labels` lists `A` twice; name each one once"),
            (["a: x", "a: y"], "`labels` lists `a` twice"),
            ([": x", "b"], "`labels` holds ': x'; write `name` or `name: description`"),
            (["b", "x" * 61], "write `name` or `name: description`"),
        ],
    )
    def test_unusable_labels(self, labels: list[str], said: str) -> None:
        with pytest.raises(InvalidArguments) as refusal:
            run(task(), text="my cat", labels=labels)
        assert said in refusal.value.message


class TestEmail:
    def test_fields(self) -> None:
        engine = PlacedEngine(PLACES | {"my cat\n\nit purrs": (1.0, 0.0, 0.0)})
        result = run(task(input="email"), engine, subject="my cat", body="<p>it purrs</p>", **{"from": "Ann"})
        assert result["label"] == "cats"
        assert (result["subject"], result["from"], result["attachments"]) == ("my cat", "Ann", [])

    def test_a_whole_message(self) -> None:
        result = run(task(input="email"), raw="Subject: my cat\nFrom: Ann <a@example.org>\n\n> older\n")
        assert (result["subject"], result["from"]) == ("my cat", "Ann <a@example.org>")

    def test_a_broken_message_is_still_classified(self) -> None:
        result = run(task(input="email"), raw="my cat")
        assert result["label"] == "cats"
        assert result["notes"] == [
            "no headers found; the whole text was taken as the body",
            "there are only a few words: the label rests on little",
        ]

    def test_a_delivery_report_is_never_what_its_text_suggests(self) -> None:
        report = "From: MAILER-DAEMON@mx.example\nSubject: my cat\nContent-Type: multipart/report; boundary=B; "
        report += "report-type=delivery-status\n\n--B\n\nmore cat than dog\n"
        roles = {"suspicious": ["cats"], "automatic": ["dogs"]}
        result = run(task(input="email", evidence=roles), raw=report)
        assert result["label"] == "dogs"
        assert {each["sign"] for each in result["evidence"]} == {"delivery_report"}
        assert any(note.startswith("by its text alone it would be cats (") for note in result["notes"])
        assert run(task(input="email"), raw=report)["evidence"] == []

    def test_no_label_is_drawn_from_a_subject_whose_text_could_not_be_read(self) -> None:
        sealed = base64.b64encode(b"\x78\x9f\x3e\x22 damaged").decode()
        mail = "Subject: my cat\nContent-Type: application/ms-tnef; name=winmail.dat\n"
        result = run(task(input="email"), raw=f"{mail}Content-Transfer-Encoding: base64\n\n{sealed}")
        assert result["label"] is None
        assert result["reason"] == "its text could not be read, and its subject alone says too little"
        assert result["runners_up"][0]["label"] == "cats"

    def test_no_message_at_all(self) -> None:
        with pytest.raises(InvalidArguments, match="give `subject` and `body`, or the whole mail as `raw`"):
            run(task(input="email"), **{"from": "Ann"})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(Settings(home=tmp_path_factory.mktemp("mini"), threads=1, load_wait=600))
    yield engine
    engine.close()


MAIL = yaml.safe_load((Path(__file__).parents[1] / "data" / "emails.yaml").read_text(encoding="utf-8"))


def sort_mail(mini: Engine, messages: list[dict[str, str]]) -> list[str | None]:
    definition = Registry.load(mini.settings).get("classify_email")
    assert isinstance(definition, ClassifyTask)
    resources = SimpleNamespace(engine=mini, corrections=Corrections(Path("none")))
    return [classify.run(definition, message, resources)["label"] for message in messages]  # type: ignore[arg-type]


@pytest.mark.mini
class TestBundledCheckpoint:
    """Mail written for this test, most of it after the labels: see tests/data/emails.yaml."""

    def test_most_mail_finds_its_label(self, mini: Engine) -> None:
        pairs = [(label, message) for label, messages in MAIL["held_out"].items() for message in messages]
        found = sort_mail(mini, [message for _, message in pairs])
        answered = [(truth, label) for (truth, _), label in zip(pairs, found, strict=True) if label]
        right = sum(truth == label for truth, label in answered)
        assert right >= 0.6 * len(pairs)
        assert right >= 0.7 * len(answered)

    def test_what_is_no_mail_of_these_kinds_is_mostly_left_alone(self, mini: Engine) -> None:
        found = sort_mail(mini, MAIL["none"])
        assert sum(label is None for label in found) >= 0.75 * len(found)

    def test_no_test_mail_is_an_example(self) -> None:
        packaged = (Path(__file__).parents[2] / "instructions.yaml").read_text(encoding="utf-8")
        for split in ("tune", "held_out"):
            for messages in MAIL[split].values():
                assert not [message for message in messages if message["body"][:60] in packaged]
