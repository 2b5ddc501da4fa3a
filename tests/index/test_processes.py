"""Several processes on one home, and one that is killed in the middle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openclaw_instructor.index import Index, embedding
from tests.index.word_engine import DOCUMENT, ask

DOCUMENTS = 40
# Syncs `docs` of the home it is given. It says `ready` before each text it embeds when it is told to go slowly.
SYNC = """
import sys, time
from pathlib import Path
from tests.index.word_engine import WordEngine
from openclaw_instructor.index import Index, embedding
from openclaw_instructor.settings import Settings

embedding.CHUNKS_PER_CALL = 1
engine = WordEngine()
if sys.argv[2] == "slowly":
    def before():
        print(len(engine.calls), flush=True)
        time.sleep(0.02)
    engine.before_embed = before
index = Index(Settings.load(Path(sys.argv[1])), engine)
report = index.sync("docs").collections[0]
print("embedded", report.embedded, flush=True)
index.close()
"""


def start(home: Path, pace: str = "fast") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SYNC, str(home), pace],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def embedded(process: subprocess.Popen[str]) -> int:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return int(out.split("embedded ")[1])


@pytest.fixture
def many(index: Index, tmp_path: Path) -> Path:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(DOCUMENTS):
        (folder / f"{number:02}.md").write_text(f"# Title{number}\n\nunique{number} words\n")
    index.add("docs", [folder], instruction=DOCUMENT)
    return folder


def test_a_killed_sync_keeps_what_was_committed_and_is_completed_by_the_next(
    index: Index, home: Path, many: Path
) -> None:
    process = start(home, "slowly")
    assert process.stdout
    assert process.stderr
    for line in process.stdout:
        if line.strip() == "10":
            break
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()
    done = index.status("docs")[0]
    # The model works ahead of what is published.
    assert 10 - embedding.CALLS_AHEAD <= done.documents < DOCUMENTS
    assert done.chunks == done.documents
    result = ask(index, "unique3")
    assert result["hits"][0]["title"] == "Title3"
    assert result["stale"]
    report = index.sync("docs").collections[0]
    assert (report.unchanged, report.added) == (done.documents, DOCUMENTS - done.documents)
    assert report.embedded == DOCUMENTS - done.documents
    for number in range(DOCUMENTS):
        assert ask(index, f"unique{number}", mode="keyword")["hits"][0]["title"] == f"Title{number}"
    assert not ask(index, "unique3")["stale"]


def test_two_processes_that_sync_at_once_share_the_work(index: Index, home: Path, many: Path) -> None:
    first, second = start(home), start(home)
    assert sorted([embedded(first), embedded(second)]) == [0, DOCUMENTS]
    status = index.status("docs")[0]
    assert (status.documents, status.chunks, status.stale) == (DOCUMENTS, DOCUMENTS, False)
    assert ask(index, "unique7", mode="vector")["hits"][0]["title"] == "Title7"
