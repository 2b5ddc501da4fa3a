"""Checkpoints, networks, and `INSTRUCTOR`: text in, embeddings out."""

from openclaw_instructor.model.openmp import let_threads_sleep

# Before any module of this package imports torch.
let_threads_sleep()
