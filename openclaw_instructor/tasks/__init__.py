"""Run the kinds of task: search, classification and matching."""
