"""An MCP server on the standard library that misbehaves in one way, given as its first argument.

Run as `python tests/servers/rogue.py MODE [OPTION …]` (stdio). The handshake of either era is answered
properly; MODE is how `tools/call` is answered (see `MODES`), the options are how the process behaves.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Message = dict[str, Any]

TOOLS = [
    {"name": "echo", "description": "Return the text.", "inputSchema": {"type": "object"}},
    {
        "name": "dump",
        "description": "Return env, cwd, argv and process ids.",
        "inputSchema": {"type": "object"},
    },
    {"name": "count", "description": "Return how many calls came.", "inputSchema": {"type": "object"}},
    {"name": "flood", "description": "Send n notifications, then answer.", "inputSchema": {"type": "object"}},
    {"name": "exit", "description": "Exit with a code, unanswered.", "inputSchema": {"type": "object"}},
]

calls = 0
legacy_only = False


def line(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def answer(id: Any, result: Message) -> Message:
    return {"jsonrpc": "2.0", "id": id, "result": result}


def text(value: str) -> Message:
    return {"content": [{"type": "text", "text": value}], "isError": False, "resultType": "complete"}


def notification(n: int) -> Message:
    return {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": n}}


def call(params: Message) -> Iterator[Message]:
    """What the tool sends ahead of its result, then the result's `result` member last."""
    arguments = params.get("arguments") or {}
    match params.get("name"):
        case "dump":
            here = {
                "env": dict(os.environ),
                "cwd": os.getcwd(),  # noqa: PTH109 - what the process itself is told, unresolved
                "argv": sys.argv,
                "pid": os.getpid(),
                "ppid": os.getppid(),
                "pgid": os.getpgrp(),
            }
            yield text(json.dumps(here))
        case "count":
            yield text(str(calls))
        case "flood":
            yield from (notification(n) for n in range(arguments["n"]))
            yield text("flooded")
        case "exit":
            os._exit(arguments["code"])
        case _:
            yield text(str(arguments.get("text", "")))


