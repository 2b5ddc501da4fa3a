"""Many messages: every kind of source, the same answers as one by one, results that survive an interruption."""

from __future__ import annotations

import csv
import json
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openclaw_instructor.documents.email import from_fields
from openclaw_instructor.errors import InvalidArguments, InvalidData, UnreadableSource
from openclaw_instructor.service import Toolbox
from openclaw_instructor.settings import Settings
from openclaw_instructor.tasks.bulk import Classified, classify_items
from openclaw_instructor.tasks.classifier.folders import passed_over, size_of
from openclaw_instructor.tasks.classifier.review import Review
from openclaw_instructor.tasks.classifier.sources import Item, items, labelled_items
from openclaw_instructor.tasks.teach import classify_task
from openclaw_instructor.testing import WordEngine
from tests.conftest import Command

TASKS = """\
tasks:
  sort_mail:
    kind: classify
    input: email
    description: d
    instruction: "Represent the mail:"
    labels:
      - {name: home, examples: [the roof leaks badly, garden roof leaks]}
      - {name: work, examples: [quarterly report budget, budget meeting report]}
"""
MAIL = "From: {0}@example.org\nSubject: {1}\n\n{2}\n"
ROOF, REPORT = "the garden roof leaks", "quarterly budget report"


@pytest.fixture
def toolbox(home: Path) -> Iterator[Toolbox]:
    (home / "instructions.yaml").write_text(TASKS)
    with Toolbox(settings=Settings.load(home), engine=WordEngine()) as toolbox:
        yield toolbox


@pytest.fixture
def post(tmp_path: Path) -> Path:
    """A folder with mail of every kind."""
    folder = tmp_path / "post"
    for name in ("cur", "new", "tmp"):
        (folder / "maildir" / name).mkdir(parents=True)
    (folder / "one.eml").write_text(MAIL.format("ann", "Roof", ROOF))
    (folder / "maildir" / "cur" / "1700000000.a.b:2,S").write_text(MAIL.format("bob", "Report", REPORT))
    box = "".join(f"From x Mon Jan 1\n{MAIL.format('cyd', f'n{n}', ROOF)}\n" for n in range(3))
    (folder / "all.mbox").write_bytes(box.replace("\n", "\r\n").encode())
    (folder / "note.txt").write_text(REPORT)
    (folder / "broken.eml").write_bytes(b"%PDF-1.7\n" + bytes(range(256)))
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / "rows.csv").write_text(f'Subject;BODY;id\nRoof;"{ROOF}";7\n;{REPORT};\n')
    (folder / "rows.jsonl").write_text(json.dumps({"message": ROOF, "subject": "x"}) + "\n\nnot json\n[1]\n")
    return folder


def names(found: list[Item], folder: Path) -> list[str]:
    return [item.name.removeprefix(f"{folder}/") for item in found]


def test_every_source_is_read(post: Path) -> None:
    found = list(items([post]))
    assert names(found, post) == [
        "all.mbox#1",
        "all.mbox#2",
        "all.mbox#3",
        "broken.eml",
        "note.txt",
        "one.eml",
        "rows.csv:7",
        "rows.csv:3",
        "rows.jsonl:1",
        "rows.jsonl:3",
        "rows.jsonl:4",
        "maildir/cur/1700000000.a.b:2,S",
    ]
    assert [bool(item.problem) for item in found] == [item.message is None for item in found]
    assert next(item.problem for item in found if item.problem).startswith("is a PDF, not a mail")
    assert {item.message.body for item in found if item.message} == {ROOF, REPORT}
    assert size_of([post]) == sum(f.stat().st_size for f in post.rglob("*") if f.is_file() and f.suffix != ".png")


def test_columns_may_be_named(tmp_path: Path) -> None:
    table = tmp_path / "t.tsv"
    table.write_text("what\tnote\nthe roof\tx\n")
    with pytest.raises(InvalidData, match="no column holds a text; its columns are what, note"):
        list(items([table]))
    with pytest.raises(InvalidData, match="has no column `waht`"):
        list(items([table], {"text": "waht"}))
    found = list(items([table], {"text": "What"}, is_mail=False))
    assert [item.message.text for item in found if item.message] == ["the roof"]
    with pytest.raises(UnreadableSource, match="is not there"):
        size_of([tmp_path / "none"])


