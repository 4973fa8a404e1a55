"""Multi round-trip requests (2026-07-28): what makes a further round of an operation, and what is asked in between.

A result with `inputRequests` leaves its operation waiting, whatever the method. The next round comes under a new id
with the `requestState` it was given. It belongs to that operation, which was charged already, only with the same
method, name, arguments and state, once, and at most `MAX_ROUNDS` times.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import Raw

from mcpwatch.protocol.events import Question, Waiting
from mcpwatch.protocol.message import NO_KEYS, NONE, TOP_KEYS, Malformed, Parser, any_value, text
from mcpwatch.protocol.methods import SAMPLING, TASK_STATE, TASK_UPDATE, check_method

MAX_ROUNDS: Final = 10
"""Free rounds of one operation: as many as the SDKs' clients go along with. The next one is charged anew."""

MAX_WAITING: Final = 1024
"""Operations kept waiting for their next round."""

MAX_SAMPLING: Final = 64
"""Sampling requests in one result: each is kept until its answer comes."""

SMALL: Final = 1 << 12
"""Bytes of arguments that are kept while a request is open, to recognise a further round; of larger ones a digest."""

ROUND_KEYS: Final = frozenset({"requestState", "inputResponses"})
REQUIRED_KEYS: Final = frozenset({"resultType", "requestState", "inputRequests"})

# However the keys might be spelled for some reader: in any case, with escaped letters, with a long s.
_ESCAPED: Final = re.compile(rb"\\u0[01]")
_STATE: Final = re.compile(rb"reque.{1,2}t.{1,2}tate", re.DOTALL)


def brings_inputs(params: Raw) -> bool:
    """Whether the params of a method we do not know have to be read: they may be a further round."""
    text = bytes(params).lower()  # ten times as fast as to search without regard to case
    return b"inputre" in text or _STATE.search(text) is not None or _ESCAPED.search(text) is not None


def asks_for_inputs(result: Raw) -> bool:
    """Whether the result of a method we do not know has to be read: it may ask the client for something."""
    text = bytes(result).lower()
    return b"inputreque" in text or _ESCAPED.search(text) is not None


def wait(table: dict[bytes, Waiting], question: Question, state: Raw) -> Waiting | None:
    """Keep the operation of this question for its next round; of a task that is asked about again, the one that is
    kept. None: it had too many, or too many wait."""
    rounds = question.resumes.rounds + 1 if question.resumes is not None else 1
    if rounds > MAX_ROUNDS or len(table) >= MAX_WAITING:
        return None
    waiting = Waiting(_operation(question, state), rounds)
    kept = table.setdefault(waiting.operation, waiting)
    return kept if kept is waiting or question.method == TASK_STATE else None


def resume(table: dict[bytes, Waiting], question: Question, state: Raw, responses: Raw, parser: Parser) -> None:
    """Find the operation of which this question is the next round, if there is one. Raises `Malformed`."""
    inputs = parser.members(responses, NO_KEYS) if bytes(responses) not in (b"", b"null") else None
    question.resumes = table.pop(_operation(question, state), None)
    if question.resumes is not None:
        question.inputs = inputs


def sampling(inputs: Raw, parser: Parser) -> dict[str, Raw]:
    """The params of each sampling request in an `inputRequests` object, by its key there. Raises `Malformed`."""
    found: dict[str, Raw] = {}
    if bytes(inputs) in (b"", b"null"):
        return found
    for key, request in parser.members(inputs, NO_KEYS).items():
        members = parser.members(request, TOP_KEYS)
        method = text(members, "method")
        if method == SAMPLING:
            found[key] = members.get("params", NONE)
        elif method is not None:
            check_method(method)
    if len(found) > MAX_SAMPLING:
        raise Malformed(f"a result that asks for more than {MAX_SAMPLING} samplings")
    return found


def digest(data: Raw | bytes) -> bytes:
    """SHA-256."""
    import hashlib  # 5 ms that only the 2026 era pays

    return hashlib.sha256(data).digest()


def _operation(question: Question, state: Raw) -> bytes:
    """What the rounds of one operation have in common, and no other has."""
    token = bytes(state)
    if b"\\" in token:  # an opaque string that client and server may escape differently
        value = any_value(token)
        token = token if value is None else msgspec.json.encode(value)
    method = question.method
    parts = (
        (TASK_STATE if method == TASK_UPDATE else method).encode(),  # the one asks, the other brings
        question.name.encode(),
        question.digest or bytes(question.arguments),
        b"" if token == b"null" else token,
    )
    return digest(b"".join(b"%d:%s" % (len(part), part) for part in parts))
