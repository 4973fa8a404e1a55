"""Stands in for an AI client's own command that adds a server: starts what it was told to, and talks to it."""

from __future__ import annotations

import json
import subprocess
import sys

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "stand-in", "version": "1"},
    },
}


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[0] == "--add-mcp":
        entry = json.loads(arguments[1])
        name, command = entry["name"], [entry["command"], *entry["args"]]
    else:
        cut = arguments.index("--")
        assert arguments[:2] == ["mcp", "add"], arguments
        name, command = arguments[cut - 1], arguments[cut + 1 :]
    assert command[:4] == ["mcpwatch", "run", "--name", name], command
    done = subprocess.run(command, input=json.dumps(HELLO) + "\n", capture_output=True, text=True, timeout=20)
    answer = json.loads(done.stdout)
    assert answer["result"]["serverInfo"]["name"] == "notes", answer
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
