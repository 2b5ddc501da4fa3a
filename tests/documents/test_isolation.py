"""Readers in a child process: what it gives, what a hostile file costs, and how the process comes and goes."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath

import pytest

from openclaw_instructor.documents import document_json, isolation, process_memory
from openclaw_instructor.documents.document import Block, Document, Location, UnreadableDocument
from openclaw_instructor.documents.formats import Format
from openclaw_instructor.documents.isolation import IsolatedReaders
from openclaw_instructor.documents.limits import Limits
from tests.documents import hostile_readers as readers

PATH = PurePath("some.file")
Reader = Callable[[bytes, PurePath], Document]


@pytest.fixture
def isolated() -> Iterator[IsolatedReaders[Document]]:
    made = IsolatedReaders(document_json, Limits(seconds=60, memory_bytes=300_000_000, base_bytes=300_000_000))
    yield made
    made.close()


def worker(isolated: IsolatedReaders[Document]) -> int:
    return int(isolated.read(readers.process_id, b"", PATH).text)


def reason(isolated: IsolatedReaders[Document], reader: Reader, data: bytes = b"") -> str:
    with pytest.raises(UnreadableDocument) as raised:
        isolated.read(reader, data, PATH)
    return raised.value.reason


def test_a_document_comes_back_whole(isolated: IsolatedReaders[Document]) -> None:
    block = Block(1, 1, 1, "naïve ✓", Location("page", 7, 8, "ß"), "Column | Ω")
    metadata = {"author": "naïve ✓", "tags": ["a", "b"]}
    expected = Document(["naïve ✓"], [block], "some.file", metadata, ["noted"])
    assert isolated.read(readers.well_behaved, "naïve ✓".encode(), PATH) == expected


def test_one_worker_reads_one_file_after_the_other(isolated: IsolatedReaders[Document]) -> None:
    with ThreadPoolExecutor(8) as threads:
        workers = set(threads.map(lambda _: worker(isolated), range(40)))
    assert len(workers) == 1
    assert os.getpid() not in workers


def test_large_files_and_large_answers_pass_the_pipes(isolated: IsolatedReaders[Document]) -> None:
    assert isolated.read(readers.size, bytes(30_000_000), PATH).text == "30000000"
    assert len(isolated.read(readers.talkative, b"", PATH).text) == 30_000_029


@pytest.mark.parametrize("hostile", [readers.sleeps, readers.never_returns, readers.ignores_signals])
def test_a_reader_that_does_not_end_is_ended(hostile: Reader) -> None:
    isolated = IsolatedReaders(document_json)
    before = worker(isolated)
    isolated.limits = Limits(seconds=0.5, seconds_per_mb=0, patience=1)
    assert reason(isolated, hostile, bytes(3_000_000)) == "took longer than 0.5 s"
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    isolated.close()


def test_a_reader_that_eats_memory_is_ended(isolated: IsolatedReaders[Document]) -> None:
    assert reason(isolated, readers.eats_memory) == "needed more than 300 MB"
    assert isolated.read(readers.size, b"abc", PATH).text == "3"


def test_a_process_that_gets_no_processor_is_not_slow() -> None:
    isolated = IsolatedReaders(document_json, Limits(seconds=0.1, seconds_per_mb=0))
    assert isolated.read(readers.waits, b"0.7", PATH).text == "done"
    isolated.close()


def test_what_a_file_may_cost_grows_with_it() -> None:
    isolated = IsolatedReaders(document_json)
    assert reason(isolated, readers.eats_memory) == "needed more than 100 MB"
    assert reason(isolated, readers.eats_memory, bytes(5_000_000)) == "needed more than 160 MB"
    assert isolated.read(readers.size, b"abc", PATH).text == "3"
    isolated.close()
    limits = Limits()
    text, packed = limits.allowance(bytes(3_000_000)), limits.allowance(b"PK\x03\x04" + bytes(3_000_000))
    assert (text.seconds, text.memory_bytes) == (16, 136_000_000)
    assert (round(packed.seconds), packed.memory_bytes) == (60, 1_000_000_000)
    assert limits.allowance(bytes(100_000_000)).memory_bytes == 1_000_000_000


def test_where_the_system_sets_no_limit_memory_is_watched(
    isolated: IsolatedReaders[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "resident_bytes", lambda pid: 300_000_001)
    assert reason(isolated, readers.sleeps) == "needed more than 300 MB"


def test_resident_memory_of_a_process_is_known() -> None:
    assert 10_000_000 < process_memory.resident_bytes(os.getpid()) < 100_000_000_000
    assert process_memory.resident_bytes(2**22 + 1) == 0


@pytest.mark.parametrize(
    ("hostile", "expected"),
    [
        (readers.aborts, "its parser crashed"),
        (readers.kills_itself, "its parser crashed"),
        (readers.exits, "its parser crashed"),
        (readers.nests, "nested too deeply"),
        (readers.raises, "its parser failed (KeyError)"),
        (readers.refuses, "encrypted: it opens with a password only"),
        (readers.starts_a_process, "its parser failed (PermissionError)"),
    ],
)
def test_one_bad_file_costs_its_neighbours_nothing(
    isolated: IsolatedReaders[Document], hostile: Reader, expected: str
) -> None:
    assert isolated.read(readers.size, b"before", PATH).text == "6"
    assert reason(isolated, hostile, b"secret") == expected
    assert isolated.read(readers.size, b"behind", PATH).text == "6"


def test_a_reader_reaches_no_network(isolated: IsolatedReaders[Document]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        assert "PermissionError" in reason(isolated, readers.connects, str(server.getsockname()[1]).encode())


def test_a_reader_writes_no_file(isolated: IsolatedReaders[Document], tmp_path: Path) -> None:
    target = tmp_path / "written"
    assert "OSError" in reason(isolated, readers.writes, str(target).encode())
    assert not target.exists() or not target.read_bytes()


def test_the_child_sees_little_of_its_parent(
    isolated: IsolatedReaders[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    folder, heavy, names = isolated.read(readers.surroundings, b"", PATH).lines
    assert (folder, heavy) == ("/", "")
    assert "SOME_API_KEY" not in names


DOCUMENT: dict[str, object] = {
    "lines": ["a", "b"], "blocks": [], "locations": [], "contexts": [""], "title": "", "metadata": {}, "notes": []
}  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        "unreadable",
        {"unreadable": 3},
        {"unreadable": "\x1b\n"},
        DOCUMENT | {"lines": [1]},
        DOCUMENT | {"lines": "ab"},
        DOCUMENT | {"title": None},
        DOCUMENT | {"metadata": []},
        DOCUMENT | {"metadata": {"author": 3}},
        DOCUMENT | {"blocks": [1, 3, 0, "", 0, 0, ""]},
        DOCUMENT | {"blocks": [0, 1, 0, "", 0, 0, ""]},
        DOCUMENT | {"blocks": [2, 1, 0, "", 0, 0, ""]},
        DOCUMENT | {"blocks": [1, 2, 0, "", 0, 0, "", 2, 2, 0, "", 0, 0, ""]},
        DOCUMENT | {"blocks": [1, 1, 0, "", -1, 0, ""]},
        DOCUMENT | {"blocks": [1, 1, 0, "", 1, 0, ""]},
        DOCUMENT | {"blocks": [1, 1, 0, "", 0, 5, ""]},
        DOCUMENT | {"blocks": [1, 1, True, "", 0, 0, ""]},
        DOCUMENT | {"blocks": [1, 1, 0, "", 0, 0, 7]},
        DOCUMENT | {"blocks": [1, 1]},
        DOCUMENT | {"blocks": [[1, 1, 0, "", 0, 0, ""]]},
        DOCUMENT | {"locations": ["planet", 1, 1, ""]},
        DOCUMENT | {"locations": ["page", "1", 1, ""]},
        DOCUMENT | {"locations": ["page", 1, 1]},
    ],
)
def test_what_the_child_says_is_checked(isolated: IsolatedReaders[Document], answer: object) -> None:
    said = json.dumps(answer).encode()
    assert reason(isolated, readers.lies, len(said).to_bytes(8) + said) == "its parser crashed"


def test_a_sound_answer_of_that_form_is_taken(isolated: IsolatedReaders[Document]) -> None:
    blocks = [1, 1, 0, "", 1, 0, "", 2, 2, 2, "h", 1, 0, "w"]
    said = json.dumps(DOCUMENT | {"blocks": blocks, "locations": ["page", 1, 2, ""]}).encode()
    document = isolated.read(readers.lies, len(said).to_bytes(8) + said, PATH)
    page = Location("page", 1, 2)
    assert document.blocks == [Block(1, 1, location=page), Block(2, 2, 2, "h", page, heading_words="w")]


@pytest.mark.parametrize("answer", [b"\xff" * 8, (5).to_bytes(8) + b"[[[[[", b"\0\0", (3).to_bytes(8) + b"{}"])
def test_what_is_no_answer_is_a_crash(isolated: IsolatedReaders[Document], answer: bytes) -> None:
    assert reason(isolated, readers.lies, answer) == "its parser crashed"
    assert isolated.read(readers.size, b"abc", PATH).text == "3"


def test_a_reason_from_the_child_is_short_and_printable(isolated: IsolatedReaders[Document]) -> None:
    said = json.dumps({"unreadable": "\x1b[31m" + "long " * 1000}).encode()
    shown = reason(isolated, readers.lies, len(said).to_bytes(8) + said)
    assert shown.startswith("[31mlong")
    assert len(shown) == 200


def test_the_worker_is_replaced_after_its_share_of_files(
    isolated: IsolatedReaders[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "_FILES_PER_WORKER", 3)
    workers = [worker(isolated) for _ in range(7)]
    assert [workers.count(one) for one in dict.fromkeys(workers)] == [3, 3, 1]


def test_an_idle_worker_ends_and_the_next_file_starts_another() -> None:
    of_others = set(threading.enumerate())
    isolated = IsolatedReaders(document_json, Limits(idle_seconds=0.0))
    before = worker(isolated)
    for thread in set(threading.enumerate()) - of_others:
        if thread.name == "documents-worker":
            thread.join(60)
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    assert worker(isolated) != before
    isolated.close()


SCRIPT = """
from pathlib import PurePath
from tests.documents import hostile_readers
from openclaw_instructor.documents import document_json, isolation
print(isolation.read(hostile_readers.process_id, b"", PurePath("x")).text, flush=True)
"""


def run_script(script: str, cwd: Path, *, waits: bool = False) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    script += "input()\n" * waits
    return subprocess.Popen(
        [sys.executable, "-c", script],
        text=True,
        cwd=cwd,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells when a process that is no child has ended")
@pytest.mark.parametrize("end", ["kill", "exit"])
def test_the_worker_ends_with_its_parent(tmp_path: Path, end: str) -> None:
    with run_script(SCRIPT, tmp_path, waits=True) as parent:
        assert parent.stdout
        assert parent.stdin
        watched = os.pidfd_open(int(parent.stdout.readline()))
        if end == "kill":
            parent.kill()
        else:
            parent.stdin.write("\n")
            parent.stdin.flush()
        parent.wait()
        # The pipe ends when nobody holds its other end any more.
        assert parent.stdout.read() == ""
        ended, _, _ = select.select([watched], [], [], 60)
    os.close(watched)
    assert ended, "the worker outlived its parent"


def test_no_folder_is_needed_and_its_modules_are_not_taken(tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "json.py").write_text("raise SystemExit('taken')\n")
    (folder / "orjson.py").write_text("raise SystemExit('taken')\n")
    script = f"import os, shutil; shutil.rmtree({str(folder)!r})\n" + SCRIPT
    scripts = [SCRIPT.replace("from pathlib", "import sys; sys.path.remove('')\nfrom pathlib"), script]
    if sys.version_info[:3] == (3, 13, 0):
        scripts.pop()  # CPython 3.13.0 itself cannot import socket in a folder that was deleted
    for code in scripts:
        with run_script(code, folder) as parent:
            assert parent.stdout
            assert parent.stdout.read().strip().isdigit()


def test_it_survives_a_fork(isolated: IsolatedReaders[Document]) -> None:
    isolation.read(readers.size, b"", PATH)
    child = os.fork()
    if not child:
        text = isolation.read(readers.size, b"abc", PATH).text
        isolation._readers.close()
        os._exit(int(text))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert isolation.read(readers.size, b"abcd", PATH).text == "4"
    isolation._readers.close()


def test_an_interrupt_costs_no_later_file(isolated: IsolatedReaders[Document]) -> None:
    worker(isolated)
    # A process that a shell starts in the background ignores interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    # To the thread that reads: a signal that another thread takes does not end a wait of this one.
    timer = threading.Timer(0.2, signal.pthread_kill, [threading.get_ident(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        isolated.read(readers.sleeps, b"", PATH)
    timer.join()
    signal.signal(signal.SIGINT, before)
    assert isolated.read(readers.size, b"abc", PATH).text == "3"


def test_only_a_function_of_a_module_can_be_isolated() -> None:
    def local(data: bytes, path: PurePath) -> Document:
        raise AssertionError

    Format("x", (".x",), local)
    with pytest.raises(ValueError, match="x: an isolated reader must be a function of a module"):
        Format("x", (".x",), local, isolated=True)
