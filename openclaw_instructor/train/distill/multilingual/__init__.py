"""Teach the bundled checkpoint more languages: the vector of an English text is the target of its translations."""
