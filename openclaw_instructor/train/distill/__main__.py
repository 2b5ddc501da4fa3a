"""Make the bundled checkpoint: `python -m openclaw_instructor.train.distill`."""

from __future__ import annotations

from openclaw_instructor.train.distill.recipe import main

if __name__ == "__main__":
    main()
