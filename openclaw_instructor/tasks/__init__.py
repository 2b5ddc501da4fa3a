"""The kinds of task: search, classification and matching."""
