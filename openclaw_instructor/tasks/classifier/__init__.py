"""Fitting labels: what turns embeddings into probabilities."""
