"""A27: a state file that cannot be read or written refuses protected calls, says why, and is taken up again when it
is mended, without a restart. Real failures: damaged bytes, file modes, a full disk."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guard.gates import Relay, every_call
from mcpwatch.guard import lock
from mcpwatch.store.database import StateError
from mcpwatch.store.ledger import Ledger
from servers.processes import wait_until
from store.stepped import PASSWORD, calls, cost, tokens

pytestmark = pytest.mark.usefixtures("own_configuration")


def made(path: Path, *, armed: bool = False) -> None:
    """A state file with a lot of calls in it, whole in the main file."""
    ledger = Ledger.open(path)
    if armed:
        lock.set_password(ledger, PASSWORD, PASSWORD, None, by="test")
        lock.arm(ledger, by="test")
        lock.set_limits(ledger, [calls(10**6), tokens(10**9), cost(10**9)], PASSWORD, by="test")
    lock.exempt(ledger, "github/free", PASSWORD, by="test")
    with Relay(path) as relay:
        for _ in range(300):
            relay.pass_through(result=json.dumps("x" * 1000).encode())
    ledger.close()


def refuses(relay: Relay) -> str:
    _, refused = relay.ask()
    assert refused is not None and refused.code == "state", refused
    assert "mcpwatch doctor" in refused.text
    return refused.text


def passes(relay: Relay) -> bool:
    call, refused = relay.ask()
    if refused is None:
        relay.answer(call)
    return refused is None


def overwrite(path: Path, offset: int, what: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(what)


def spoil(path: Path) -> None:
    """Garbage in the file, and in its log, from which SQLite reads the pages that were written last."""
    overwrite(path, 0, b"garbage garbage garbage")
    log = path.with_name(path.name + "-wal")
    with contextlib.suppress(FileNotFoundError):  # the last to close the file deletes it
        overwrite(log, 32, b"g" * max(0, log.stat().st_size - 32))


DAMAGES = {
    "no header": lambda path: overwrite(path, 0, b"garbage garbage garbage"),
    "another program's file": lambda path: path.write_bytes(b"PK\x03\x04" + b"\0" * 5000),
    "every page but the first": lambda path: overwrite(path, 4096, b"\xa5" * (path.stat().st_size - 4096)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a dead link": lambda path: (path.unlink(), path.symlink_to("nowhere")),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("armed", [False, True])
def test_a27_a_damaged_file_refuses_from_the_first_call(path: Path, damage, armed: bool) -> None:
    made(path, armed=armed)
    damage(path)
    with Relay(path) as relay:
        assert str(path) in refuses(relay)
        refuses(relay)


def test_a27_a_file_cut_short_refuses(path: Path) -> None:
    made(path)
    os.truncate(path, path.stat().st_size // 2)
    with Relay(path) as relay:
        wait_until(lambda: relay.ask()[1] is not None, "a refusal")
        refuses(relay)


def test_a27_calls_that_cannot_be_recorded_are_refused(path: Path) -> None:
    """Failed once: damage that only the recorder meets was forgotten at the next call, which passed uncharged."""
    made(path)
    ledger = Ledger.open(path)
    with ledger.transaction() as tx:
        root = tx.db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'calls'").fetchone()[0]
    ledger.close()
    overwrite(path, (root - 1) * 4096, b"\xa5" * 4096)
    with Relay(path) as relay:
        wait_until(lambda: relay.ask()[1] is not None, "the recorder's failure")
        for _ in range(50):
            assert "malformed" in refuses(relay)
        assert relay.ask("free")[1] is None, "what is not protected passes"


def test_a27_what_is_not_protected_passes_while_the_file_fails(path: Path) -> None:
    made(path)
    with Relay(path) as relay:
        assert passes(relay)
        # The file is looked at again when something is written to it.
        wait_until(lambda: spoil(path) or not passes(relay), "a refusal")
        refuses(relay)
        call, refused = relay.ask("free")
        assert refused is None and not call.protected
        relay.answer(call)


def test_a27_the_rest_is_relayed_without_waiting_for_a_disk_that_fails(path: Path) -> None:
    """Were every call to wait a second for room, this would take hours; the test's time limit ends it."""
    made(path)
    with Relay(path) as relay:
        assert passes(relay)
        wait_until(lambda: spoil(path) or not passes(relay), "a refusal")
        body = b'"' + b"x" * 4000 + b'"'
        for _ in range(20_000):
            relay.pass_through("free", body, body)


def test_a27_before_the_file_was_ever_read_everything_counts_as_protected(path: Path) -> None:
    made(path)
    overwrite(path, 0, b"garbage garbage garbage")
    with Relay(path) as relay:
        call, refused = relay.ask("free")
        assert refused is not None and call.protected


@pytest.mark.parametrize("armed", [False, True])
def test_a27_a_mended_file_is_taken_up_again(path: Path, armed: bool) -> None:
    made(path, armed=armed)
    good = path.read_bytes()
    overwrite(path, 0, b"garbage garbage garbage")
    with Relay(path) as relay:
        refuses(relay)
        overwrite(path, 0, good[:100])
        wait_until(lambda: passes(relay), "the calls to pass again")
    ledger = Ledger.open(path)
    assert any(row.code == "state" for row in every_call(ledger)), "what was refused meanwhile is recorded"
    ledger.close()


def test_a27_a_log_deleted_under_a_running_guard_refuses(path: Path) -> None:
    """Else it would go on by itself, on a log that nobody else can see."""
    made(path)
    with Relay(path) as relay:
        assert passes(relay)
        path.with_name(path.name + "-wal").unlink()
        wait_until(lambda: relay.ask()[1] is not None, "a refusal")


