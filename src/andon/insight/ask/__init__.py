"""Questions in plain words: looking the history up, an investigating agent, a conversation, tools for MCP clients."""
