"""The proxy worker, look by look, on a system that does as the test says."""

from __future__ import annotations

import msgspec
import pytest

from mcpwatch.relay.gateway_control import Found
from mcpwatch.store.database import StateError
from mcpwatch.tui.gateway_calls import origin, tail
from mcpwatch.tui.gateway_worker import ENDED_S, ENDING_LOOKS, SILENT_LOOKS, SILENT_S, backoff
from tui.gateways import SERVERS, FakeCalls, Watched, found_up


async def test_without_http_servers_nothing_is_started() -> None:
    one = Watched(FakeCalls(servers={}))
    assert [await one.look(2), await one.look(2)] == ["unneeded"] * 2
    assert (one.calls.asked, one.told) == ([], [])


async def test_one_that_runs_is_found_and_no_second_is_started() -> None:
    one = Watched(FakeCalls(there=found_up()))
    assert [await one.look(2), await one.look(2)] == ["up"] * 2
    assert one.calls.asked == []
    assert not one.worker.view.ours


async def test_one_is_started_where_servers_are_configured() -> None:
    one = Watched(FakeCalls())
    assert await one.look() == "up"
    assert one.calls.asked == ["start"]
    assert one.worker.view.ours
    assert one.told == ["The gateway is up: http://127.0.0.1:7373"]


async def test_a_server_that_is_added_later_starts_it() -> None:
    one = Watched(FakeCalls(servers={}))
    assert await one.look() == "unneeded"
    one.calls.now_wanted = msgspec.structs.replace(one.calls.now_wanted, servers=SERVERS)
    assert await one.look(2) == "up"


def test_the_waits_double_up_to_a_minute() -> None:
    assert [backoff(n) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff(10_000) == 60


async def test_failures_wait_longer_each_time_and_never_give_up() -> None:
    one = Watched(FakeCalls())
    one.calls.starts = ["no"] * 12
    waits = []
    for _ in range(12):
        assert await one.look() == "waiting"
        waits.append(one.worker.view.wait(one.time.at))
        starts = len(one.calls.asked)
        await one.look(waits[-1] - 0.1)
        assert len(one.calls.asked) == starts, "not before its time"
        one.time.at += 0.1
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]
    assert "the gateway did not come up: no" in one.worker.view.why
    assert len(one.told) == 1, "said once, not twelve times"
    assert await one.look() == "up"
    assert one.told[1:] == ["The gateway is up: http://127.0.0.1:7373"]


async def test_failures_count_until_it_was_up_for_a_minute() -> None:
    one = Watched(FakeCalls())
    one.calls.starts = ["no", "no"]
    await one.look()
    await one.look(1)
    assert await one.look(2) == "up"
    await one.look(59)
    one.calls.gone(crashed=True)
    assert await one.look(0.5) == "waiting"
    assert one.worker.view.wait(one.time.at) == 4, "the third in a row"
    assert await one.look(4) == "up"
    await one.look(60)
    one.calls.gone(crashed=True)
    await one.look(2)
    assert one.worker.view.wait(one.time.at) == 1


async def test_a_port_that_is_taken_is_said_with_what_to_do() -> None:
    one = Watched(FakeCalls())
    one.calls.starts, one.calls.taken = ["port 7373 is taken"] * 2, "nginx (process 99)"
    await one.look()
    assert one.told == [], "the first may be another screen that was quicker"
    await one.look(1)
    assert "port 7373 is taken by nginx (process 99)" in one.told[0]
    assert (
        "port 7373 is taken by nginx (process 99): end that; or run mcpwatch serve --port" in one.worker.view.advice
    )


async def test_one_that_another_screen_started_meanwhile_is_taken() -> None:
    one = Watched(FakeCalls())
    one.calls.starts = ["port 7373 is taken"]
    await one.look()
    one.calls.there = found_up(77)
    assert await one.look(0.3) == "up"
    assert one.calls.asked == ["start"]
    assert not one.worker.view.ours


async def test_one_that_was_ended_on_purpose_elsewhere_is_started_again_but_not_at_once() -> None:
    one = Watched(FakeCalls(there=found_up()))
    await one.look()
    one.calls.gone()
    assert await one.look(2) == "waiting"
    assert "ended elsewhere" in one.told[0]
    assert one.worker.view.failures == 0
    await one.look(ENDED_S - 0.1)
    assert one.calls.asked == []
    assert await one.look(0.1) == "up"


async def test_one_that_a_person_stopped_on_another_screen_stays_stopped_here_too() -> None:
    calls = FakeCalls(there=found_up())
    here, there = Watched(calls), Watched(calls)
    await here.look()
    await there.look()
    assert await there.worker.stop()
    assert await here.look(2) == "stopped"
    assert "stopped on another screen" in here.told[0]
    assert await here.look(3600) == "stopped"
    assert calls.asked == ["end"], "nobody starts it again"
    await there.worker.start()
    assert await there.look() == "up"
    calls.there = found_up(77)
    assert await here.look(2) == "up"
    calls.gone(crashed=True)
    assert await here.look(2) == "waiting", "an earlier stop says nothing of this one"


async def test_one_that_is_ending_has_not_died() -> None:
    one = Watched(FakeCalls(there=found_up()))
    await one.look()
    one.calls.gone(crashed=True)
    one.calls.ending = True
    for _ in range(ENDING_LOOKS):
        assert await one.look(1) == "up"
    one.calls.gone()
    one.calls.ending = False
    assert await one.look(1) == "waiting"
    assert "ended elsewhere" in one.told[0]


async def test_one_that_does_not_come_to_its_end_is_not_waited_for() -> None:
    one = Watched(FakeCalls(there=found_up()))
    await one.look()
    one.calls.gone(crashed=True)
    one.calls.ending = True
    assert [await one.look(1) for _ in range(ENDING_LOOKS + 1)] == ["up"] * ENDING_LOOKS + ["waiting"]
    assert await one.look(1) == "up"
    assert one.calls.asked == ["start"]


