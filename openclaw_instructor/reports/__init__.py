"""Reports of what was measured: one page of numbers, charts and tables, written as HTML or as a picture."""
