"""A page of every part, whose texts all try to be markup."""

from __future__ import annotations

from openclaw_instructor.reports.page import Bar, Bars, Chart, Curve, Matrix, Page, Section, Table

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'
FORMULA = r"$\frac{1}{$ & 'quotes' </title></style>"
STEERING = "evil\u202etxt.exe\x1b[2J\ud800"
TEXTS = (SCRIPT, IMAGE, FORMULA)


def page() -> Page:
    numbers = Table(SCRIPT, [IMAGE, "share"], [[FORMULA, "0.5"], [SCRIPT, 0.25]], frozenset(["share"]), left_out=3)
    curve = Curve(IMAGE, [(0.1, 1.0), (1.0, 0.5)])
    chart = Chart(SCRIPT, IMAGE, SCRIPT, FORMULA, [curve, Curve(SCRIPT, [(0.5, 0.5)])], numbers, {SCRIPT: 0.7}, True)
    groups = {IMAGE: [Bar(SCRIPT, 0.5, 0.1, "best"), Bar(FORMULA, 0.25)], SCRIPT: [Bar(SCRIPT, 1.0)]}
    bars = Bars(FORMULA, SCRIPT, groups, 1.0, numbers=numbers)
    matrix = Matrix(IMAGE, SCRIPT, [SCRIPT, IMAGE], [[3, 1], [0, 2]])
    sections = [Section(SCRIPT, [chart, chart, bars]), Section(IMAGE, [matrix, numbers])]
    return Page(IMAGE, SCRIPT, {SCRIPT: IMAGE, "file": STEERING}, sections, [FORMULA, SCRIPT])
