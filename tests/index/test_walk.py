"""Places that a walk survives, secrets that it leaves out, and what it says of both."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from openclaw_instructor.errors import InvalidArguments
from openclaw_instructor.index import Index, secrets, walk
from openclaw_instructor.index.collections import Root
from openclaw_instructor.index.listing import Listing
from openclaw_instructor.index.repository import MAX_BYTES, MAX_SLOW
from tests.index.word_engine import DOCUMENT


def listing(root: Path, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Listing:
    return walk.walk([Root(root, include, exclude)])


def names(result: Listing) -> list[str]:
    return sorted(Path(path).name for path in result.files)


def reasons(result: Listing) -> dict[str, str]:
    return {Path(path).name: reason for path, reason in result.skipped}


def write(path: Path, content: str = "text") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def test_links_that_lead_nowhere_or_in_a_circle_are_reported(tmp_path: Path) -> None:
    write(tmp_path / "a.md")
    (tmp_path / "b.md").symlink_to("c.md")
    (tmp_path / "c.md").symlink_to("b.md")
    (tmp_path / "d.md").symlink_to("nothing.md")
    (tmp_path / "self").symlink_to("self")
    result = listing(tmp_path)
    assert names(result) == ["a.md"]
    assert set(reasons(result)) == {"b.md", "c.md", "d.md", "self"}
    assert all("leads nowhere" in reason for reason in reasons(result).values())


def test_a_link_to_what_is_not_indexed_at_its_own_place_is_reported(tmp_path: Path) -> None:
    write(tmp_path / ".store" / "s.md")
    write(tmp_path / "a.md")
    (tmp_path / "current.md").symlink_to(".store/s.md")
    (tmp_path / "shown").symlink_to(".store")
    (tmp_path / "same.md").symlink_to("a.md")
    (tmp_path / "lib.so").symlink_to(".store/s.so")
    assert set(reasons(listing(tmp_path))) == {"current.md", "shown", "lib.so"}
    assert "not indexed at its own place" in reasons(listing(tmp_path))["current.md"]


def test_hundreds_of_nested_folders_are_walked_as_far_as_they_can_be_named(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        for number in range(600):
            os.mkdir("folder" + str(number), dir_fd=descriptor)
            below = os.open("folder" + str(number), os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
            if number in (3, 300, 599):
                os.close(os.open("deep.md", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    finally:
        os.close(descriptor)
    result = listing(tmp_path)
    assert len(result.files) == 2
    assert [reason for _, reason in result.skipped] == ["cannot be read (File name too long)"]


@pytest.mark.parametrize(
    "name",
    [
        *(".ssh/config", ".gnupg/a.txt", ".aws/credentials", ".env", ".env.local", "prod.env", "server.pem", "tls.key"),
        *("id_rsa", "id_ed25519.txt", "wallet.dat", "vault.kdbx", ".password-store/a.txt", "credentials.json"),
        *(".netrc", ".npmrc", "secrets.yaml", "client_secret_1.json", ".mozilla/a.txt", "logins.json", ".kube/config"),
    ],
)
def test_secrets_are_left_out_and_said(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    write(tmp_path / "a.md")
    result = listing(tmp_path, include=("*",))
    assert names(result) == ["a.md"]
    assert list(reasons(result)) == [name.split("/")[0]]
    assert "secrets" in str(reasons(result))


def test_what_is_no_secret_is_taken(tmp_path: Path) -> None:
    for name in (
        "environment.md",
        "keys.md",
        "id_rsa.pub/a.md",
        "id_rsa.pub/b.md",
        "secrets.md",
        "wallets.md",
        "ssh/config.md",
    ):
        write(tmp_path / name)
    assert len(names(listing(tmp_path))) == 7


@pytest.mark.parametrize("mark", ["key4.db", "Login Data", ".gpg-id", "cookies.sqlite"])
def test_folders_of_secrets_are_known_by_what_lies_in_them(tmp_path: Path, mark: str) -> None:
    write(tmp_path / "profile" / mark)
    write(tmp_path / "profile" / "notes.txt")
    result = listing(tmp_path)
    assert names(result) == []
    assert set(reasons(result)) == {"profile"}


def test_a_secret_is_indexed_only_if_it_is_named(tmp_path: Path) -> None:
    write(tmp_path / ".env.example")
    write(tmp_path / "ca.pem")
    assert names(listing(tmp_path, include=(".env*", "*.pem"))) == []
    assert names(listing(tmp_path, include=(".env.example", "ca.pem"))) == [".env.example", "ca.pem"]


def test_a_private_key_under_another_name_is_left_out(index: Index, tmp_path: Path) -> None:
    write(tmp_path / "docs" / "key.txt", "\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n")
    write(tmp_path / "docs" / "about.md", "How a key looks:\n\n    -----BEGIN RSA PRIVATE KEY-----\n")
    index.add("docs", [tmp_path / "docs"], instruction=DOCUMENT)
    report = index.sync("docs").collections[0]
    assert report.added == 1
    assert report.skipped == [(str(tmp_path / "docs" / "key.txt"), "it holds a private key")]


KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "data",
    [
        KEY.encode("utf-16"),
        b"\xff\xfe" + KEY.encode("utf-16-le"),
        b"-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\n" + KEY.encode(),
        b"Bag Attributes\n    friendlyName: me\n" + KEY.encode(),
    ],
)
def test_a_private_key_is_known_in_other_encodings_and_in_bundles(data: bytes) -> None:
    assert secrets.content(data) == "a private key"
    assert secrets.content(b"A certificate: " + data.replace(b"PRIVATE", b"PUBLIC")) is None


def test_a_folder_for_secrets_is_refused(index: Index, tmp_path: Path) -> None:
    write(tmp_path / ".ssh" / "notes" / "a.md")
    (tmp_path / "innocent").symlink_to(tmp_path / ".ssh")
    for path in (tmp_path / ".ssh" / "notes", tmp_path / "innocent"):
        with pytest.raises(InvalidArguments, match=r"`.ssh`, a folder for secrets"):
            index.add("docs", [path], instruction=DOCUMENT)


def test_an_own_folder_is_left_out(index: Index, home: Path, tmp_path: Path) -> None:
    write(home / "config.md")
    write(tmp_path / "a.md")
    index.add("docs", [tmp_path], instruction=DOCUMENT)
    report = index.sync("docs").collections[0]
    assert report.added == 1
    assert (str(home), "this program's own folder") in report.skipped


def test_hidden_files_are_taken_if_they_are_named_as_such(tmp_path: Path) -> None:
    write(tmp_path / ".github" / "workflows" / "c.md")
    write(tmp_path / ".github" / "run.sh")
    write(tmp_path / ".vscode" / "v.md")
    write(tmp_path / ".f.md")
    assert names(listing(tmp_path, include=(".github/**",))) == ["c.md", "run.sh"]
    assert names(listing(tmp_path, include=(".github/**/*.md", ".f.md"))) == [".f.md", "c.md"]
    assert names(listing(tmp_path, include=("*.md",))) == []
    assert "left out although --include names it" in listing(tmp_path, include=("*.md",)).notes()[0]


def test_what_is_left_out_although_it_is_named_is_said(tmp_path: Path) -> None:
    write(tmp_path / ".gitignore", "drafts/\n*.log\n")
    for name in ("drafts/d.md", "a.log", "node_modules/x/readme.md", "b.md"):
        write(tmp_path / name)
    result = listing(tmp_path, include=("drafts/**", "*.log", "node_modules/x/*.md"))
    assert names(result) == ["b.md"]
    assert {(Path(path).name, why) for path, why in result.named_but_left_out} == {
        ("drafts", "ignored by git"),
        ("a.log", "ignored by git"),
        ("node_modules", "installed or compiled code"),
    }
    assert listing(tmp_path).named_but_left_out == []


def test_an_ignore_file_that_cannot_be_used_leaves_its_folder_out(tmp_path: Path) -> None:
    write(tmp_path / "a.md")
    for name in ("large", "sparse", "many", "long"):
        write(tmp_path / name / "x.md")
    (tmp_path / "large" / ".gitignore").write_bytes(b"*.log\n" * (MAX_BYTES // 6 + 1))
    with (tmp_path / "sparse" / ".gitignore").open("wb") as file:
        file.truncate(1 << 40)
    write(tmp_path / "many" / ".gitignore", "".join(f"a*b{number}?\n" for number in range(MAX_SLOW + 1)))
    write(tmp_path / "long" / ".gitignore", "a*" * 400_000)
    result = listing(tmp_path)
    assert names(result) == ["a.md"]
    assert {Path(path).name for path in result.unread} == {"large", "sparse", "many", "long"}
    assert "over the limit of 1 MB" in reasons(result)["sparse"]
    assert "more than 2,000 different patterns" in reasons(result)["many"]


def test_a_long_ignore_file_of_plain_names_is_fine(tmp_path: Path) -> None:
    write(tmp_path / ".gitignore", "".join(f"name{number}\n*.e{number}\n" for number in range(20_000)))
    for name in ("name7", "a.e19999", "b.md"):
        write(tmp_path / name)
    assert names(listing(tmp_path, include=("*",))) == ["b.md"]


def git(folder: Path, *arguments: str) -> None:
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_rules_of_the_repository_around_a_folder_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    write(tmp_path / "config" / "git" / "ignore", "*.mine.md\n")
    repository = tmp_path / "repository"
    for name in ("docs/a.md", "docs/private/b.md", "docs/c.local.md", "docs/d.mine.md", "out/e.md", "docs/sub/f.md"):
        write(repository / name)
    git(repository, "init", "-q")
    write(repository / ".gitignore", "docs/private/\n/out/\nf.md\n")
    write(repository / "docs" / ".gitignore", "!sub/f.md\n")
    write(repository / ".git" / "info" / "exclude", "*.local.md\n")
    assert names(listing(repository / "docs")) == ["a.md", "f.md"]
    assert names(listing(repository)) == ["a.md", "f.md"]
    # Whoever names a folder that git ignores wants it.
    assert names(listing(repository / "out")) == ["e.md"]
    # A repository of its own within it obeys itself.
    git(repository / "docs" / "private", "init", "-q")
    assert names(listing(repository / "docs" / "private")) == ["b.md"]


def test_a_link_in_the_place_of_an_ignore_file_has_no_effect_and_is_said(tmp_path: Path) -> None:
    write(tmp_path / "rules", "*.md\n")
    write(tmp_path / "docs" / "a.md")
    (tmp_path / "docs" / ".gitignore").symlink_to(tmp_path / "rules")
    result = listing(tmp_path / "docs")
    assert names(result) == ["a.md"]
    assert "git does not follow" in reasons(result)[".gitignore"]


def test_every_rule_about_secrets_means_something() -> None:
    assert secrets.named("a/b/.ssh", True)
    assert secrets.named("a/id_ed25519", False)
    assert not secrets.named("a/id_ed25519.pub", False)
    assert secrets.above(Path("/home/me/.gnupg/x"))
    assert not secrets.above(Path("/home/me/notes"))
