"""Answers that are made here, in place of the server's or around what passes of it."""

from __future__ import annotations

from typing import Final

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from mcpwatch.protocol import replies
from mcpwatch.protocol.message import Malformed, Parser
from mcpwatch.relay.http_headers import to_client
from mcpwatch.relay.http_session import Looked, Stream
from mcpwatch.relay.http_types import JSON, TYPE, unjudged

_JSON: Final = CIMultiDict({TYPE: JSON})


def unasked(upstream: aiohttp.ClientResponse, data: bytes) -> web.Response:
    """An answer that is not judged: the text of an error, and of any other the head alone."""
    headers = to_client(upstream.headers)
    if upstream.status < 300 or not data.strip() or is_result(data):
        headers.popall(TYPE, None)
        return web.Response(status=upstream.status, headers=headers)
    return web.Response(body=data, status=upstream.status, headers=unjudged(headers))


def is_result(data: bytes) -> bool:
    """Whether a body could be taken for the result of a question, or is more than one frame."""
    if data.lstrip()[:1] == b"[":
        return True
    try:
        m = Parser().message(data)
    except Malformed as bad:
        return bad.json
    return bool(len(m.result)) or m.method is not None


def failure(stream: Stream, code: int, text: str) -> web.Response:
    """The answer to every question that the server has not answered."""
    ids = [question.id for question in stream.questions] or ([] if stream.verdict else [b"null"])
    return as_json(several([*stream.verdict, *(replies.error(id, code, text) for id in ids)]), 502)


def ours(looked: Looked, ended: list[bytes]) -> web.Response:
    """The answer to what did not go on: a refusal is an answer, an error a bad request."""
    frames = [*(frame for _, frame in looked.said), *ended]
    if not frames:
        return web.Response(status=202)
    refused = any(question is not None for question, _ in looked.said) or not looked.said
    return as_json(several(frames), 200 if refused else 400)


def several(frames: list[bytes]) -> bytes:
    """One body of these frames, of which some may be batches."""
    if len(frames) == 1:
        return frames[0]
    stripped = [frame.strip() for frame in frames]
    return b"[" + b",".join(frame[1:-1] if frame[:1] == b"[" else frame for frame in stripped) + b"]"


def as_json(body: bytes, status: int) -> web.Response:
    """An answer of this text."""
    return web.Response(body=body.strip(), status=status, headers=_JSON)
