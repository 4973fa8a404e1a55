"""Records made by hand, and the calls of a working day."""

from __future__ import annotations

import msgspec

from mcpwatch.store.records import CallRow, Session, ToolRow
from tui.moments import NOW, SECOND


def call_row(n: int, **changes: object) -> CallRow:
    """The n-th call: half a second apart, the highest the newest."""
    row = CallRow(
        id=n, rev=n, session=1, server="github", client_name="claude-code", client_version="2.1.0",
        protocol="2025-11-25", method="tools/call", tool="search_code", from_server=False, protected=True,
        started_utc=NOW - 60 * SECOND + n * SECOND // 2, duration_ns=312_000_000, arguments_bytes=48,
        result_bytes=2048, tokens_in=120, tokens_out=1080, tokens_method="estimate", cost=3600, outcome="ok",
        code="", note="", flags="", arguments='{"name":"search_code","arguments":{"q":"lock repo:acme/api"}}',
        result='{"content":[{"type":"text","text":"12 matches in 4 files"}]}',
    )  # fmt: skip
    return msgspec.structs.replace(row, **changes)


def tool_row(server: str, name: str, **changes: object) -> ToolRow:
    row = ToolRow(
        server=server, kind="tool", name=name, fingerprint="9f2c51d07be84a66", listed=True, score=None, review="",
        calls=0, errors=0, refused=0, tokens=0, cost=0, last_utc=None, last_outcome="", definition_tokens=140,
        protected=True,
    )  # fmt: skip
    return msgspec.structs.replace(row, **changes)


def session_row(n: int, server: str, client: str = "claude-code") -> Session:
    return Session(
        id=n, server=server, transport="stdio", pid=4000 + n, command=f"npx {server}", client_name=client,
        client_version="2.1.0", protocol="2025-11-25", started_utc=NOW - 3600 * SECOND, ended_utc=None,
        exit_code=None,
    )  # fmt: skip


def _said(text: str, size: int) -> dict[str, object]:
    return {
        "result": msgspec.json.encode({"content": [{"type": "text", "text": text}]}).decode(),
        "result_bytes": size,
    }


_FILES = ("src/lock.py", "src/limits.py", "README.md", "tests/test_lock.py", "pyproject.toml")


def background(n: int) -> CallRow:
    """The calls before the ones that are looked at."""
    moment = {"started_utc": NOW - 60 * SECOND + n * 497_300_000}
    if n % 3:
        return call_row(
            n, server="filesystem", tool="read_text_file", duration_ns=(2 + n % 4) * 1_000_000, protected=False,
            tokens_out=200 + n * 7, **moment, **_said(f"{20 + n} lines of {_FILES[n % 5]}", 900 + 41 * n),
        )  # fmt: skip
    more = _said(f"{n % 7 + 2} matches in {n % 3 + 1} files", 2100 + 13 * n)
    return call_row(n, duration_ns=(280 + n) * 1_000_000, tokens_out=900 + n, **moment, **more)


def story() -> list[CallRow]:
    """The newest calls: a refusal, an error, a question from a server, one that still runs."""
    ms = 1_000_000

    def at(n: int, ago_ms: int, **more: object) -> CallRow:
        return call_row(n, started_utc=NOW - ago_ms * ms, **more)

    return [
        at(108, 5870, server="github", tool="list_issues", duration_ns=288 * ms, tokens_out=2010,
           **_said("33 open issues", 8120)),
        at(109, 5310, server="filesystem", tool="write_file", duration_ns=9 * ms, tokens_in=410, tokens_out=12,
           **_said("Wrote 1.6 KiB to src/lock.py", 58)),
        at(110, 4940, server="postgres", tool="query", duration_ns=18 * ms, tokens_out=400, **_said("12 rows", 1670)),
        at(111, 4480, server="mail-bridge", client_name="cursor", tool="send_mail", outcome="error", code="-32603",
           duration_ns=1204 * ms, tokens_out=31, result='{"code":-32603,"message":"SMTP 550 mailbox unavailable"}'),
        at(112, 3960, method="tools/list", tool="", duration_ns=96 * ms, result_bytes=38_400, tokens_out=11_000,
           result='{"tools":[{"name":"create_or_update_file","description":"Create or…'),
        at(113, 3120, server="mail-bridge", client_name="cursor", from_server=True, method="sampling/createMessage",
           tool="@sampling", duration_ns=2412 * ms, result='{"role":"assistant"}', result_bytes=740),
        at(114, 2210, server="github", tool="create_or_update_file", outcome="refused", code="quarantined",
           duration_ns=0, tokens_in=0, tokens_out=0, result="", result_bytes=0,
           note="mcpwatch refused github/create_or_update_file: its definition looks poisoned. It stays quarantined"
           " until the user approves it on the mcpwatch screen. Do not retry; tell the user."),
        at(115, 1730, server="github", tool="get_me", flags="unlisted", duration_ns=140 * ms, tokens_out=90,
           **_said("acme-bot", 312)),
        at(116, 1290, server="github", tool="get_file_contents", duration_ns=207 * ms, tokens_out=2130,
           **_said("src/lock.py, 219 lines", 8540)),
        at(117, 830, duration_ns=312 * ms, **_said("12 matches in 4 files", 4310)),
        at(118, 310, outcome="pending", duration_ns=None, tokens_out=0, result_bytes=0, result=""),
    ]  # fmt: skip
