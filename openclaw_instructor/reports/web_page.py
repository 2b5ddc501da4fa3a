"""A report as one HTML file: no script, nothing loaded from elsewhere, dark and light, on paper and on a phone."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from openclaw_instructor.reports import markup, svg
from openclaw_instructor.reports.markup import text
from openclaw_instructor.reports.page import Chart, Matrix, Page, Part, Section, Table

# A table of more columns stands below its chart.
_NARROW = 4
# The colours are the studio's and meet WCAG AA on their grounds.
_STYLE = """
:root { color-scheme: light dark; --ground: #fbfbfa; --raised: #fff; --ink: #1d2125; --soft: #545b62; --line: #d5d9dd;
  --shade: 11 90 125; }
@media (prefers-color-scheme: dark) { :root { --ground: #16191c; --raised: #1e2226; --ink: #e6e8ea; --soft: #a7afb7;
  --line: #3a4148; --shade: 124 196 230; } }
@media print { :root { color-scheme: light; --ground: #fff; --raised: #fff; --ink: #000; --soft: #444; --line: #bbb;
  --shade: 11 90 125; } .card, tr, svg { break-inside: avoid; } h2, h3, caption { break-after: avoid; }
  .scroll { overflow: visible; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .5rem; }
.card h2 { margin: 0 0 .4rem; }
h3 { font-size: .95rem; margin: 0 0 .4rem; }
p { margin: .3rem 0; }
.soft { color: var(--soft); font-size: .9rem; }
.card { background: var(--raised); border: 1px solid var(--line); border-radius: 8px; padding: .75rem;
  margin: 0 0 .8rem; min-width: 0; }
.beside { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.beside > * { flex: 1 1 17rem; min-width: 0; }
svg { display: block; max-width: 100%; height: auto; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .2rem 1rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 2px solid var(--soft); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; overflow-wrap: normal; }
td, tbody th { max-width: 30rem; }
caption { text-align: left; font-weight: 600; padding: 0 0 .3rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 500; }
tbody th { color: var(--ink); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.matrix { width: auto; }
.matrix td { padding: .25rem .4rem; text-align: center; }
.matrix thead th { writing-mode: vertical-rl; transform: rotate(180deg); padding: .4rem .2rem; }
.short { white-space: nowrap; }
.long { min-width: 15rem; }
.shade-1 { background: rgb(var(--shade) / .08); }
.shade-2 { background: rgb(var(--shade) / .16); }
.shade-3 { background: rgb(var(--shade) / .24); }
.shade-4 { background: rgb(var(--shade) / .32); font-weight: 600; }
"""


def html(page: Page) -> str:
    """Return the report as a whole HTML document."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    # Whatever a file or a mail may hold, the browser runs and loads nothing.
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    notes = "".join(f"<li>{text(note)}</li>" for note in page.notes)
    left_out = f'<section class="card"><h2>Notes</h2><ul>{notes}</ul></section>' if notes else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(page.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{text(page.title)}</h1><p>{text(page.summary)}</p></header>\n<main>\n"
        f'<section class="card"><h2>What was measured</h2>{_facts(page.facts)}</section>\n'
        + "\n".join(_section(section) for section in page.sections)
        + f"\n{left_out}</main>\n</body>\n</html>\n"
    )


def _facts(facts: Mapping[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in facts.items()) + "</dl>"


def _section(section: Section) -> str:
    parts = "".join(f'<div class="card">{_part(part)}</div>' for part in section.parts)
    return f"<section><h2>{text(section.title)}</h2>{parts}</section>"


def _part(part: Part) -> str:
    if isinstance(part, Table):
        return markup.table(part)
    if isinstance(part, Matrix):
        return markup.matrix(part)
    head = f'<h3>{text(part.title)}</h3><p class="soft">{text(part.description)}</p>'
    drawn = svg.chart(part) if isinstance(part, Chart) else svg.bars(part)
    numbers = markup.table(part.numbers) if part.numbers is not None else ""
    if part.numbers is None or len(part.numbers.columns) > _NARROW:
        return head + drawn + numbers
    return f'{head}<div class="beside">{drawn}<div>{numbers}</div></div>'
