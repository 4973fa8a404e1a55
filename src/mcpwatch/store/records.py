"""The frozen records every floor above the store speaks in.

Units, everywhere: money in integer micro-dollars, sizes in bytes, durations and windows in nanoseconds where
the name ends in `_ns` and seconds where it ends in `_s`, wall-clock moments as UTC nanoseconds since 1970
(`*_utc`), ledger moments (`*_at`) on the ledger's own clock (see `clock.py`), which never runs backwards.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec


class Outcome(StrEnum):
    """How a call ended. `PENDING` is the only one that changes later."""

    PENDING = "pending"
    OK = "ok"
    ERROR = "error"  # a JSON-RPC error, or a result with isError
    REFUSED = "refused"  # by us; the other side never saw it
    CANCELLED = "cancelled"  # by the client, or by a lock that ended it in flight
    TIMED_OUT = "timed out"  # the session ended before an answer came
    VIOLATION = "violation"  # a frame that broke the rules of the wire; dropped and recorded


OK: Final = str(Outcome.OK)
"""For the path of every call: a look at an enumeration's member costs 0.1 µs, to bind one to a statement 0.4."""


def counted(n: int, one: str, many: str = "") -> str:
    """`1 call`, `2 calls`; `many` where it is more than an s behind it."""
    return f"{n} {one if n == 1 else many or one + 's'}"


class Dimension(StrEnum):
    """What a limit bounds."""

    CALLS = "calls"
    TOKENS = "tokens"
    COST = "cost"


class Call(msgspec.Struct, gc=False):
    """One request on a session, filled in as it proceeds. The only mutable record: relay threads own it
    until it is handed to the recorder for the last time."""

    method: str
    n: int = 0  # 1, 2, 3 … within the session, given by the gate
    tool: str = ""  # params.name of a tools/call, prompts/get; "@sampling" for a sampling request
    from_server: bool = False  # a server-to-client request
    protected: bool = False
    started_utc: int = 0  # by the recorder, from the next
    started_ns: int = 0  # time.monotonic_ns()
    duration_ns: int | None = None
    arguments: bytes = b""  # the params as sent (raw JSON); cut to a preview when recorded
    result: bytes = b""  # the result or error as received (raw JSON)
    frame: bytes = b""  # in which a body came whose beginning only is here; measured, and forgotten, by the gate
    arguments_bytes: int = 0
    result_bytes: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    charged_tokens: int = 0  # what the ledger already holds for this call
    charged_cost: int = 0
    charged: bool = False  # counted against the limits (calls + 1)
    tokens_method: str = ""
    measured: bool = False  # the answer's tokens are in tokens_out
    priced: int = 0  # what tokens and cost cover: 0 nothing, 1 the arguments, 2 the answer too
    counted: bool = False  # decided about by the gate: in its tool's running figures, whatever its method
    cost: int = 0
    outcome: str = "pending"
    code: str = ""  # of a refusal: locked, panic, calls, tokens, cost, quarantined …; or a JSON-RPC error code
    note: str = ""  # why it was refused, what the violation was
    lock_utc: int = 0  # refused under the lock made at this time, and to be counted there
    session: Any = None  # the `SessionEntry` it is recorded under, where a gate serves several
    flags: str = (
        ""  # comma separated: unlisted, late, retry, would-lock:<limit>, unquoted (bodies left out in a flood)
    )
    figured: tuple[int, int] | None = None  # tokens and cost its tool's figures have of it, where more may come


def is_retry(call: Call) -> bool:
    """Whether it goes on with a call that is counted already: a further round, or what a task brings. Only the first
    flag is looked at: a limit's scope, in another, may hold any word."""
    return call.flags.startswith("retry")


class Limit(msgspec.Struct, frozen=True):
    """At most `maximum` of `dimension` in any `window_s` seconds over the protected calls that match `scope`.

    calls and tokens are counts, cost is micro-dollars. A maximum of 0 blocks everything in its scope.
    """

    dimension: Dimension
    maximum: int
    window_s: int
    scope: str = "*/*"

    @property
    def key(self) -> str:
        """Stable name of this limit: `calls/60s` or `calls/60s@github/*`."""
        name = f"{self.dimension}/{self.window_s}s"
        return name if self.scope == "*/*" else f"{name}@{self.scope}"


class Usage(msgspec.Struct, frozen=True):
    """A limit with what has been used of it in its window."""

    limit: Limit
    used: int

    @property
    def percent(self) -> float:
        """Share used, in percent; 100 for a limit of 0. May exceed 100."""
        return 100.0 if self.limit.maximum == 0 else 100.0 * self.used / self.limit.maximum