def test_rows_and_tables_without_a_text_are_listed(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"note": "x"}\n{"text": "the roof"}\n{"note": "y"}\n{"text": "leaks"}\n')
    (tmp_path / "other.csv").write_text("what,note\na,b\n")
    (tmp_path / "other.jsonl").write_text('{"what": 1}\n{"what": 2}\n')
    assert [(name, bool(item.problem)) for item in items([rows]) for name in names([item], tmp_path)] == [
        ("rows.jsonl:1", True),
        ("rows.jsonl:2", False),
        ("rows.jsonl:3", True),
        ("rows.jsonl:4", False),
    ]
    found = list(items([tmp_path]))
    assert names(found, tmp_path)[:2] == ["other.csv", "other.jsonl"]
    assert [item.problem[:23] for item in found[:2]] == ["no column holds a text;"] * 2
    assert len(found) == 6
    with pytest.raises(InvalidData, match=r"other\.jsonl: no column holds a text"):
        list(items([tmp_path / "other.jsonl"]))


def test_rows_with_one_id_have_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,text\n1,a\n1,b\n3,c\n,d\n5,e\n,f\n1#3,g\n")
    found = names(list(items([tmp_path])), tmp_path)
    assert found == ["t.csv:1", "t.csv:1#3", "t.csv:3", "t.csv:5", "t.csv:5#6", "t.csv:7", "t.csv:1#3#8"]
    assert found == names(list(items([tmp_path])), tmp_path)


@pytest.mark.parametrize("name", ["Inbox", "archive.2019", "Sent Items"])
def test_an_mbox_without_a_suffix_is_found_in_a_folder(tmp_path: Path, name: str) -> None:
    message = (
        b"From ann@example.org Mon Mar  2 09:00:00 2026\r\nFrom: Ann <ann@example.org>\r\nSubject: Tea\r\n\r\nAt 5?\r\n"
    )
    (tmp_path / name).write_bytes(message + b"\r\n" + message)
    (tmp_path / "Inbox.msf").write_bytes(b"// <!-- <mdb:mork:z v=1.4/> -->")
    (tmp_path / "notes").write_text("From Ann I had a letter today.\nIt was short.\n")
    assert [item.name for item in items([tmp_path])] == [f"{tmp_path / name}#{number}" for number in (1, 2)]
    assert {item.label for item in labelled_items(tmp_path)} == {name}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_files_that_may_not_be_opened_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("post")
    monkeypatch.chdir(tmp_path)
    (folder / "closed").mkdir(parents=True)
    (folder / "note.txt").write_text(REPORT)
    (folder / "closed" / "INBOX").write_text(MAIL.format("ann", "Roof", ROOF))
    (folder / "closed" / "one.eml").write_text(MAIL.format("ann", "Roof", ROOF))
    (folder / "closed" / "scan.pdf").write_bytes(b"%PDF-1.7\n")
    (folder / "INBOX").write_text(MAIL.format("ann", "Roof", ROOF))
    (folder / "INBOX").chmod(0)
    (folder / "closed").chmod(0o444)
    (folder / "letters").mkdir()
    (folder / "letters").chmod(0)
    # The umask may keep the other user out of what is open here.
    folder.chmod(0o755)
    (folder / "note.txt").chmod(0o644)
    # What is imported on the first call may lie where the other user may not read.
    assert all(not item.problem for item in items([folder]))
    assert size_of([folder / "closed" / "one.eml"]) > 0
    process = os.fork()
    if process == 0:
        status = 1
        try:
            # The folders above may be closed to the other user: only the working folder has to be open.
            tmp_path.chmod(0o755)
            os.setuid(12_345)
            closed = "cannot be read (Permission denied)"
            # A file without a suffix may be an mbox.
            assert [item.problem for item in items([folder])] == [closed, "", closed, closed, closed]
            assert [item.problem for item in items([folder / "letters"])] == [closed]
            assert passed_over([folder]).files == {".pdf": 1}
            with pytest.raises(UnreadableSource, match="Permission denied"):
                size_of([folder / "closed" / "one.eml"])
            with pytest.raises(UnreadableSource, match=r"letters: cannot be read \(Permission denied\)"):
                list(labelled_items(folder / "letters"))
            status = 0
        except BaseException:
            traceback.print_exc()
        os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_tables_are_read_in_their_encoding(tmp_path: Path, encoding: str, suffix: str) -> None:
    texts = [
        "Grüße aus Köln, es war schön für uns",
        "Où est le café “Été” ? C’est à côté, très près",
        "plain words",
    ] * 40
    lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    if suffix != ".jsonl":
        lines = ["text", *(f'"{text}"' for text in texts)]
    file = tmp_path / f"table{suffix}"
    file.write_bytes("\r\n".join([*lines, ""]).encode(encoding))
    found = list(items([file], is_mail=False))
    assert [item.message.body for item in found if item.message] == texts
    notes = {note for item in found if item.message for note in item.message.notes}
    assert notes == ({"not UTF-8: read as Windows-1252"} if encoding == "cp1252" else set())


