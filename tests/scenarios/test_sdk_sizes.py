"""Large messages and many at once."""

from __future__ import annotations

import hashlib

import anyio

from servers.sdkclient import text_of

MIB = 1 << 20


async def test_result_of_20_mib(connect):
    async with connect() as client:
        text = text_of(await client.call_tool("big", {"mib": 20}))
        assert len(text) == 20 * MIB
        expected = hashlib.sha256(b"0123456789abcdef" * (20 * MIB // 16)).digest()
        assert hashlib.sha256(text.encode()).digest() == expected
        assert text_of(await client.call_tool("echo", {"text": "after"})) == "after"


async def test_argument_of_20_mib(connect):
    async with connect() as client:
        assert text_of(await client.call_tool("length", {"text": "é" * (10 * MIB)})) == str(10 * MIB)


async def test_many_calls_in_flight(connect):
    """The server answers none of the calls before all of them have arrived."""
    answers: dict[str, str] = {}
    async with connect() as client:

        async def call(label: str) -> None:
            answers[label] = text_of(await client.call_tool("gather", {"parties": 64, "label": label}))

        async with anyio.create_task_group() as group:
            for n in range(64):
                group.start_soon(call, f"call {n}")
    assert answers == {f"call {n}": f"call {n}" for n in range(64)}
