"""Load checkpoints and embed texts with them: networks, inference, and `INSTRUCTOR`."""

from openclaw_instructor.model.openmp import let_threads_sleep

# Before any module of this package imports torch.
let_threads_sleep()
