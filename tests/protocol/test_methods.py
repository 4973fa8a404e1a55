"""Methods that read like one of those we act on, and those that are merely unknown."""

from __future__ import annotations

import json

import pytest

from mcpwatch.protocol.events import Notification, Question, Rejected
from mcpwatch.protocol.message import Malformed
from mcpwatch.protocol.methods import GATED, MAX_METHOD, check_method
from mcpwatch.protocol.session import Session
from protocol.frames import frame

LOOK_ALIKES = [
    "TOOLS/CALL",
    "Tools/Call",
    " tools/call",
    "tools/call\n",
    "tools/call\u0000",
    "tools/call\u0000/harmless",
    "\u0000tools/call",
    "tools/call/",
    "/tools//call",
    "tools / call",
    "tools/ca\u200bll",
    "\ufefftools/call",
    "ｔｏｏｌｓ／ｃａｌｌ",
    "tools/ca\u217cl",  # small roman numeral fifty
    "tool\u017f/call",  # long s
    "tools/c\u0301all",
    "tools/l\u0131st",  # the dotless i: upper-cased, it is an I
    "tools\u00a0/call",
    "\u2003tools/call",
    "sampling/CreateMessage",
    "Initialize",
    "prompts/GET",
    "NOTIFICATIONS/CANCELLED",
]


@pytest.mark.parametrize("method", LOOK_ALIKES)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a25_a_method_that_reads_like_a_gated_one_passes_in_neither_direction(method, ascii_only):
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": "t"}}, ensure_ascii=ascii_only)
    for read in (Session().client, Session().server):
        event = read(line.encode())
        assert isinstance(event, Rejected)
        assert (event.code, event.id) == (-32600, b"1")
        assert "could be taken for" in event.note
    for read in (Session().client, Session().server):
        event = read(frame(method=method, params={"name": "t"}))
        assert isinstance(event, Rejected)
        assert event.id is None


@pytest.mark.parametrize(
    "method",
    [
        *("", "x", "tools/call/extra", "vendor/tools/call", "tools", "tools/calls", "toolscall", "TOOLS/RUN"),
        *("PING", "Logging/setLevel", "vendor/é/do", "tools.call", "tools/call(1)", "\u0000"),
    ],
)
def test_other_methods_pass(method):
    for read in (Session().client, Session().server):
        assert isinstance(read(frame(id=1, method=method)), Question)
        assert isinstance(read(frame(method=method)), Notification)


@pytest.mark.parametrize("method", sorted(GATED))
def test_gated_methods_are_themselves(method):
    check_method(method)
    with pytest.raises(Malformed):
        check_method(method + " ")


def test_a_method_too_long_to_be_compared_does_not_pass():
    check_method("x" * MAX_METHOD)
    with pytest.raises(Malformed, match="long"):
        check_method("tools/call" + "\u0301" * (1 << 20))
