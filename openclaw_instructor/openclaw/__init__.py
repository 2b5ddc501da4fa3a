"""Generate the OpenClaw plugin, install it and keep it in sync, and configure memory search."""
