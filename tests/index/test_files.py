"""Which files a folder gives, and why others are left out."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from openclaw_instructor.documents.reading import max_bytes
from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index import files, walk
from openclaw_instructor.index.collections import Root
from openclaw_instructor.index.gitignore import patterns
from openclaw_instructor.index.listing import Listing


def listing(root: Path, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Listing:
    return walk.walk([Root(root.resolve(), include, exclude)])


def found(root: Path, **patterns: tuple[str, ...]) -> list[str]:
    return [str(Path(path).relative_to(root.resolve())) for path in listing(root, **patterns).files]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in (
        "a.md",
        "b.dat",
        "docs/c.txt",
        "docs/old/d.md",
        ".hidden/e.md",
        ".f.md",
        "node_modules/g/h.md",
        "build/i.md",
        "README",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("text")
    return root


def test_known_formats_are_taken_and_the_others_counted(root: Path) -> None:
    assert found(root) == ["README", "a.md", "build/i.md", "docs/c.txt", "docs/old/d.md"]
    assert listing(root).other_types == {".dat": 1}


def test_a_gitignore_counts_from_its_folder_down_and_the_deeper_one_wins(root: Path) -> None:
    (root / ".gitignore").write_text("build/\n*.md\n!\n")
    (root / "docs" / ".gitignore").write_text("!d.md\nc.txt\n")
    assert found(root) == ["README", "docs/old/d.md"]


def test_exclude_beats_everything(root: Path) -> None:
    (root / ".gitignore").write_text("!docs/\n")
    assert found(root, exclude=("docs/", "README")) == ["a.md", "build/i.md"]


def test_include_adds_what_matches_of_any_type(root: Path) -> None:
    assert found(root, include=("*.dat",)) == ["README", "a.md", "b.dat", "build/i.md", "docs/c.txt", "docs/old/d.md"]
    assert listing(root, include=("*.dat",)).other_types == {}
    assert found(root, include=("*.dat", "!docs/**")) == ["README", "a.md", "b.dat", "build/i.md"]


def test_behind_a_first_mark_include_takes_only_what_matches(root: Path) -> None:
    assert found(root, include=("!*", "*.dat", "docs/**/*.md")) == ["b.dat", "docs/old/d.md"]
    assert found(root, include=("!*", "docs/")) == ["docs/c.txt", "docs/old/d.md"]
    assert found(root, include=("!*",)) == []


def test_places_begin_with_the_name_of_the_root(root: Path) -> None:
    assert {file.place for file in listing(root).files.values()} >= {"root/a.md", "root/docs/old/d.md"}


def test_links_are_not_followed_and_reported_where_they_leave(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    (root / "out.md").symlink_to(tmp_path / "secret.md")
    (root / "outdir").symlink_to(tmp_path)
    (root / "in.md").symlink_to(root / "a.md")
    (root / "docs" / "loop").symlink_to(root)
    result = listing(root)
    assert not [path for path in result.files if "out" in path or "in.md" in path or "loop" in path]
    assert {Path(path).name for path, reason in result.skipped if "leaves the folder" in reason} == {"out.md", "outdir"}


def test_a_file_that_is_too_large_is_reported(root: Path) -> None:
    large = root / "large.txt"
    with large.open("wb") as file:
        file.truncate(max_bytes(large) + 1)
    result = listing(root)
    assert [(Path(path).name, reason) for path, reason in result.skipped] == [
        ("large.txt", "10 MB is over the limit of 10 MB")
    ]


def test_a_name_that_is_not_utf8_is_reported(root: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(root) + b"/bad\xff.md")).write_text("x")
    except OSError:
        pytest.skip("this file system takes no such name")
    ((path, reason),) = listing(root).skipped
    assert "not valid UTF-8" in reason
    assert path.encode()


def test_a_file_may_be_a_root(root: Path) -> None:
    assert list(listing(root / "b.dat").files) == [str((root / "b.dat").resolve())]


def test_roots_inside_one_another_give_each_file_once(root: Path) -> None:
    roots = [Root(root.resolve(), (), ()), Root((root / "docs").resolve(), (), ())]
    result = walk.walk(roots)
    assert len(result.files) == 5
    assert result.files[str(root.resolve() / "docs" / "c.txt")].place == "root/docs/c.txt"


def test_a_root_that_cannot_be_read_is_lost_and_the_others_are_walked(root: Path) -> None:
    os.mkfifo(root / "pipe")
    paths = [root / "missing", root / "pipe", root / "a.md" / "below", root / "docs"]
    result = walk.walk([Root(path, (), ()) for path in paths])
    assert [Path(path).name for path in result.files] == ["c.txt", "d.md"]
    missing, pipe, below = (result.lost[str(path)] for path in paths[:3])
    assert "missing cannot be read (No such file" in missing
    assert "neither a folder nor a regular file" in pipe
    assert "Not a directory" in below


def test_a_folder_that_cannot_be_listed_is_reported_and_the_walk_goes_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "docs":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    result = listing(root)
    assert [Path(path).name for path in result.files] == ["README", "a.md", "i.md"]
    assert [(Path(path).name, reason) for path, reason in result.skipped] == [
        ("docs", "cannot be read (Permission denied)")
    ]
    assert [Path(path).name for path in result.unread] == ["docs"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_permissions_are_respected(root: Path) -> None:
    (root / "a.md").chmod(0)
    (root / "docs").chmod(0)
    try:
        assert [Path(path).name for path in listing(root).unread] == ["docs"]
        with pytest.raises(files.Skipped, match="Permission denied"):
            files.read_bytes(str(root / "a.md"))
    finally:
        (root / "docs").chmod(0o700)


def test_reading_takes_regular_files_only(root: Path) -> None:
    assert files.read_bytes(str(root / "a.md")) == b"text"
    with pytest.raises(files.Skipped, match="vanished") as vanished:
        files.read_bytes(str(root / "nothing.md"))
    assert vanished.value.gone
    os.mkfifo(root / "pipe.md")
    with pytest.raises(files.Skipped, match="no longer a regular file"):
        files.read_bytes(str(root / "pipe.md"))
    (root / "link.md").symlink_to(root / "a.md")
    with pytest.raises(files.Skipped, match="cannot be read"):
        files.read_bytes(str(root / "link.md"))


def test_a_pattern_that_means_nothing_is_the_users_mistake() -> None:
    with pytest.raises(InvalidArguments, match=r"include: .*'!'"):
        patterns(["!"], "include")
