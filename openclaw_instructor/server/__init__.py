"""The daemon's process: its HTTP and MCP servers, their security, logs and metrics."""
