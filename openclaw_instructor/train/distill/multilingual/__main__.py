"""Teach a checkpoint more languages: `python -m openclaw_instructor.train.distill.multilingual`."""

from __future__ import annotations

from openclaw_instructor.train.distill.multilingual.recipe import main

if __name__ == "__main__":
    main()