async def test_it_can_be_left_stopped_while_it_waits() -> None:
    one = Watched(FakeCalls(there=found_up()))
    await one.look()
    one.calls.gone()
    await one.look(2)
    assert await one.worker.stop()
    assert await one.look(3600) == "stopped"
    assert one.calls.asked == [], "there was nothing to end"
    await one.worker.start()
    assert await one.look() == "up"


async def test_a_service_is_given_time_to_start_its_own() -> None:
    one = Watched(FakeCalls(there=found_up()))
    one.calls.service = True
    await one.look()
    one.calls.gone(crashed=True)
    assert await one.look(2) == "waiting"
    assert one.worker.view.wait(one.time.at) == ENDED_S
    one.calls.there = found_up(5)
    assert await one.look(3) == "up"
    assert one.calls.asked == []
    assert await one.worker.restart()
    assert one.calls.asked == ["restart service"], "its manager ends and starts it"


async def test_stopped_it_stays_until_it_is_started() -> None:
    one = Watched(FakeCalls())
    await one.look()
    assert await one.worker.stop()
    assert [await one.look(60), await one.look(60)] == ["stopped"] * 2
    assert one.calls.asked == ["start", "end"]
    one.calls.there = found_up(8)
    assert await one.look(2) == "up", "somebody else started one"
    one.calls.gone(crashed=True)
    await one.look(2)
    assert await one.look(60) == "up", "and it is looked after as before"


async def test_restart_ends_it_and_starts_it() -> None:
    one = Watched(FakeCalls(there=found_up()))
    await one.look()
    assert await one.worker.restart()
    assert await one.look() == "up"
    assert one.calls.asked == ["end", "start"]


async def test_one_that_does_not_end_is_said_and_no_second_is_started() -> None:
    one = Watched(FakeCalls(there=found_up()))
    one.calls.ends = False
    await one.look()
    assert not await one.worker.restart()
    assert await one.look() == "up"
    assert one.told == ["The gateway (process 4242) does not end."]
    assert one.calls.asked == ["end"]


async def test_one_that_is_silent_for_long_is_ended_and_started_anew() -> None:
    up = found_up()
    one = Watched(FakeCalls(there=up))
    await one.look()
    one.calls.there = Found("silent", up.row)
    for _ in range(SILENT_LOOKS - 1):
        assert await one.look(SILENT_S) == "silent", "many looks, and not one after a long sleep of the machine"
    assert await one.look(0) == "waiting"
    assert one.calls.asked == ["force"]
    assert "did not answer" in one.told[0]
    assert await one.look(1) == "up"
    assert one.calls.asked == ["force", "start"]


async def test_one_that_is_silent_for_a_moment_is_left_alone() -> None:
    up = found_up()
    one = Watched(FakeCalls(there=up))
    await one.look()
    one.calls.there = Found("silent", up.row)
    for _ in range(SILENT_LOOKS):
        assert await one.look(2) == "silent"
    one.calls.there = up
    assert await one.look(2) == "up"
    assert one.calls.asked == []


async def test_a_process_that_cannot_be_ended_is_named() -> None:
    one = Watched(FakeCalls(there=Found("silent", found_up().row)))
    one.calls.ends = False
    for _ in range(SILENT_LOOKS):
        await one.look(SILENT_S)
    assert one.worker.view.phase == "waiting"
    assert one.worker.view.advice == "end process 4242"
    await one.look(0.5)
    assert one.calls.asked == ["force"], "with the same patience as for starts"
    await one.look(0.5)
    assert one.calls.asked == ["force", "force"]


async def test_servers_that_are_taken_away_stop_nothing_and_start_nothing() -> None:
    one = Watched(FakeCalls(there=found_up()))
    await one.look()
    one.calls.now_wanted = msgspec.structs.replace(one.calls.now_wanted, servers={})
    assert await one.look(2) == "up"
    one.calls.gone(crashed=True)
    assert await one.look(2) == "unneeded"
    assert one.calls.asked == []


async def test_with_a_configuration_that_cannot_be_used_nothing_is_started() -> None:
    one = Watched(FakeCalls())
    one.calls.now_wanted = msgspec.structs.replace(one.calls.now_wanted, problem="config.toml: nonsense")
    assert await one.look() == "config"
    assert one.worker.view.config_problem == "config.toml: nonsense"
    assert one.calls.asked == []


async def test_a_state_file_that_cannot_be_read_is_said_and_tried_again() -> None:
    one = Watched(FakeCalls())
    look = one.calls.look

    def broken(last: Found) -> object:
        raise StateError("state file: damaged")

    one.calls.look = broken  # type: ignore[method-assign,assignment]
    assert await one.look() == "no-state"
    one.calls.look = look  # type: ignore[method-assign]
    assert await one.look(2) == "up"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@example.com:8443/secret/mcp?key=secret", "https://example.com:8443"),
        ("http://[::1]:80/mcp", "http://[::1]:80"),
        ("nonsense", ""),
        ("http://[broken", ""),
    ],
)
def test_of_an_address_only_what_is_not_secret_is_shown(url: str, shown: str) -> None:
    assert origin(url) == shown


def test_the_tail_of_a_log_is_whole_lines_of_a_regular_file(tmp_path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {n} {'x' * 100}\n" for n in range(5000)))
    lines = tail(str(log), 10)
    assert [line.split()[1] for line in lines] == [str(n) for n in range(4990, 5000)]
    assert all(line.startswith("line ") for line in tail(str(log), 10_000))
    with pytest.raises(OSError, match="regular"):
        tail("/dev/zero")
