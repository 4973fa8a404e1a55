"""The headers that 2026-07-28 wants beside a body: what the body says, for those who route by headers.

`Mcp-Param-*` headers carry the arguments that a tool's input schema marks with `x-mcp-header`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from mcpwatch.protocol.events import Question
from mcpwatch.protocol.message import Malformed, Parser, any_value
from mcpwatch.relay.endings import MODERN
from mcpwatch.relay.http_headers import METHOD, NAME, SENTINEL, VERSION

MARK: Final = "x-mcp-header"
_DEPTH: Final = 32
_TOOLS: Final = 2000

_SAYS_VERSION: Final = re.compile(rb'"io\.modelcontextprotocol/protocolVersion"\s*:\s*"([^"\\]{1,40})"')

Paths = dict[tuple[str, ...], str]  # where an argument is → its header, without the prefix


class ToolHeaders:
    """What tools were listed with."""

    def __init__(self) -> None:
        self._paths: dict[str, Paths] = {}

    def listed(self, result: bytes) -> None:
        """A tools/list result has come."""
        page = any_value(result)
        tools = page.get("tools") if isinstance(page, dict) else None
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict) and isinstance(name := tool.get("name"), str):
                paths = dict(_marked(tool.get("inputSchema"), (), _DEPTH))
                if paths and len(self._paths) < _TOOLS:
                    self._paths[name] = paths
                else:
                    self._paths.pop(name, None)

    def beside(self, line: bytes, question: Question) -> dict[str, str]:
        """The headers of the request that this line of the client's is, where it says that it wants some."""
        found = _SAYS_VERSION.search(line)
        version = found.group(1).decode("utf-8", "replace") if found is not None else ""
        if version < MODERN:
            return {}
        return self.of(version, question.method, question.name, bytes(question.arguments))

    def of(self, version: str, method: str, name: str, arguments: bytes) -> dict[str, str]:
        """The headers of a request."""
        headers = {VERSION: version, METHOD: method}
        if name:
            headers[NAME] = spelled(name)
        paths = self._paths.get(name) if method == "tools/call" else None
        values = any_value(arguments) if paths else None
        for path, header in (paths or {}).items():
            value = _at(values, path)
            if isinstance(value, bool):
                headers[f"Mcp-Param-{header}"] = "true" if value else "false"
            elif isinstance(value, (str, int)):
                headers[f"Mcp-Param-{header}"] = spelled(str(value))
        return headers


def result_of(frame: bytes) -> bytes:
    """The result that a frame brings, if it does."""
    try:
        return bytes(Parser().message(frame).result)
    except Malformed:
        return b""


def spelled(value: str) -> str:
    """A value as a header holds it: as it is where that is plain ASCII, else in base64."""
    plain = all(" " <= c <= "~" for c in value) and value == value.strip()
    if plain and SENTINEL.fullmatch(value) is None:
        return value
    return f"=?base64?{base64.b64encode(value.encode('utf-8', 'replace')).decode()}?="


def _marked(schema: Any, path: tuple[str, ...], depth: int) -> Iterator[tuple[tuple[str, ...], str]]:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or depth <= 0:
        return
    for name, inner in properties.items():
        if not isinstance(inner, dict):
            continue
        header = inner.get(MARK)
        if isinstance(header, str) and header.replace("-", "").replace("_", "").isalnum() and header.isascii():
            yield (*path, name), header
        yield from _marked(inner, (*path, name), depth - 1)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def one_line(frame: bytes) -> bytes:
    """A frame as a line; raw line ends in JSON are blanks between its tokens."""
    if b"\n" in frame or b"\r" in frame:
        frame = frame.replace(b"\r", b" ").replace(b"\n", b" ").strip()
    return frame + b"\n"


def error_in(body: bytes) -> tuple[int, str] | None:
    """Code and message of a JSON-RPC error, whoever it was for."""
    try:
        error = msgspec.json.decode(body)["error"]
        return int(error["code"]), str(error["message"])[:500]
    except (msgspec.MsgspecError, UnicodeError, KeyError, TypeError, ValueError, RecursionError):
        return None
