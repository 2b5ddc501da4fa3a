"""`python -m openclaw_instructor.train` is `openclaw-instructor train`: torchrun starts modules, not commands."""

from __future__ import annotations

import sys

from openclaw_instructor.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
