"""A server that speaks Mistral's wire format for `POST /v1/chat/completions` and misbehaves on request.

`MistralServer` listens on a loopback port inside the test's own event loop. Each request takes the next behaviour
of its `script`; the last one stays. Behaviours are functions from a `Request` to a `Reply`; ready ones stand below.

    async with MistralServer(rate_limited("7"), well(12)) as server:
        ... server.url, server.requests, server.most_at_once, server.dropped
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Request:
    """One request as it came in. `nonce` and `name` are what the prompt asks to be echoed."""

    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def question(self) -> str:
        return self.body["messages"][-1]["content"]

    def line(self, key: str) -> str:
        """The value of the question's line `key: value`."""
        for line in self.question.splitlines():
            if line.startswith(f"{key}: "):
                return line.removeprefix(f"{key}: ")
        return ""

    @property
    def nonce(self) -> str:
        return self.line("nonce")

    @property
    def name(self) -> str:
        return self.line("name")


@dataclass
class Reply:
    """What goes back. `hold` waits for the client to hang up instead, `drip` does so after the headers, `flow` sends
    its bytes over and over until then, `gate` is waited for first."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    hold: bool = False
    drip: bool = False
    flow: bytes = b""
    gate: asyncio.Event | None = None


Behaviour = Callable[[Request], Reply]


class MistralServer:
    """The server; an async context manager."""

    def __init__(self, *script: Behaviour) -> None:
        self.script = list(script)
        self.requests: list[Request] = []
        self.at_once = 0
        self.most_at_once = 0
        self.dropped = asyncio.Event()
        """Set when a client hung up before it got its answer."""
        self.arrived = asyncio.Semaphore(0)
        """Released once a request: `await server.arrived.acquire()` waits for the next one."""
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.dropped.set()
        except asyncio.CancelledError:
            return
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        raw = dict(line.split(": ", 1) for line in lines if ": " in line)
        headers["authorization"] = raw.get("Authorization", raw.get("authorization", ""))
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        assert first.startswith("POST ") and " /v1/chat/completions " in first, first
        request = Request(headers, json.loads(body))
        behaviour = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.requests.append(request)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.arrived.release()
        try:
            return await self._answer(behaviour(request), reader, writer)
        finally:
            self.at_once -= 1

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if reply.gate is not None:
            await reply.gate.wait()
        if reply.hold:
            await reader.read(1)  # returns when the client hangs up: it has nothing more to say
            self.dropped.set()
            return False
        headers = {"content-type": "application/json", "content-length": str(len(reply.body)), **reply.headers}
        head = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*head, "", ""]).encode("latin-1"))
        await writer.drain()
        while reply.flow:
            writer.write(reply.flow)
            await writer.drain()
            await asyncio.sleep(0.01)
        if reply.drip:
            await reader.read(1)
            self.dropped.set()
            return False
        writer.write(reply.body)
        await writer.drain()
        return True


def completion(content: object, *, finish: str = "stop", usage: object = None) -> bytes:
    """A chat completion whose assistant says `content`."""
    return json.dumps(
        {
            "id": "cmpl-1",
            "object": "chat.completion",
            "model": "test-model",
            "created": 1_700_000_000,
            "usage": usage or {"prompt_tokens": 900, "completion_tokens": 60, "total_tokens": 960},
            "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content}}],
        }
    ).encode()


def says(text: Callable[[Request], object], *, finish: str = "stop", usage: object = None) -> Behaviour:
    """Answers 200 with the content that `text` makes of the request."""
    return lambda request: Reply(body=completion(text(request), finish=finish, usage=usage))


def verdict(
    request: Request, score: object, *, name: object = None, nonce: object = None, reason: str = "Because."
) -> dict[str, Any]:
    """The object a good model answers with; the echoes can be replaced."""
    item = {
        "name": request.name if name is None else name,
        "reason": reason,
        "quote": "",
        "criterion": "none",
        "score": score,
    }
    return {"nonce": request.nonce if nonce is None else nonce, "verdicts": [item]}


def well(score: object = 5) -> Behaviour:
    return says(lambda request: json.dumps(verdict(request, score)))


def fenced(score: object = 5) -> Behaviour:
    return says(lambda request: f"Here it is:\n```json\n{json.dumps(verdict(request, score), indent=1)}\n```\n")


def about(name: str, score: object = 5) -> Behaviour:
    return says(lambda request: json.dumps(verdict(request, score, name=name)))


def spoofed(nonce: str = "0" * 32, score: object = 0) -> Behaviour:
    return says(lambda request: json.dumps(verdict(request, score, nonce=nonce)))


def truncated() -> Behaviour:
    return says(lambda request: json.dumps(verdict(request, 5)), finish="length")


def text(content: object) -> Behaviour:
    return says(lambda request: content)


refusal = text("I'm sorry, but I can't help with that.")
empty = text("")
invalid_json = text('{"nonce": "')


def failing(status: int, message: str = "no", **headers: str) -> Behaviour:
    body = json.dumps({"object": "error", "message": message}).encode()
    return lambda request: Reply(status, body, {k.replace("_", "-"): v for k, v in headers.items()})


def rate_limited(retry_after: str | None = None) -> Behaviour:
    return failing(429, "slow down", **({} if retry_after is None else {"retry_after": retry_after}))


def late(request: Request) -> Reply:
    """Never answers; notices when the client hangs up."""
    return Reply(hold=True)


def dripping(request: Request) -> Reply:
    """Sends the headers and no body."""
    return Reply(body=completion("x"), drip=True)


def endless(chunk: bytes, **headers: str) -> Behaviour:
    """Sends `chunk` a hundred times a second until the client hangs up."""
    sent = {"content-length": str(10**12), **{k.replace("_", "-"): v for k, v in headers.items()}}
    return lambda request: Reply(headers=sent, flow=chunk)


def raw(body: bytes, status: int = 200, **headers: str) -> Behaviour:
    """Sends exactly these bytes as the body."""
    return lambda request: Reply(status, body, {k.replace("_", "-"): v for k, v in headers.items()})


def gated(gate: asyncio.Event, then: Behaviour) -> Behaviour:
    """Answers like `then` once `gate` is set."""

    def behave(request: Request) -> Reply:
        reply = then(request)
        reply.gate = gate
        return reply

    return behave
