"""HTML as a tree: what of a page is its text, and that text as blocks."""
