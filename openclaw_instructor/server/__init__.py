"""Serve HTTP and MCP in the daemon's process, with security, logs and metrics."""
