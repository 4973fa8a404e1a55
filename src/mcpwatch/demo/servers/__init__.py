"""The three MCP servers of the demo, each started as `python -m mcpwatch.demo.servers.NAME` over stdio."""
