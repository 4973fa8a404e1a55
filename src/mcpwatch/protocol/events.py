"""What can happen in a conversation: the events a `Session` makes of the frames of either side."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw

from mcpwatch.protocol.message import INVALID_REQUEST, NONE, Key


class Waiting(msgspec.Struct, gc=False, eq=False):
    """An operation between two rounds."""

    operation: bytes  # what its next round must match
    rounds: int  # so far
    calls: dict[str, Any] = {}  # for the floor above: its records of the sampling asked for, by key


class Question(msgspec.Struct, gc=False, eq=False):
    """A request on its way to its answer. `call` is for the floor above to hang its record on."""

    key: Key  # see `message.id_key`
    sent_id: bytes  # the id as sent; empty where that is the key in digits
    method: str
    params: Raw  # as sent; NONE when there are none, and dropped by `asked`
    from_server: bool = False
    name: str = ""  # params.name; the uri of a resources/read; a taskId; "@sampling" of a sampling request
    cursor: bool = False  # a further page of a list
    arguments: Raw = NONE  # params.arguments; large ones are dropped by `asked`
    digest: bytes = b""  # of large ones, for recognising a further round
    resumes: Waiting | None = None  # the operation this is a further round of
    inputs: dict[str, Raw] | None = None  # inputResponses of such a round, until they are used
    call: Any = None

    @property
    def id(self) -> bytes:
        """The id as sent."""
        return self.sent_id or str(self.key).encode()


class Answer(msgspec.Struct, gc=False, eq=False):
    """The end of a question."""

    question: Question
    result: Raw | bytes | memoryview = NONE
    error: Raw = NONE
    failed: bool = False  # an error, or a result with isError
    late: bool = False  # the question had been cancelled by its asker
    waiting: Waiting | None = None  # the result is `input_required`: the operation goes on
    sampling: dict[str, Raw] | None = None  # params of each sampling request among its inputRequests
    tasks: tuple[str, ...] = ()  # of a tools/call: the tasks it is answered with; of a tasks/get: the one it delivers


class Success(Answer, gc=False, eq=False):
    """A small result of a tools/call that is no error, and is all that its one round brings."""


class Notification(msgspec.Struct, gc=False, eq=False):
    """A frame nobody answers. `cancels` is the open question that a notifications/cancelled ended, `news` what a
    tasks/get would have been answered, of a task that delivers or asks for something."""

    method: str
    cancels: Question | None = None
    news: Answer | None = None


class Batch(msgspec.Struct, gc=False, eq=False):
    """A JSON-RPC batch (2025-03-26), to be fed back member by member with `member=True`."""

    members: list[Raw]


class Rejected(msgspec.Struct, gc=False, eq=False):
    """A frame that must not pass."""

    note: str
    code: int = INVALID_REQUEST
    id: bytes | None = None  # the raw id to answer its sender with (may be `null`); None: not to be answered
    stray: bool = False  # not JSON-RPC at all
    late: Question | None = None  # it answers a question that a lock had ended: no violation
    broken: Question | None = None  # it was to answer this one, now no longer open: tell the asker
    result: Raw = NONE  # of a late or broken answer
    more: tuple[Rejected, ...] = ()  # whom else to tell, of a batch that nobody can read


class Blank(msgspec.Struct, gc=False, eq=False):
    """An empty line: no message, to be dropped without a word."""


BLANK: Final = Blank()

Event = Question | Answer | Notification | Batch | Rejected | Blank


_NAME: Final = 256  # characters kept of a name, a version, a revision
_META_CLIENT: Final = "io.modelcontextprotocol/clientInfo"
_META_VERSION: Final = "io.modelcontextprotocol/protocolVersion"


class Identity(msgspec.Struct, frozen=True):
    """Who is talking, as far as it has been said. Whatever is said that makes no sense changes nothing."""

    client_name: str = ""
    client_version: str = ""
    protocol: str = ""

    def learned(self, meta: Any) -> Identity:
        """With what the `_meta` of a request says (2026-07-28)."""
        if not isinstance(meta, dict):
            return self
        return self.named(meta.get(_META_CLIENT)).speaking(meta.get(_META_VERSION))

    def named(self, info: Any) -> Identity:
        """With a `clientInfo`."""
        if not isinstance(info, dict):
            return self
        name, version = str(info.get("name") or ""), str(info.get("version") or "")
        return Identity(name[:_NAME], version[:_NAME], self.protocol)

    def speaking(self, protocol: Any) -> Identity:
        """With the protocol revision."""
        if not isinstance(protocol, str) or not protocol:
            return self
        return Identity(self.client_name, self.client_version, protocol[:_NAME])