def test_an_encoding_that_shows_late_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "late.csv"
    file.write_bytes(
        b"text\n" + (b"plain " * 50_000 + b"\n") * 5 + "Grüße aus Köln und schöne Ostern\n".encode("cp1252")
    )
    *_, last = items([file], is_mail=False)
    assert last.message is not None
    assert last.message.body == "Grüße aus Köln und schöne Ostern"


def test_an_mbox_is_streamed_as_it_is_read_whole(tmp_path: Path) -> None:
    box = tmp_path / "box.mbox"
    body = "a\n\nFrom here on it is text\n\n>From quoted\n"
    box.write_text(f"From x Mon\n{MAIL.format('a', 'one', body)}\nFrom y Tue\n{MAIL.format('b', 'two', 'last')}")
    found = [item.message for item in items([box]) if item.message]
    assert [message.subject for message in found] == ["one", "two"]
    assert "From here on it is text" in found[0].body
    assert found[0].body.endswith("From quoted")


def test_results_are_those_of_one_by_one(toolbox: Toolbox, post: Path) -> None:
    task = classify_task(toolbox.registry, "sort_mail")
    found = list(classify_items(task, items([post]), toolbox))
    assert [classified.item.name for classified in found] == [item.name for item in items([post])]
    for classified in found:
        if classified.item.message is None:
            assert (classified.result["label"], classified.result["reason"]) == (None, classified.item.problem)
    alone = toolbox.run("sort_mail", {"raw": (post / "one.eml").read_text()})
    assert next(c.result for c in found if c.item.name.endswith("one.eml")).items() <= alone.items()
    left = list(classify_items(task, items([post]), toolbox, skip={found[0].item.name}))
    assert len(left) == len(found) - 1


def test_many_batches_and_what_reading_raises(toolbox: Toolbox) -> None:
    task = classify_task(toolbox.registry, "sort_mail")

    def source(stop: int) -> Iterator[Item]:
        for number in range(1000):
            if number == stop:
                raise InvalidData("the table is broken")
            yield Item(str(number), from_fields("", ROOF if number % 2 else REPORT))

    labels = [classified.result["label"] for classified in classify_items(task, source(-1), toolbox)]
    assert labels == ["work", "home"] * 500
    with pytest.raises(InvalidData, match="the table is broken"):
        list(classify_items(task, source(700), toolbox))
    some = classify_items(task, source(-1), toolbox)
    assert next(some).result["label"] == "work"
    some.close()  # type: ignore[attr-defined]


def test_several_in_one_call(toolbox: Toolbox) -> None:
    messages = [{"subject": "Roof", "body": ROOF}, {"raw": MAIL.format("ann", "Report", REPORT)}, {"subject": " "}]
    result = toolbox.run("sort_mail", {"messages": messages})
    assert [each["label"] for each in result["results"]] == ["home", "work", None]
    assert [each["index"] for each in result["results"]] == [0, 1, 2]
    assert result["results"][2]["reason"] == "there is no text to classify"
    quoting = {"subject": "Re: Roof", "body": f"{ROOF}\n\n> older"}
    noted = toolbox.run("sort_mail", {"messages": [quoting, {"subject": "Roof", "body": ROOF}, quoting]})["notes"]
    assert noted == ["0, 2: quoted reply left out"]
    assert (result["count"], result["labels"], result["unlabelled"]) == (3, {"home": 1, "work": 1}, 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"messages": [{"subject": "a"}] * 51}, "has 51 entries and the limit is 50; send fewer"),
        ({"messages": [{"subject": "a"}], "body": "b"}, "give either one message or `messages`, not both"),
        ({"messages": [{"subject": "a"}, {}]}, "messages[1]: sort_mail: there is no message"),
        ({"messages": [{"subject": "a" * 3000}]}, "`messages[0].subject` is 3,000 characters long"),
        ({"messages": []}, "`messages` has 0 entries"),
        ({"messages": [{"boddy": "a"}]}, "boddy"),
    ],
)
def test_what_cannot_be_sent_at_once(toolbox: Toolbox, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidArguments) as refusal:
        toolbox.run("sort_mail", arguments)
    assert said in refusal.value.message


