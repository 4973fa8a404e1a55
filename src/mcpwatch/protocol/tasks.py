"""Tasks: a call that is answered with a handle, and whose result another request, or a notification, brings.

2025-11-25: a request with `task` is answered with `{"task":{"taskId":…}}`, and `tasks/result` waits for its result;
either side may ask so. 2026-07-28 (extension io.modelcontextprotocol/tasks, SEP-2663): the server answers a
`tools/call` with `"resultType":"task"` and a `taskId` if it likes; `tasks/get` and `notifications/tasks` bring the
state, with `result`, `error` or `inputRequests` in it, and `tasks/update` the inputs.
"""

from __future__ import annotations

from typing import Final

from msgspec import Raw

from mcpwatch.protocol import rounds
from mcpwatch.protocol.events import Answer, Question, Waiting
from mcpwatch.protocol.message import MAX_NAME, NONE, Malformed, NotAnObject, Parser, any_value
from mcpwatch.protocol.methods import TASK_STATE

UNKNOWN: Final = "@task"
"""The tool of a task that no call of this guard's has made, as far as it knows."""

REMEMBERED: Final = 1024
"""Tasks of a server whose tool is known."""

FETCHES: Final = 10
"""Results of one task that belong to its call. Who fetches more is charged for calls."""

_SMALL: Final = 1 << 12  # bytes; a state alone is shorter
_STATE: Final = frozenset({"taskId", "status", "statusMessage", "createdAt", "lastUpdatedAt", "_meta"}) | {
    *("ttl", "ttlMs", "pollInterval", "pollIntervalMs", "resultType", "requestState", "inputRequests")
}
STATE_KEYS: Final = _STATE | {"result", "error", "content", "structuredContent", "isError"}


def read_state(answer: Answer, raw: Raw, parser: Parser, waiting: dict[bytes, Waiting]) -> None:
    """Note in the answer to a tasks/get what it brings: all that is more than a state counts as the task's result.
    Raises `Malformed`."""
    try:
        members = parser.members(raw, STATE_KEYS)
    except NotAnObject:
        members = {"result": raw}
    question = answer.question
    question.name = question.name or _id(members)
    inputs = members.get("inputRequests", NONE)
    if not members.keys() <= _STATE or len(raw) - len(inputs) > _SMALL:
        answer.tasks = (question.name,)
    answer.sampling = rounds.sampling(inputs, parser)
    if answer.sampling:
        if answer.late:
            raise Malformed("a late answer that asks for sampling")
        answer.waiting = rounds.wait(waiting, question, NONE)


def news(params: Raw, parser: Parser, waiting: dict[bytes, Waiting]) -> Answer | None:
    """What a notification brings, as if it had been asked for; None for a state. Raises `Malformed`."""
    answer = Answer(Question(b"", b"null", TASK_STATE, NONE), params)
    if len(params):
        read_state(answer, params, parser, waiting)
    return answer if answer.tasks or answer.sampling else None


def made(task: Raw, id: Raw, parser: Parser) -> tuple[str, ...]:
    """The ids of the tasks a result speaks of, from its members `task` and `taskId`. Raises `Malformed`."""
    found = [_text(id)] if len(id) else []
    if len(task):
        try:
            found.append(_id(parser.members(task, STATE_KEYS)))
        except NotAnObject:
            pass  # somebody's own idea of a task
    return tuple(filter(None, found))


class Tasks:
    """Which tool's result a task brings. Shared by all sessions with one server: the ids are the server's."""

    def __init__(self) -> None:
        self._tools: dict[str, str] = {}
        self._fetched: dict[str, int] = {}

    def learn(self, ids: tuple[str, ...], tool: str) -> None:
        """A call of this tool was answered with these tasks."""
        for id in ids:
            self._tools.pop(id, None)  # the newest last
            self._tools[id] = tool
            self._fetched.pop(id, None)
        if len(self._tools) >= 2 * REMEMBERED:
            for old in list(self._tools)[:REMEMBERED]:
                self._tools.pop(old, None)
                self._fetched.pop(old, None)

    def tool(self, id: str) -> str:
        """Whose task it is."""
        return self._tools.get(id, UNKNOWN)

    def fetch(self, id: str) -> bool:
        """Its result is fetched. Says whether that belongs to the call that made the task, and is no further one."""
        if id not in self._tools:
            return False
        self._fetched[id] = fetched = self._fetched.get(id, 0) + 1
        return fetched <= FETCHES


def _id(members: dict[str, Raw]) -> str:
    return _text(members.get("taskId", NONE))


def _text(raw: Raw) -> str:
    value = any_value(raw) if len(raw) else None
    return value if isinstance(value, str) and len(value) <= MAX_NAME else ""