@pytest.mark.parametrize("was", ["armed", "locked"])
def test_a27_a_file_taken_away_while_it_held_calls_back_is_followed_by_a_lock(path: Path, was: str) -> None:
    """Else a server that can delete files, in the hands of the agent, unlocks."""
    made(path, armed=was == "armed")
    old = Ledger.open(path)
    with Relay(path) as relay:
        assert passes(relay)
        if was == "locked":
            lock.lock(old, by="test")
            wait_until(lambda: not passes(relay), "the lock")
        path.parent.rename(path.parent.with_name("old"))
        wait_until(path.exists, "the new file")
        wait_until(lambda: (refused := relay.ask()[1]) and refused.code == "replaced", "its lock")
        assert f"taken away or replaced while it was {was}" in relay.ask()[1].text
        new = Ledger.open(path)
        with pytest.raises(lock.Denied):
            lock.unlock(new, "", by="test")
        lock.unlock(new, "UNLOCK", by="test")
        wait_until(lambda: passes(relay), "a person's unlock")
    assert [row.action for row in new.audit_since(0) if row.action in ("lock", "unlock")] == ["lock", "unlock"]
    new.close()
    old.close()


def test_a27_a_file_replaced_under_a_running_guard(path: Path) -> None:
    """The guard follows the file that everyone else sees."""
    made(path)
    with Relay(path) as relay:
        assert passes(relay)
        path.parent.rename(path.parent.with_name("old"))
        wait_until(lambda: passes(relay) and path.exists(), "the new file")
        new = Ledger.open(path)
        lock.lock(new, by="test")
        wait_until(lambda: not passes(relay), "the new file's lock")
        wait_until(lambda: relay.ask()[1] and relay.ask()[1].code == "panic", "the new file's lock, not its failure")
        lock.unlock(new, "UNLOCK", by="test")
        wait_until(lambda: passes(relay), "the new file's unlock")
        wait_until(lambda: any("replaced" in row.detail for row in new.audit_since(0)), "a word about it")
    assert {row.server for row in every_call(new)} == {"github"}
    new.close()


# -- in a process of its own: limits of the process, another user ------------------------------------------

_RUN = """
import json, os, resource, signal, sys, time
from pathlib import Path
from mcpwatch.guard.gate import Gate
from mcpwatch.store.records import Call

path, how = Path(sys.argv[1]), sys.argv[2]
if how == "not root" and os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
gate = Gate(server="github", transport="stdio", command="", on_lock=lambda refusal: None, state=path)

def ask(tool="search"):
    call = Call(method="tools/call", tool=tool, arguments=b'{"q":"' + os.urandom(1500).hex().encode() + b'"}')
    refused = gate.admit(call)
    if refused is None:
        call.outcome, call.result, call.result_bytes = "ok", b"{}", 2
        gate.ended(call)
    return refused

def until(passing):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        refused = ask()
        if (refused is None) == passing:
            return refused
        time.sleep(0.002)
    raise SystemExit(f"never {passing}")

if how == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    assert ask() is None
    most = max(file.stat().st_size for file in path.parent.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
refused = until(False)
again = ask()
free = ask("free")
result = {"code": refused.code, "text": refused.text, "again": again is not None and again.code, "free": free is None}
if how == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    until(True)
    result["after"] = "passes"
gate.close(0)
print(json.dumps(result))
"""


def run(path: Path, how: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(path), how], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("armed", [False, True])
def test_a27_a_full_disk_refuses_protected_calls_and_passes_the_rest(path: Path, armed: bool) -> None:
    made(path, armed=armed)
    found = run(path, "full")
    assert (found["code"], found["again"], found["free"], found["after"]) == ("state", "state", True, "passes")
    ledger = Ledger.open(path)
    with ledger.transaction() as tx:
        assert tx.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    sessions = {session.id for session in ledger.sessions()}
    rows = every_call(ledger)
    assert {row.session for row in rows} <= sessions
    assert any(row.code == "state" for row in rows)
    ledger.close()


def test_a27_a_file_that_may_only_be_read_refuses(path: Path) -> None:
    made(path)
    owned = [*path.parent.iterdir(), path.parent]
    for file in owned:
        if os.geteuid() == 0:  # whom no mode keeps out: the guard will be someone else
            os.chown(file, 65534, 65534)
        file.chmod(0o500 if file.is_dir() else 0o400)
    for folder in path.parent.parents:
        if folder.stat().st_uid == 0 and folder.stat().st_mode & 0o077 == 0:
            folder.chmod(0o711)
    found = run(path, "not root")
    assert (found["code"], found["again"]) == ("state", "state")
    assert str(path) in str(found["text"])
    path.parent.chmod(0o700)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_every_use_of_a_damaged_file_is_one_kind_of_error(path: Path, damage) -> None:
    made(path)
    damage(path)
    with pytest.raises(StateError) as caught:
        Ledger.open(path).policy()
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_row_that_is_not_there_is_an_error_and_not_a_policy(path: Path) -> None:
    ledger = Ledger.open(path)
    for damage in ("DELETE FROM state", "INSERT INTO state (id) VALUES (1)"):
        with ledger.transaction() as tx:
            tx.db.execute(damage)
        if damage.startswith("DELETE"):
            for use in (ledger.policy, ledger.usages, ledger.throttle, ledger.policy_version):
                with pytest.raises(StateError):
                    use()
    assert not ledger.policy().armed
    ledger.close()
    with pytest.raises(StateError):
        ledger.policy()
