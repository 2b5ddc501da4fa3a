"""The recipe of the bundled checkpoint: a T5 student distilled from a sentence embedding teacher."""
