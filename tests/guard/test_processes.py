"""Many guards, one state file (A9–A11, A15): real processes, some of them killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpwatch.guard import lock
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Limit
from store.stepped import PASSWORD, SECOND, START_UTC, Guarded, Machine, calls, cost, tokens

# Reads a line to start, then asks CALLS times and says what passed. With `report` it says each admission at once.
_ASK = """
import sys
from pathlib import Path
from mcpwatch.guard.breaker import Breaker
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.records import Call

path, server, calls, tokens, cost, report = sys.argv[1:7]
breaker = Breaker(server, Ledger.open(Path(path)), lambda call: None)
print("ready", flush=True)
sys.stdin.readline()
passed = 0
for _ in range(int(calls)):
    call = Call(method="tools/call", tool="search", tokens_in=int(tokens), cost=int(cost))
    if breaker.decide(call) is None:
        passed += 1
        if report == "report":
            sys.stdout.write("+")
            sys.stdout.flush()
print(passed, flush=True)
"""


class Asking:
    """A process with a breaker of its own."""

    def __init__(
        self, path: Path, *, server: str = "s", calls: int = 50, tokens: int = 0, cost: int = 0, report: bool = False
    ) -> None:
        arguments = [str(path), server, str(calls), str(tokens), str(cost), "report" if report else ""]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ASK, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def passed(self) -> int:
        out, _ = self.process.communicate(timeout=100)
        assert self.process.returncode == 0
        return int(out)


def armed(path: Path, *limits: Limit) -> Ledger:
    ledger = Ledger.open(path)
    lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
    for limit in ledger.policy().limits:
        lock.remove_limit(ledger, limit.key, PASSWORD, by="test")
    lock.set_limits(ledger, limits, PASSWORD, by="test")
    lock.arm(ledger, by="test")
    return ledger


@contextlib.contextmanager
def asking(many: int, path: Path, **how: int) -> Iterator[list[Asking]]:
    """`many` processes at the starting line, of four servers."""
    started = [Asking(path, server=f"s{i % 4}", **how) for i in range(many)]  # type: ignore[arg-type]
    try:
        for one in started:
            one.ready()
        yield started
    finally:
        for one in started:
            one.process.kill()
            one.process.wait()
            for pipe in (one.process.stdin, one.process.stdout):
                if pipe is not None:
                    pipe.close()


def test_a10_twenty_processes_admit_exactly_the_limit(path: Path) -> None:
    ledger = armed(path, calls(30))
    with asking(20, path, calls=50) as processes:
        for one in processes:
            one.go()
        assert sum(one.passed() for one in processes) == 30
    assert ledger.usages()[0].used == 30
    assert ledger.policy().lock.reason == "31 calls in the last minute, limit 30"
    assert [row.action for row in ledger.audit_since(0)].count("lock") == 1, "one lock, made once"
    ledger.close()


@pytest.mark.parametrize(
    ("limit", "each", "expected"),
    [(tokens(1000), {"tokens": 70}, 14), (cost(1_000_000), {"cost": 50_000}, 20), (calls(7, 60, "s1/*"), {}, None)],
)
def test_a10_the_same_for_tokens_cost_and_scopes(
    path: Path, limit: Limit, each: dict[str, int], expected: int | None
) -> None:
    ledger = armed(path, limit)
    with asking(8, path, calls=50, **each) as processes:
        for one in processes:
            one.go()
        passed = [one.passed() for one in processes]
    if expected is None:
        assert passed[1] + passed[5] == ledger.usages()[0].used == 7
    else:
        assert sum(passed) == expected
    ledger.close()


def test_a9_usage_survives_restarts_and_is_shared(path: Path) -> None:
    ledger = armed(path, calls(7))
    passed = []
    for _ in range(3):
        with asking(1, path, calls=3) as (one,):
            one.go()
            passed.append(one.passed())
    assert passed == [3, 3, 1]
    assert ledger.policy().lock.locked
    ledger.close()
    with asking(1, path, calls=3) as (one,):
        one.go()
        assert one.passed() == 0


def test_a15_a_lock_made_in_another_process_holds_at_the_next_call_and_an_unlock_too(guard) -> None:
    guarded: Guarded = guard()
    command = (
        "import sys\nfrom pathlib import Path\nfrom mcpwatch.guard import lock\n"
        "from mcpwatch.store.ledger import Ledger\nledger = Ledger.open(Path(sys.argv[1]))\n"
        "lock.lock(ledger, by='test') if sys.argv[2] == 'lock' else lock.unlock(ledger, sys.argv[3], by='test')\n"
    )
    for _ in range(3):
        assert guarded.passes()
        subprocess.run([sys.executable, "-c", command, str(guarded.path), "lock", PASSWORD], check=True)
        assert not guarded.passes()
        subprocess.run([sys.executable, "-c", command, str(guarded.path), "unlock", PASSWORD], check=True)


@pytest.mark.parametrize("round_", range(3))
def test_a_guard_killed_at_any_moment_loses_no_charge(path: Path, round_: int) -> None:
    """Every admission that was reported is in the ledger, and the file is whole."""
    ledger = armed(path, calls(10**9))
    started = [Asking(path, server=f"s{i}", calls=10**6, report=True) for i in range(3)]
    try:
        for one in started:
            one.ready()
        for one in started:
            one.go()
        reported = 0
        for n, one in enumerate(started):
            assert one.process.stdout is not None
            pipe = one.process.stdout.fileno()
            seen = 0
            while seen < 40 * (n + 1) + 17 * round_:  # killed in the middle of what it does then
                assert select.select([pipe], [], [], 60)[0]
                seen += len(os.read(pipe, 7))
            one.process.send_signal(signal.SIGKILL)
            one.process.wait()
            reported += seen + len(one.process.stdout.read())
        used = ledger.usages()[0].used
        assert reported <= used <= reported + len(started), (
            "at most the one in hand at its death is charged unreported"
        )
        with ledger.transaction() as tx:
            assert tx.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        for one in started:
            one.process.kill()
            one.process.wait()
            for pipe_ in (one.process.stdin, one.process.stdout):
                if pipe_ is not None:
                    pipe_.close()
    ledger.close()


def test_a_guard_killed_within_its_transaction_does_not_hold_up_the_others(path: Path) -> None:
    ledger = armed(path, calls(5))
    script = (
        "import sys\nfrom pathlib import Path\nfrom mcpwatch.store.ledger import Ledger\n"
        "ledger = Ledger.open(Path(sys.argv[1]))\n"
        "with ledger.transaction() as tx:\n"
        "    tx.charge(['*/*'], calls=3, tokens=0, cost=0)\n    print('in', flush=True)\n    sys.stdin.readline()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline() == b"in\n"
    process.kill()
    process.communicate()
    with asking(1, path, calls=9) as (one,):
        one.go()
        assert one.passed() == 5
    ledger.close()


# -- clocks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [-(10**9), -3600, -1, 1, 3600, 10**9])
def test_a11_a_step_of_the_wall_clock_moves_no_window(guard, step: int) -> None:
    guarded: Guarded = guard(calls(3))
    assert guarded.passes() and guarded.passes()
    guarded.machine.wall += step * SECOND
    assert guarded.used("calls/60s") == 2
    later = guard()  # a guard started after the step
    assert later.passes()
    guarded.machine.advance(59 * SECOND)
    assert guarded.used("calls/60s") == 3, "not freed"
    guarded.machine.advance(2 * SECOND)
    assert guarded.used("calls/60s") == 0, "not frozen"
    assert later.passes()


@pytest.mark.parametrize(("wall_step", "expected"), [(-(10**6), 2), (0, 2), (30, 2), (59, 2), (61, 0), (10**6, 0)])
def test_a11_across_a_reboot_time_passes_by_the_wall_clock_and_never_backwards(
    guard, wall_step: int, expected: int
) -> None:
    guarded: Guarded = guard(calls(3))
    assert guarded.passes() and guarded.passes()
    with guarded.person.transaction() as tx:
        guarded.person.clock.mark(tx.db)
    guarded.machine.reboot(wall=guarded.machine.wall + wall_step * SECOND)
    guarded.close()
    later = guard()
    assert later.used("calls/60s") == expected
    later.machine.advance(61 * SECOND)
    assert later.used("calls/60s") == 0, "whatever the wall clock said, a minute later the minute is over"
    for _ in range(3):
        assert later.passes()
    assert not later.passes()


def test_a11_two_boots_with_the_clock_set_back_keep_the_ledger_growing(guard) -> None:
    guarded: Guarded = guard(calls(100))
    moments = []
    for _ in range(3):
        assert guarded.passes()
        with guarded.person.transaction() as tx:
            moments.append(tx.now)
        guarded.machine.reboot(wall=guarded.machine.wall - 10**7 * SECOND)
        guarded.close()
        guarded = guard()
    assert moments == sorted(moments)
    assert guarded.used("calls/60s") == 3


def test_a11_where_boots_have_no_name_a_smaller_clock_means_a_new_one(path: Path) -> None:
    machine = Machine(boot="")
    guarded = Guarded(path, machine=machine)
    assert guarded.passes()
    guarded.settle()
    guarded.close()
    machine.boottime, machine.wall = SECOND, START_UTC + 5 * SECOND
    later = Guarded(path, machine=machine)
    assert later.used("calls/60s") == 1
    machine.advance(61 * SECOND)
    assert later.used("calls/60s") == 0
    later.close()


def test_all_processes_of_a_boot_share_one_clock(path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom mcpwatch.store.ledger import Ledger\n"
        "print(Ledger.open(Path(sys.argv[1])).clock.now())\n"
    )
    ledger = Ledger.open(path)
    before = ledger.clock.now()
    between = int(subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=True).stdout)
    assert before < between < ledger.clock.now()
    ledger.close()


def test_the_state_file_opened_by_many_at_once_is_made_once(tmp_path: Path) -> None:
    """None of them takes the half-made file for another program's."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom mcpwatch.store.ledger import Ledger\n"
        "print('ready', flush=True)\n"
        "for line in sys.stdin:\n    Ledger.open(Path(line.strip())).close()\n    print('done', flush=True)\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    try:
        for process in started:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for i in range(10):
            for process in started:
                assert process.stdin is not None
                process.stdin.write(f"{tmp_path / str(i) / 'state.db'}\n")
                process.stdin.flush()
            for process in started:
                assert process.stdout is not None and process.stdout.readline() == "done\n"
            db = sqlite3.connect(tmp_path / str(i) / "state.db")
            assert db.execute("SELECT count(*) FROM limits").fetchone() == (3,)
            db.close()
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_a11_the_machines_own_clock_does_not_follow_the_wall_clock(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger.open(path)
    before = ledger.clock.now()
    monkeypatch.setattr("time.time_ns", lambda: 0)
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert 0 < ledger.clock.now() - before < 600 * SECOND
    ledger.close()
