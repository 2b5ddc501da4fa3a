"""The OpenClaw side: the generated plugin, its installation and sync, and memory search."""
