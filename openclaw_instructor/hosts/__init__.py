"""Enter the MCP server in the configuration of other agent hosts, and take it out again."""
