"""Nearest vectors: the protocol that the index asks of an engine, and the engines behind it."""
