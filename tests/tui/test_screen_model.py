"""What the screen draws from records: rows, filters, sorting, percentiles."""

from __future__ import annotations

from mcpwatch.store.levels import CAUTION, DANGER, SAFE, UNSCANNED
from mcpwatch.store.records import Lock, Policy
from mcpwatch.tui import filters
from mcpwatch.tui.model import MAX_CALLS, Model, filter_calls, filter_tools, sort_tools
from tui.fakes import NOW, SECOND, busy_source, call_row, session_row, tool_row


def model_of(*, tools: bool = True) -> Model:
    source = busy_source()
    model = Model()
    model.take_policy(source.now_policy)
    model.take_sessions(source.session_rows)
    model.take_calls(source.call_rows)
    if tools:
        model.take_tools(source.tool_rows)
    return model


def test_newest_call_first_and_an_answer_replaces_its_question() -> None:
    model = Model()
    model.take_calls([call_row(2, outcome="pending", duration_ns=None), call_row(1)])
    assert [line.id for line in model.calls()] == [2, 1]
    assert model.take_calls([call_row(2, rev=9, outcome="ok")]) == 0
    assert [line.status for line in model.calls()] == ["ok", "ok"]
    assert model.rev == 9


def test_history_is_bounded() -> None:
    model = Model()
    model.take_calls(call_row(n) for n in range(MAX_CALLS + 500))
    assert len(model.calls()) == MAX_CALLS
    assert model.calls()[-1].id == 500


def test_b5_levels_come_from_the_one_table_and_no_score_is_not_safe() -> None:
    model = Model()
    model.take_tools([tool_row("a", str(s), score=s) for s in (None, 0.0, 39.9, 40.0, 79.9, 80.0, float("nan"))])
    levels = [line.level for line in model.tools()]
    assert levels == [UNSCANNED, SAFE, SAFE, CAUTION, CAUTION, DANGER, UNSCANNED]


def test_severity_sort_puts_unscanned_above_safe_and_is_stable() -> None:
    ordered = sort_tools(model_of().tools(), "severity")
    ranks = [line.level.rank for line in ordered]
    assert ranks == sorted(ranks, reverse=True)
    assert ordered[0].level is DANGER
    names = [(line.server, line.name) for line in ordered if line.level is SAFE]
    assert names == sorted(names)


def test_every_sort_is_descending() -> None:
    for by in ("calls", "tokens", "cost"):
        values = [getattr(line, by) for line in sort_tools(model_of().tools(), by)]
        assert values == sorted(values, reverse=True)


def test_state_of_a_tool() -> None:
    model = Model()
    rows = [
        tool_row("a", "held", last_outcome="ok"),
        tool_row("a", "free", protected=False, last_outcome="ok"),
        tool_row("a", "bad", review="quarantined"),
        tool_row("a", "new", fingerprint="", listed=False),
    ]
    model.take_tools(rows)
    assert [line.state for line in model.tools()] == ["ok", "ok", "BLOCKED", "unlisted"]
    model.take_policy(Policy(lock=Lock(locked=True, code="panic", reason="x", since_utc=1)))
    model.relock()
    assert [line.state for line in model.tools()] == ["HELD", "ok", "BLOCKED", "HELD"]


def test_b16_hostile_names_are_safe_in_the_model_and_flagged() -> None:
    model = Model()
    bad = "x\x1b]52;c;UFdO\x07\u202e[/]"
    model.take_tools([tool_row(bad, bad)])
    model.take_calls([call_row(1, server=bad, tool=bad, client_name=bad, note=bad, outcome="error", flags=bad)])
    model.take_sessions([session_row(1, bad, bad)])
    tool, call, server = model.tools()[0], model.calls()[0], model.servers()[1]
    drawn = [tool.server, tool.name, *tool.badges, call.server, call.client, call.what, call.detail, *call.badges]
    drawn += [server.name, server.client]
    assert all("\x1b" not in text and "\u202e" not in text and "\x07" not in text for text in drawn)
    assert "raw!" in tool.badges
    assert "raw!" in call.badges
    assert tool.key[2] == bad, "the raw name still finds the row"


def test_a1_would_have_locked_is_counted() -> None:
    model = Model()
    model.take_calls([call_row(1), call_row(2, flags="would-lock:calls/60s"), call_row(3, flags="unlisted")])
    assert model.would_lock == 1
    assert model.call(2).badges == ("would lock",)


def test_percentile_of_durations() -> None:
    model = Model()
    model.take_calls(call_row(n, duration_ns=n * 1_000_000) for n in range(1, 101))
    model.take_tools([tool_row("github", "search_code"), tool_row("github", "other")])
    assert model.tools()[0].p95_ns == 96_000_000
    assert model.tools()[1].p95_ns is None


def test_rate_counts_the_last_minute_only() -> None:
    model = Model()
    model.take_calls([call_row(1, started_utc=NOW - 61 * SECOND), call_row(2, started_utc=NOW - SECOND)])
    assert model.rate(NOW) == 1


def test_what_tripped_the_lock() -> None:
    top, total = model_of().top_tools(60, NOW)
    assert top[0][0] == "github/search_code"
    assert total == sum(1 for line in model_of().calls() if line.counted)


def names(text: str) -> set[str]:
    return {line.name for line in filter_tools(model_of().tools(), filters.parse(text), "")}


def test_filter_tokens() -> None:
    assert names("server:postgres") == {"query", "list_schemas"}
    assert names("tool:list !server:github") == {"list_directory", "list_threads", "list_schemas"}
    assert names("level:danger") == {"create_or_update_file"}
    assert names("flag:raw") == {"get_attachment␛[8m"}
    assert names("flag:!") == {"get_attachment␛[8m"}
    assert names("state:error") == {"send_mail"}
    assert names("MAIL list") == {"list_threads"}
    assert names("") == {line.name for line in model_of().tools()}
    assert names("server:") == names("")


def test_filter_calls() -> None:
    def statuses(text: str) -> list[str]:
        return [line.status for line in filter_calls(model_of().calls(), filters.parse(text), "")]

    assert statuses("state:refused") == ["REFUSED"]
    assert statuses("dir:server") == ["ok"]
    assert statuses("client:cursor state:error") == ["ERROR"]
    assert len(filter_calls(model_of().calls(), (), "postgres")) == 1


def test_previews_of_any_shape_are_one_line() -> None:
    model = Model()
    odd = ["", "{", "null", "[1]", '{"content":[1,{"text":3}]}', '{"message":{}}', "[" * 3000, '"\\ud800"']
    model.take_calls([call_row(n, result=text, outcome="error") for n, text in enumerate(odd)])
    assert all("\n" not in line.detail for line in model.calls())
