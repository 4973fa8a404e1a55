"""An MCP server that sends exactly the bytes it is told to, and records exactly the bytes it gets.

Run as `python tests/servers/scripted.py RECORD` (stdio): every line of stdin is appended to the file RECORD.
A request or notification whose `params._meta` has `test/emit` makes it write those frames: a list of
strings, each character one byte, without the line end. Any other request gets an empty result, a batch a
batch of them.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def emitted(message: Any) -> list[bytes]:
    """The frames to send for one message of the client's."""
    if isinstance(message, list):
        answers = [json.loads(frame) for part in message for frame in emitted(part)]
        return [json.dumps(answers).encode()] if answers else []
    if not isinstance(message, dict) or "method" not in message:
        return []
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    if meta and "test/emit" in meta:
        return [frame.encode("latin-1") for frame in meta["test/emit"]]
    if "id" in message:
        return [json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {}}).encode()]
    return []


def main() -> None:
    with open(sys.argv[1], "ab", buffering=0) as record:
        for raw in sys.stdin.buffer:
            record.write(raw)
            try:
                message = json.loads(raw)
            except ValueError:
                continue
            for frame in emitted(message):
                sys.stdout.buffer.write(frame + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
