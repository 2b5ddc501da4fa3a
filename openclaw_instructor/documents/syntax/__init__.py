"""Parse source code and cut it into pieces along its syntax tree."""
