from __future__ import annotations

from pathlib import Path

import pytest

from openclaw_instructor.train.distill.manuals import LONGEST, read_manuals

BODY = "The service reads its settings once, when it starts; edit the file and start it again to change one of them. "


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    (tmp_path / "guide.md").write_text(
        f"# Gateway\n\n{BODY * 2}\n\n## Change a setting\n\nFirst. {BODY * 2}\n\n## Notes\n\nToo short to learn from.\n"
    )
    (tmp_path / "long.md").write_text(f"# Reference\n\n{BODY * 40}\n")
    (tmp_path / "CHANGELOG.md").write_text(f"# Changes\n\n{BODY * 3}\n")
    (tmp_path / "page.html").write_text(f"<p>{BODY * 3}</p>")
    (tmp_path / "empty.md").write_text("")
    return tmp_path


def test_sections_are_texts_and_headings_of_words_their_queries(pages: Path) -> None:
    texts, pairs = read_manuals([pages])
    assert dict(pairs) == {"Gateway Change a setting": f"First. {BODY * 2}".strip()}
    assert sorted(texts) == sorted([(BODY * 2).strip(), (BODY * 40)[:LONGEST]])


def test_the_sections_of_restructuredtext_are_found_by_its_own_marks(tmp_path: Path) -> None:
    page = f"=====\nGuide\n=====\n\nShort.\n\nStart it again\n~~~~~~~~~~~~~~\n\n{BODY * 2}\n"
    (tmp_path / "guide.rst").write_text(page)
    assert read_manuals([tmp_path]) == ([], [("Guide Start it again", (BODY * 2).strip())])


def test_the_limit_counts_sections_and_the_choice_is_the_same_every_time(pages: Path) -> None:
    texts, pairs = read_manuals([pages], limit=2)
    assert len(texts) + len(pairs) == 2
    assert read_manuals([pages], limit=2) == (texts, pairs)


def test_no_folder_gives_nothing() -> None:
    assert read_manuals([]) == ([], [])
