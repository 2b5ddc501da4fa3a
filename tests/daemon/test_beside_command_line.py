"""A daemon and commands that work in their own process, on one home at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from openclaw_instructor.daemon import lifecycle
from openclaw_instructor.daemon.client import Client
from openclaw_instructor.settings import Settings

ROUNDS = 3
# Adds and removes a collection of its own, checks the whole index, and leaves the collection there.
WORK = """
import sys
from openclaw_instructor.cli import main

def run(*arguments):
    try:
        main(["--home", sys.argv[1], "--in-process", "index", *arguments])
    except SystemExit as ended:
        assert not ended.code, (arguments, ended.code)

for number in range(int(sys.argv[3])):
    if number:
        run("remove", "theirs")
    run("add", "theirs", sys.argv[2])
    run("verify")
"""


def test_a_daemon_and_commands_in_process_lose_nothing_of_each_other(settings: Settings, tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("ours", "theirs")}
    for name, folder in folders.items():
        folder.mkdir()
        for number in range(5):
            (folder / f"{number}.md").write_text(f"# Page {number}\n\n{name} says zebra{name}{number} here.\n")
    lifecycle.ensure(settings)
    with Client(settings) as client:
        client.index_add("ours", [folders["ours"]])
        work = [sys.executable, "-c", WORK, str(settings.home), str(folders["theirs"]), str(ROUNDS)]
        beside = subprocess.Popen(work)
        edits = 0
        try:
            while beside.poll() is None:
                edits += 1
                (folders["ours"] / "0.md").write_text(f"# Page 0\n\nzebraours0 and edit{edits}.\n")
                (report,) = client.index_sync("ours")["collections"]
                assert not report["error"]
                assert found(client, f"edit{edits}", "ours") == "0.md"
        finally:
            beside.kill()
        assert beside.wait() == 0
        assert edits
        for name in folders:
            for number in range(5):
                assert found(client, f"zebra{name}{number}", name) == f"{number}.md"
        assert client.index_verify()["problems"] == []


def found(client: Client, word: str, collection: str) -> str:
    answer = client.run("search_docs", {"query": word, "collection": collection, "mode": "keyword", "top_k": 1})
    return Path(answer["hits"][0]["file"]).name
