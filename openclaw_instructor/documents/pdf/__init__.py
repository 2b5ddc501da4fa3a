"""PDF: characters on pages -> segments -> lines in reading order -> headings and paragraphs."""
