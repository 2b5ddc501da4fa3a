"""Read PDF pages: characters to segments, lines in reading order, headings and paragraphs."""
