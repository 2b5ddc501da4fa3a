"""Extract the text of HTML pages as blocks."""
