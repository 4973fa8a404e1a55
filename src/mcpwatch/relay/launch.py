"""A server's process as a transport for the SDK's client. Ended with everything it started, whatever it does.

The SDK's own transport lets what a server started outlive a server that leaves by itself, and reads a line of any
length.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, Any, Final

from mcpwatch.relay.child import POSIX, TERM_GRACE_S, Child

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

MAX_FRAME: Final = 64 << 20  # bytes
EOF_GRACE_S: Final = 2.0


@asynccontextmanager
async def launched(
    command: Sequence[str], *, env: Mapping[str, str], cwd: str | None, stderr: IO[bytes]
) -> AsyncIterator[TransportStreams]:
    """Start the command and speak lines with it. Raises OSError or ValueError when it cannot be started."""
    import anyio
    from mcp.shared.message import SessionMessage

    # Shielded: a start that is cancelled half way leaves a process nobody knows.
    with anyio.CancelScope(shield=True):
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            env=dict(env),
            cwd=cwd,
            limit=MAX_FRAME,
            start_new_session=POSIX,
        )
    to_client, from_server = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    to_server, from_client = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_read, process.stdout, to_client)
            tasks.start_soon(_write, process.stdin, from_client, to_client)
            try:
                yield from_server, to_server
            finally:
                tasks.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await _wind_down(process)
        for stream in (to_client, from_server, to_server, from_client):
            stream.close()


async def _read(stdout: Any, to_client: Any) -> None:
    import anyio
    import mcp_types as types
    from mcp.shared.message import SessionMessage

    async with to_client:
        while True:
            try:
                line = await stdout.readline()
            except (ValueError, ConnectionError):  # a line over the limit: nothing after it can be trusted
                return
            if not line:
                return
            try:
                message = types.jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                continue  # not a frame; a client logs it and goes on
            try:
                await to_client.send(SessionMessage(message))
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                return


async def _write(stdin: Any, from_client: Any, to_client: Any) -> None:
    async with from_client:
        async for item in from_client:
            try:
                stdin.write(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                await stdin.drain()
            except ConnectionError:
                await to_client.aclose()
                return


async def _wind_down(process: asyncio.subprocess.Process) -> None:
    """Its stdin is closed; then its whole group is ended."""
    if process.stdin is not None:
        process.stdin.close()
    deadline = asyncio.get_running_loop().time() + EOF_GRACE_S
    # Not `wait()`: it waits for the pipes, too, which something the server started may hold open.
    while process.returncode is None and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    if POSIX:
        await asyncio.to_thread(Child(process.pid, -1, -1).finish, TERM_GRACE_S)
    elif process.returncode is None:
        process.kill()
    while process.returncode is None:
        await asyncio.sleep(0.01)
    transport = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()  # else it warns when a pipe is still open at the end


def environment(extra: Mapping[str, str], without: Sequence[str]) -> dict[str, str]:
    """Ours, as a client would hand it on, less some names, with what the configuration adds."""
    return {**{name: value for name, value in os.environ.items() if name not in without}, **extra}
