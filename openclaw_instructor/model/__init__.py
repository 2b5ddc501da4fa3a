"""Load checkpoints and embed texts with them: networks, inference, and `INSTRUCTOR`."""

from openclaw_instructor.model.thread_settings import let_threads_sleep

# Must run before any module of this package imports torch.
let_threads_sleep()