def reply(message: Message) -> Iterator[bytes]:
    """The proper answer to a request, as frames."""
    params = message.get("params") or {}
    match message["method"]:
        case "initialize":
            result: Message = {
                "protocolVersion": params.get("protocolVersion", "2025-11-25"),
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "rogue", "version": "1"},
            }
        case "server/discover" if not legacy_only:
            result = {
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}},
                "resultType": "complete",
                "ttlMs": 0,
                "cacheScope": "private",
            }
        case "tools/list":
            result = {"tools": TOOLS, "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
        case "ping":
            result = {}
        case "tools/call":
            *ahead, result = call(params)
            yield from map(line, ahead)
        case method:
            error = {"code": -32601, "message": f"Method not found: {method}"}
            yield line({"jsonrpc": "2.0", "id": message["id"], "error": error})
            return
    yield line(answer(message["id"], result))


def stray(message: Message) -> Iterator[bytes]:
    yield b"Server started on port 0!\n"
    yield b"\n"
    yield b"{not json}\n"
    yield from reply(message)
    yield b"\x1b[31mDEBUG done\x1b[0m\n"


def unknown_id(message: Message) -> Iterator[bytes]:
    yield line(answer(424242, text("nobody asked")))
    yield line(answer(None, text("nobody asked")))
    yield line({"jsonrpc": "2.0", "id": "never", "error": {"code": 1, "message": "nobody asked"}})
    yield from reply(message)


def string_id(message: Message) -> Iterator[bytes]:
    yield from reply(message | {"id": str(message["id"])})


def twice(message: Message) -> Iterator[bytes]:
    yield from reply(message)
    yield line(answer(message["id"], text("a second answer")))


def duplicate_keys(message: Message) -> Iterator[bytes]:
    id = json.dumps(message["id"])
    two = f'"result":{json.dumps(text("first"))},"result":{json.dumps(text("second"))}'
    yield f'{{"jsonrpc":"2.0","id":{id},{two}}}\n'.encode()
    yield line(answer(message["id"], text("clean")))


def bad_utf8(message: Message) -> Iterator[bytes]:
    yield line(answer(message["id"], text("bad @ byte"))).replace(b"@", b"\xff\xc0\xaf")
    yield line(answer(message["id"], text("clean")))


def surrogate(message: Message) -> Iterator[bytes]:
    yield line(answer(message["id"], text("lone \ud83d in content")))


def batch(message: Message) -> Iterator[bytes]:
    yield line([notification(1), answer(message["id"], text("in a batch")), notification(2)])


def not_objects(message: Message) -> Iterator[bytes]:
    yield from (b"null\n", b"42\n", b'"text"\n', b"[]\n", b"true\n")
    yield from reply(message)


def crlf(message: Message) -> Iterator[bytes]:
    yield from (frame.removesuffix(b"\n") + b"\r\n" for frame in reply(message))


def big(message: Message) -> Iterator[bytes]:
    mib = (message["params"].get("arguments") or {}).get("mib", 20)
    yield line(answer(message["id"], text("x" * (mib << 20))))


def oversize(message: Message) -> Iterator[bytes]:
    """A line longer than any relay should hold, then the proper answer."""
    mib = (message["params"].get("arguments") or {}).get("mib", 80)
    yield b'{"jsonrpc":"2.0","id":%d,"result":"' % message["id"]
    for _ in range(mib):
        yield b"x" * (1 << 20)
    yield b'"}\n'
    yield from reply(message)


def die_mid_answer(message: Message) -> Iterator[bytes]:
    frame = line(answer(message["id"], text("cut short")))
    yield frame[: len(frame) // 2]
    raise SystemExit(7)


MODES: dict[str, Callable[[Message], Iterator[bytes]]] = {
    "proper": reply,
    "stray": stray,
    "unknown-id": unknown_id,
    "string-id": string_id,
    "twice": twice,
    "duplicate-keys": duplicate_keys,
    "bad-utf8": bad_utf8,
    "surrogate": surrogate,
    "batch": batch,
    "not-objects": not_objects,
    "crlf": crlf,
    "big": big,
    "oversize": oversize,
    "die-mid-answer": die_mid_answer,
}


def serve(mode: str) -> None:
    """Answer until stdin ends; in mode `echo`, send every line back as it came."""
    global calls
    for raw in sys.stdin.buffer:
        frames: Iterator[bytes] = iter(())
        if mode == "echo":
            frames = iter((raw,))
        else:
            message = json.loads(raw)
            if "id" in message and "method" in message:
                calls += message["method"] == "tools/call"
                frames = (MODES[mode] if message["method"] == "tools/call" else reply)(message)
        try:
            for frame in frames:
                sys.stdout.buffer.write(frame)
        finally:
            sys.stdout.buffer.flush()


def write_pids(path: Path, grandchild: subprocess.Popen[bytes] | None) -> None:
    """Write `{"server": pid, "grandchild": pid or null}` so that a reader never sees half of it."""
    half = path.with_suffix(".part")
    half.write_text(json.dumps({"server": os.getpid(), "grandchild": grandchild and grandchild.pid}))
    half.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=["echo", *MODES])
    parser.add_argument("--pids", type=Path, help="write the process ids to this file")
    parser.add_argument("--grandchild", action="store_true", help="start a sleeper that holds our pipes")
    parser.add_argument("--ignore-term", action="store_true", help="ignore SIGTERM and SIGINT (inherited)")
    parser.add_argument("--ignore-eof", action="store_true", help="stay when stdin ends")
    parser.add_argument("--stderr-bytes", type=int, default=0, help="write this much to stderr first")
    parser.add_argument("--exit-code", type=int, default=0)
    parser.add_argument("--legacy-only", action="store_true", help="do not know server/discover")
    options, _ = parser.parse_known_args()
    global legacy_only
    legacy_only = options.legacy_only
    if options.ignore_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    grandchild = subprocess.Popen(["sleep", "600"]) if options.grandchild else None
    if options.pids:
        write_pids(options.pids, grandchild)
    if options.stderr_bytes:
        sys.stderr.buffer.write(b"e" * (options.stderr_bytes - 1) + b"\n")
        sys.stderr.buffer.flush()
    serve(options.mode)
    while options.ignore_eof:
        signal.pause()
    # A live grandchild is left behind: the exit of a Python process does not wait for it.
    os._exit(options.exit_code)


if __name__ == "__main__":
    main()
