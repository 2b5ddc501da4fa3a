"""Watches on folders: no change is lost when other folders are watched."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from watchfiles import _rust_notify

from openclaw_instructor.index.events import Events


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    return [str(tmp_path / "one"), str(tmp_path / "other")]


def told(events: Events, count: int) -> set[str]:
    """The names of what changed, as soon as there are so many."""
    found: set[str] = set()
    for _ in range(100):
        found |= {Path(path).name for path in events.changed(20, 100, threading.Event())}
        if len(found) >= count:
            break
    return found


def test_what_changed_before_the_watches_were_renewed_is_told(folders: list[str]) -> None:
    events = Events()
    events.follow(frozenset(folders[:1]), anew=False)
    Path(folders[0], "a.md").write_text("a")
    assert events.follow(frozenset(folders), anew=False)
    Path(folders[1], "b.md").write_text("b")
    assert told(events, 2) == {"a.md", "b.md"}
    events.close()


@pytest.mark.parametrize("anew", [False, True])
def test_no_change_falls_between_old_and_new_watches(folders: list[str], anew: bool) -> None:
    events, written, stop = Events(), 0, threading.Event()
    events.follow(frozenset(folders[:1]), anew=False)

    def write() -> None:
        nonlocal written
        while not stop.wait(0.002):
            Path(folders[0], f"{written}.md").write_text("a")
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    for turn in range(20):
        events.follow(frozenset(folders[: 1 + turn % 2]), anew=anew)
        time.sleep(0.01)
    stop.set()
    writer.join()
    assert told(events, written) == {f"{number}.md" for number in range(written)}
    events.close()


def test_with_too_few_watches_for_both_the_old_ones_end_first(
    folders: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Events()
    events.follow(frozenset(folders[:1]), anew=False)
    Path(folders[0], "a.md").write_text("a")
    real, asked = _rust_notify.RustNotify, []

    def limited(*arguments: object) -> object:
        asked.append(arguments)
        if len(asked) == 1:
            raise OSError("OS file watch limit reached.")
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(_rust_notify, "RustNotify", limited)
    assert events.follow(frozenset(folders), anew=False)
    assert told(events, 1) == {"a.md"}
    events.close()
