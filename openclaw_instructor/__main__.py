"""Run the command line as `python -m openclaw_instructor`, for torchrun and where the script is not on the path."""

from __future__ import annotations

from openclaw_instructor.cli import main

if __name__ == "__main__":
    main()
