from __future__ import annotations

from pathlib import Path

from openclaw_instructor.train.distill.code import read_code

SOURCE = '''"""A module about invoices."""


def overdue(invoices, today):
    """Return the invoices whose payment is late.

    Compares calendar days, not hours.
    """
    return [invoice for invoice in invoices if invoice.due < today]


def undocumented():
    return 1


def terse():
    """Short."""
'''


def test_functions_are_paired_with_their_summaries_and_long_docstrings_kept(tmp_path: Path) -> None:
    long = "Explain at length what this package is for. " * 8 + "The end."
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "invoices.py").write_text(SOURCE)
    (tmp_path / "package" / "guide.py").write_text(f'"""{long}"""\n')
    (tmp_path / "package" / "test_invoices.py").write_text(SOURCE.replace("late", "not late"))
    (tmp_path / "package" / "broken.py").write_text("def (:\n")

    texts, pairs = read_code([tmp_path])

    assert texts == [long]
    assert [summary for summary, _ in pairs] == ["Return the invoices whose payment is late."]
    assert pairs[0][1].startswith("def overdue(")


def test_no_more_than_asked_for_and_the_same_every_time(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"part{number}.py").write_text(SOURCE.replace("invoices whose", f"{number} invoices whose"))

    _, pairs = read_code([tmp_path], limit=4)

    assert len(pairs) == 4
    assert read_code([tmp_path], limit=4)[1] == pairs
