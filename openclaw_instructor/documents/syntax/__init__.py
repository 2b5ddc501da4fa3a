"""Source code as syntax: the languages and their grammars, and the pieces that a syntax tree gives."""