def classified(name: str, label: str | None, margin: float = 0.5, sender: str = "") -> Classified:
    message = from_fields("s", "b", sender)
    result: dict[str, Any] = {
        "label": label,
        "score": 0.8,
        "margin": margin,
        "reason": None if label else "unsure",
        "notes": [],
    }
    return Classified(Item(name, message), result | {"runners_up": [{"label": "other", "score": 0.1}], "subject": "s"})


def test_the_doubtful_come_first() -> None:
    review = Review(3)
    for number in range(5):
        review.add(classified(f"news {number}", "home", 0.9, "news@example.org"))
    review.add(classified("close", "home", 0.1))
    review.add(classified("none", None, 0.0))
    review.add(classified("strange", "work", 0.9, "news@example.org"))
    assert [(row["name"], row["why"]) for row in review.rows] == [
        ("strange", "other mail of this sender is home"),
        ("none", "unsure"),
        ("close", "the next label is other"),
    ]
    assert [(each["label"], each["count"]) for each in review.summary()] == [("home", 6), ("work", 1), (None, 1)]


class TestCommand:
    @pytest.fixture(autouse=True)
    def _engine(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (home / "instructions.yaml").write_text(TASKS)
        monkeypatch.setattr("openclaw_instructor.engine.Engine", lambda settings: WordEngine())

    @pytest.mark.parametrize("suffix", ["csv", "jsonl"])
    def test_an_interrupted_run_goes_on(self, command: Command, post: Path, tmp_path: Path, suffix: str) -> None:
        out = tmp_path / f"out.{suffix}"
        sort = ["classify", str(post), "--task", "sort_mail", "--out", str(out)]
        assert command(*sort, "--json").json["count"] == 12
        whole = out.read_text()
        assert command(*sort).status == 2, "nothing is overwritten"
        out.write_text("".join(whole.splitlines(keepends=True)[:6])[:-5])
        again = command(*sort, "--resume", "--json").json
        assert again["count"] + again["skipped"] == 12
        assert again["skipped"] in (4, 5)
        assert sorted(out.read_text().splitlines()) == sorted(whole.splitlines())

    @pytest.mark.parametrize("suffix", ["csv", "jsonl"])
    def test_a_run_goes_on_wherever_it_was_cut(self, command: Command, tmp_path: Path, suffix: str) -> None:
        (tmp_path / "t.csv").write_text(f'id,text\n"a\nb",{ROOF}\n"c\n""d",{REPORT}\n=e,{ROOF}\n')
        out = tmp_path / f"out.{suffix}"
        sort = ["classify", str(tmp_path), "--task", "sort_mail", "--out", str(out)]
        assert command(*sort, "--json").json["count"] == 3
        whole = out.read_bytes()
        for end in range(0, len(whole), len(whole) // 12):
            out.write_bytes(whole[:end])
            assert command(*sort, "--resume").status == 0
            assert out.read_bytes() == whole, f"cut at {end}"

    @pytest.mark.parametrize(
        "content", ["my only notes, one line", "notes\nof two lines", '{"name": "a", "version": 1}', '{"name": "a"}\n']
    )
    @pytest.mark.parametrize("suffix", ["csv", "jsonl"])
    def test_what_is_not_its_own_is_left_alone(
        self, command: Command, post: Path, tmp_path: Path, content: str, suffix: str
    ) -> None:
        out = tmp_path / f"out.{suffix}"
        out.write_text(content)
        result = command("classify", str(post), "--task", "sort_mail", "--out", str(out), "--resume")
        assert (result.status, out.read_text()) == (2, content)
        assert "is not what --out writes" in result.err

    def test_a_refused_call_leaves_the_file_as_it_is(self, command: Command, post: Path, tmp_path: Path) -> None:
        out = tmp_path / "out.csv"
        assert command("classify", str(post), "--task", "nosuch", "--out", str(out)).status != 0
        assert not out.exists()
        assert command("classify", str(post), "--task", "sort_mail", "--out", str(out)).status == 0
        out.write_bytes(out.read_bytes()[:-5])
        before = out.read_bytes()
        for options in (["--task", "nosuch"], ["--label", "home"], ["--column", "x"]):
            task = [] if "--task" in options else ["--task", "sort_mail"]
            assert command("classify", str(post), *task, "--out", str(out), "--resume", *options).status != 0
            assert out.read_bytes() == before

    def test_a_dangling_link_is_named(self, command: Command, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_text(MAIL.format("ann", "Roof", ROOF))
        (tmp_path / "b.eml").symlink_to(tmp_path / "gone")
        result = command("classify", str(tmp_path), "--task", "sort_mail", "--review", "5", "--json").json
        assert (result["count"], result["unreadable"]) == (2, 1)
        assert result["review"][0]["why"] == "cannot be read (No such file or directory)"

    def test_a_link_to_a_folder_is_named_and_not_followed(self, command: Command, tmp_path: Path) -> None:
        folder, other = tmp_path / "folder", tmp_path / "other"
        folder.mkdir()
        other.mkdir()
        for each in (folder / "a.eml", other / "b.eml"):
            each.write_text(MAIL.format("ann", "Roof", ROOF))
        more = folder / "more"
        more.symlink_to(other)
        (folder / "itself").symlink_to(folder)
        result = command("classify", str(folder), "--task", "sort_mail", "--json").json
        assert (result["count"], result["unreadable"], result["links"]) == (1, 0, [str(more)])
        assert f"read when they are given: {more}\n" in command("classify", str(folder), "--task", "sort_mail").err
        assert [(item.name, item.label) for item in labelled_items(tmp_path) if item.problem] == [
            (str(more), "folder"),
        ]
        given = command("classify", str(folder), str(more), "--task", "sort_mail", "--json").json
        assert (given["count"], given["links"]) == (2, [])

    @pytest.mark.skipif(sys.platform == "darwin", reason="its file system has no such names")
    @pytest.mark.parametrize("suffix", ["csv", "jsonl"])
    def test_a_name_that_is_not_utf_8_is_written_and_known_again(
        self, command: Command, tmp_path: Path, suffix: str
    ) -> None:
        folder, out = tmp_path / "folder", tmp_path / f"out.{suffix}"
        folder.mkdir()
        Path(os.fsdecode(os.fsencode(folder) + b"/n\xff.eml")).write_text(MAIL.format("ann", "Roof", ROOF))
        sort = ("classify", str(folder), "--task", "sort_mail", "--out", str(out))
        assert command(*sort).status == 0
        assert r"n\udcff.eml" in out.read_text("utf-8")
        assert command(*sort, "--resume", "--json").json["skipped"] == 1

    def test_what_strangers_wrote_is_no_formula(self, command: Command, tmp_path: Path) -> None:
        (tmp_path / "a.eml").write_text(MAIL.format("ann", '=HYPERLINK("http://x")', ROOF))
        out = tmp_path / "out.csv"
        assert command("classify", str(tmp_path), "--task", "sort_mail", "--out", str(out)).status == 0
        row = next(csv.DictReader(out.read_text().splitlines()))
        assert (row["label"], row["subject"][:2]) == ("home", "'=")

    def test_summary_and_review(self, command: Command, post: Path) -> None:
        result = command("classify", str(post), "--task", "sort_mail", "--review", "3")
        assert "home" in result.out
        assert "a PDF" in result.out
        assert "3 could not be read" in result.err

    def test_files_that_hold_no_message_are_counted(self, command: Command, post: Path) -> None:
        (post / "contract.PDF").write_bytes(b"%PDF-1.7\n")
        (post / "scan.pdf").write_bytes(b"%PDF-1.7\n")
        (post / "Makefile").write_text("all:\n")
        sort = ["classify", str(post), "--task", "sort_mail"]
        assert command(*sort, "--json").json["passed_over"] == {".pdf": 2, "": 1, ".png": 1}
        said = "passed over 4 files (2 .pdf, 1 without a suffix, 1 .png): no mail, text or table"
        assert said in " ".join(command(*sort).err.split())
        assert "passed over" not in command(*sort[:1], str(post / "one.eml"), *sort[2:]).err

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--subject", "x"], "give either PATHS or one message"),
            (["--correct", "home"], "give either PATHS or one message"),
            (["--column", "text"], "write PART=NAME"),
            (["--out", "x.txt"], "end the name with .csv or .jsonl"),
            (["--label", "home"], "give at least 2"),
            (["--task", "search_docs"], "only tasks of kind classify"),
        ],
    )
    def test_mistakes(self, command: Command, post: Path, options: list[str], said: str) -> None:
        result = command("classify", str(post), *options)
        assert result.status == 2
        assert said in result.err

    def test_options_of_paths_need_paths(self, command: Command) -> None:
        assert "go with PATHS" in command("classify", "--text", "a", "--review").err