class Lock(msgspec.Struct, frozen=True):
    """The lock. `locked` False leaves every other field at its default."""

    locked: bool = False
    code: str = ""  # panic | calls | tokens | cost | replaced
    reason: str = ""
    by: str = ""  # "mcpwatch", or the person's way: "screen", "command line"
    since_utc: int = 0
    refused: int = 0  # calls refused since the lock


class Policy(msgspec.Struct, frozen=True):
    """All that decides about a call besides what was used: one consistent read of the state file."""

    armed: bool = False
    strict: bool = False
    lock: Lock = Lock()
    limits: tuple[Limit, ...] = ()
    protect: tuple[str, ...] = ("*/*",)
    exempt: tuple[str, ...] = ()
    call_cap_tokens: int | None = None  # one call above this is refused alone
    call_cap_cost: int | None = None
    has_password: bool = False
    epoch_at: int = 0  # windows count from here
    version: int = 0  # changes with every change of anything above


class Session(msgspec.Struct, frozen=True):
    """One client ⇄ server conversation."""

    id: int
    server: str
    transport: str  # "stdio" | "http"
    pid: int  # of the guard or gateway
    command: str  # for display only
    client_name: str
    client_version: str
    protocol: str  # the protocol revision both ends settled on, "" before
    started_utc: int
    ended_utc: int | None
    exit_code: int | None


class CallRow(msgspec.Struct, frozen=True):
    """One call as the screen and the log see it."""

    id: int  # unique over all sessions; grows within a session
    rev: int  # grows with every write: ask for rows with rev > the last one seen
    session: int
    server: str
    client_name: str
    client_version: str
    protocol: str
    method: str
    tool: str
    from_server: bool
    protected: bool
    started_utc: int
    duration_ns: int | None
    arguments_bytes: int
    result_bytes: int
    tokens_in: int
    tokens_out: int
    tokens_method: str
    cost: int
    outcome: str
    code: str
    note: str
    flags: str
    arguments: str  # preview, secrets masked
    result: str


class ToolRow(msgspec.Struct, frozen=True):
    """One definition a server lists (or that was called without being listed), with what it was used for."""

    server: str
    kind: str  # tool | prompt | resource | template | instructions
    name: str
    fingerprint: str  # "" when called without ever being listed
    listed: bool  # still on the server's list
    score: float | None  # None: unscanned
    review: str  # "" | approved | blocked | changed (since another text was approved)
    calls: int
    errors: int
    refused: int
    tokens: int
    cost: int
    last_utc: int | None
    last_outcome: str
    definition_tokens: int
    protected: bool
    changed: bool = False  # another text stood under the name before, and nobody has decided about this one


class AuditRow(msgspec.Struct, frozen=True):
    """One thing somebody did to the protection, or that the protection did by itself."""

    seq: int
    utc: int
    actor: str
    action: str  # lock, unlock, unlock-failed, arm, observe, limit, protect, exempt, password, approve, block …
    detail: str


def to_builtins(record: Any) -> Any:
    """Plain dicts and lists of a record, for `--json`."""
    return msgspec.to_builtins(record, str_keys=True)


class Definition(msgspec.Struct, frozen=True):
    """One exact text a model would read. `json` is canonical; `fingerprint` is its SHA-256 in hex."""

    kind: str  # tool | prompt | resource | template | instructions
    name: str  # the resource's URI or template for those; "" for instructions
    fingerprint: str
    json: str


class Verdict(msgspec.Struct, frozen=True):
    """What one producer made of one definition of one server. A score of None is "unscanned", for `error`."""

    fingerprint: str
    server: str
    producer: str  # local | remote
    version: str  # of the rule set; or of model and prompt
    score: float | None
    reason: str = ""
    findings: str = "[]"  # JSON array of objects, as the producer made them
    capabilities: str = ""  # what the tool can honestly do, comma separated: exec, write, network, money
    error: str = ""
    tokens: int = 0
    utc: int = 0


class ServerDefinitions(msgspec.Struct, frozen=True):
    """All that is known about the definitions of one server, and what the other servers' tools are called."""

    listed: tuple[tuple[str, str, str], ...] = ()  # (kind, name, fingerprint) on its lists now
    gone: tuple[tuple[str, str, str], ...] = ()  # the same of names that are off its lists, as they were last
    scores: dict[str, float] = {}  # fingerprint → the highest score of its verdicts
    versions: dict[str, str] = {}  # fingerprint → version of the rules that judged it here
    reviews: dict[tuple[str, str, str], str] = {}  # (kind, name, fingerprint) → approved | blocked
    inventory: dict[str, tuple[str, ...]] = {}  # other server → its tools


class SeenText(msgspec.Struct, frozen=True):
    """One text a name had, and when it was on the list."""

    fingerprint: str
    json: str
    first_utc: int
    last_utc: int
    gone_utc: int | None
    decision: str  # "" | approved | blocked
    decided_utc: int | None
