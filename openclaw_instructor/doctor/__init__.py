"""Check an installation: what is not in place, and how to fix it."""
