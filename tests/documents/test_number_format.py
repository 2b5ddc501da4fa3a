"""Numbers as spreadsheets show them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openclaw_instructor.documents.number_format import BUILT_IN, shown

ACCOUNTING = '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\);_("$"* "-"??_);_(@_)'


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (1234.5, "General", "1234.5"),
        (0.1 + 0.2, "General", "0.3"),
        (3.0, "", "3"),
        (1e20, "General", "1e+20"),
        (-3.25, "General", "-3.25"),
        (5.0, 'General "kg"', "5 kg"),
        (12, "@", "12"),
        (0.19, "0%", "19%"),
        (0.195, "0.0%", "19.5%"),
        (1234.5, '#,##0.00 "€"', "1234.50 €"),
        (1234.5, "#,##0.00\\ [$€-407]", "1234.50 €"),
        (3, "[$CHF] 0", "CHF 3"),
        (-1234.5, ACCOUNTING, "-$1234.50"),
        (0, ACCOUNTING, "$-"),
        (-5, "#,##0;[Red]\\(#,##0\\)", "-5"),
        (-5, "0;[Red]-0", "-5"),
        (0, "0;-0;;@", ""),
        (0, "#", ""),
        (-0.001, "0.00", "0.00"),
        (1234, "00000", "01234"),
        (5551234567, "(###) ###-####", "(555) 123-4567"),
        (123456789, "000-00-0000", "123-45-6789"),
        (1234567, '0.0,,"M"', "1.2M"),
        (1234567, '#,##0,"k"', "1235k"),
        (12345, "0.00E+00", "1.23E+04"),
        (0.5, "# ?/?", "0.5"),
        (3.14159, "0.##", "3.14"),
        (3.0, "0.##", "3"),
        (1, '"Red"', "Red"),
        (7, "[>5]0;0", "7"),
    ],
)
def test_numbers(value: float, code: str, text: str) -> None:
    assert shown(value, code) == text


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (45000, "yyyy-mm-dd", "2023-03-15"),
        (45000, BUILT_IN[14], "2023-03-15"),
        (45000, "[$-409]mmmm d, yyyy;@", "2023-03-15"),
        (45000, "d. mmmm yyyy", "2023-03-15"),
        (45000, 'm"月"d"日"', "2023-03-15"),
        (45000.5, "dd/mm/yyyy hh:mm", "2023-03-15 12:00"),
        (45000.999999, "dd/mm/yyyy hh:mm", "2023-03-16 00:00"),
        (0.75, "h:mm AM/PM", "18:00"),
        (0.5, "hh:mm:ss.000", "12:00:00"),
        (1.5, "[h]:mm", "36:00"),
        (-0.5, "[h]:mm:ss", "-12:00:00"),
        (1, "yyyy-mm-dd", "1900-01-01"),
        (59, "yyyy-mm-dd", "1900-02-28"),
        (61, "yyyy-mm-dd", "1900-03-01"),
        (9e9, "yyyy-mm-dd", "9000000000"),
    ],
)
def test_dates(value: float, code: str, text: str) -> None:
    assert shown(value, code) == text


def test_days_from_1904() -> None:
    assert shown(0, "yyyy-mm-dd", is_1904=True) == "1904-01-01"


@given(st.floats(), st.one_of(st.text(max_size=30), st.text('0#?.,;%E+-"\\[]$ymdhsAP/_* @', max_size=30)))
def test_any_code_gives_some_text(value: float, code: str) -> None:
    text = shown(value, code)
    assert isinstance(text, str)
    assert math.isfinite(value) or not text
