"""Distil a T5 student from a sentence embedding teacher: the recipe of the bundled checkpoint."""
