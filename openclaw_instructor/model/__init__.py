"""INSTRUCTOR: checkpoint, prompt, encoder and the reference-compatible `encode()`."""
