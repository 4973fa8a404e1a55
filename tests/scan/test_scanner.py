"""The scanner worker on real state files, asking a local server that speaks Mistral's wire format."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from mcpwatch.scan.key import ApiKey
from mcpwatch.scan.prompt import PROMPT_VERSION
from mcpwatch.scan.readiness import Readiness
from mcpwatch.scan.run import DEFINITIONS_A_DAY, FAULTS_IN_A_ROW
from mcpwatch.store import scans
from mcpwatch.store.definitions import save_verdict
from mcpwatch.store.ledger import Ledger
from mcpwatch.store.reader import Reader
from mcpwatch.store.records import Verdict
from scan.scanning import MODEL, TODAY, Worker, list_tools, progress, remote, scores, tool, until
from servers import mistral_server as say
from servers.mistral_server import MistralServer
from store.stepped import SECOND, Machine

VERSION = f"{MODEL} prompt {PROMPT_VERSION}"
ONE = tool("one")
TOOLS = [tool(f"t{i}") for i in range(7)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    ledger = Ledger.open(path)
    yield ledger
    ledger.close()


async def scan(path: Path, server: MistralServer, **options: object) -> Worker:
    worker = Worker(path, server, **options)  # type: ignore[arg-type]
    await worker.once()
    return worker


# -- what is judged, and how often ---------------------------------------------------------------------


async def test_b13_a_safe_verdict_keeps_score_reason_version_tokens_and_time(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", ONE)
    async with MistralServer(say.well(5)) as server:
        assert (await scan(path, server)).status == "idle"
    verdict = remote(ledger, "calc", ONE)
    assert verdict is not None
    assert (verdict.score, verdict.reason, verdict.version, verdict.tokens) == (5.0, "Because.", VERSION, 960)
    assert verdict.utc > 0 and verdict.error == ""
    assert ledger.scan_spending(TODAY.isoformat()) == (960, {"calc": 1})


async def test_b3_a_restart_keeps_the_verdicts_and_asks_nothing_twice(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", *TOOLS)
    async with MistralServer(say.well(5)) as server:
        await scan(path, server)
        assert len(server.requests) == len(TOOLS)
        await scan(path, server)
        assert len(server.requests) == len(TOOLS)
    assert scores(ledger, "calc", TOOLS) == [5.0] * len(TOOLS)


async def test_b3_a_changed_definition_is_scanned_again_and_nothing_else(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", *TOOLS)
    async with MistralServer(say.well(5)) as server:
        await scan(path, server)
        server.requests.clear()
        server.script = [say.well(90)]
        changed = tool("t3", "Adds two numbers, and sends them on.")
        list_tools(ledger, "calc", *TOOLS[:3], changed, *TOOLS[4:])
        await scan(path, server)
        assert [request.name for request in server.requests] == ["t3"]
    assert scores(ledger, "calc", [TOOLS[3], changed]) == [5.0, 90.0]


async def test_b3_another_model_judges_again(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", ONE)
    async with MistralServer(say.well(5), say.well(45)) as server:
        await scan(path, server)
        await scan(path, server, model="other-model")
        assert [request.body["model"] for request in server.requests] == [MODEL, "other-model"]
    assert scores(ledger, "calc", [ONE]) == [45.0]


async def test_b3_a_running_worker_notices_a_new_definition_at_once(path: Path, ledger: Ledger) -> None:
    async with MistralServer(say.well(5)) as server:
        worker = Worker(path, server)
        task = asyncio.create_task(worker.run())
        await until(lambda: worker.status == "idle", "idle")
        list_tools(ledger, "calc", ONE)
        await until(lambda: scores(ledger, "calc", [ONE]) == [5.0], "a verdict")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert ledger.scanner().state == "off"


async def test_the_same_text_of_two_servers_is_judged_for_each(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", ONE)
    list_tools(ledger, "copy", ONE)
    async with MistralServer(say.well(5)) as server:
        await scan(path, server)
        assert sorted(request.line("server") for request in server.requests) == ["calc", "copy"]
        inventory = next(request.question for request in server.requests if request.line("server") == "calc")
    assert (
        json.dumps({"this_server": ["one"], "other_servers": {"copy": ["one"]}}, separators=(",", ":")) in inventory
    )


async def test_a_score_of_the_model_raises_the_rules_and_never_lowers_them(path: Path, ledger: Ledger) -> None:
    low, high = tool("low"), tool("high")
    list_tools(ledger, "calc", low, high)
    with ledger.transaction() as tx:
        for definition, score in ((low, 5.0), (high, 85.0)):
            save_verdict(tx, Verdict(definition.fingerprint, "calc", "local", "r", score))
    before = ledger.policy_version()
    async with MistralServer(say.well(50)) as server:
        await scan(path, server)
    known = ledger.definitions("calc").scores
    assert (known[low.fingerprint], known[high.fingerprint]) == (50.0, 85.0)
    assert ledger.policy_version() > before, "guards are not told"


# -- failures ------------------------------------------------------------------------------------------

BAD = {
    "refusal": say.refusal,
    "empty": say.empty,
    "invalid json": say.invalid_json,
    "truncated": say.truncated(),
    "another tool": say.about("other"),
    "spoofed nonce": say.spoofed(),
    "text score": say.well("85/100"),
    "NaN": say.text('{"nonce": "x", "verdicts": [{"name": "one", "score": NaN}]}'),
    "over 100": say.well(185),
    "no completion": say.raw(b'{"hello": 1}'),
    "bad request": say.failing(400),
    "server error": say.failing(500),
    "rate limited": say.rate_limited("1"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_b6_a_bad_outcome_stays_unscanned_with_its_reason_and_is_tried_later(
    path: Path, ledger: Ledger, bad: str
) -> None:
    list_tools(ledger, "calc", ONE)
    async with MistralServer(BAD[bad]) as server:
        await scan(path, server)
        asked = len(server.requests)
        verdict = remote(ledger, "calc", ONE)
        assert verdict is not None and verdict.score is None and verdict.error
        assert ledger.definitions("calc").scores == {}
        found = progress(ledger, "calc")
        assert (found.total, found.failed, found.scanned, found.pending) == (1, 1, 0, 0)
        await scan(path, server)
        assert len(server.requests) == asked, "asked again without a wait"


async def test_b6_what_failed_is_tried_again_after_its_wait(path: Path) -> None:
    machine = Machine()
    ledger = Ledger.open(path, time_source=machine.source)
    list_tools(ledger, "calc", ONE)
    version = VERSION

    def failed(times: int) -> None:
        for _ in range(times):
            with ledger.transaction() as tx:
                scans.failed(tx, "calc", ONE.fingerprint, (60, 240), 0)

    failed(1)
    assert ledger.pending(version, 9) == []
    machine.advance(60 * SECOND)
    assert [definition for _, definition in ledger.pending(version, 9)] == [ONE]
    failed(1)
    machine.advance(239 * SECOND)
    assert ledger.pending(version, 9) == []
    machine.advance(1 * SECOND)
    assert len(ledger.pending(version, 9)) == 1
    with ledger.transaction() as tx:
        scans.failed(tx, "calc", ONE.fingerprint, (60, 240), 5000.0)  # the server asked for more
    machine.advance(4999 * SECOND)
    assert ledger.pending(version, 9) == []
    ledger.close()


async def test_b6_a_failed_rescan_keeps_the_score_and_says_the_error(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", ONE)
    async with MistralServer(say.well(90), say.empty) as server:
        await scan(path, server)
        with ledger.transaction() as tx:
            tx.db.execute("UPDATE scan_attempts SET looked_at = 0")
            assert scans.request_scan(tx, "calc", [ONE.fingerprint], by="test") == (1, 0.0)
        await scan(path, server)
        assert len(server.requests) == 2
    verdict = remote(ledger, "calc", ONE)
    assert verdict is not None and verdict.score == 90.0 and verdict.version == VERSION
    assert verdict.error.startswith("empty: ")
    assert progress(ledger, "calc").failed == 1


async def test_a_server_that_fails_again_and_again_is_left_alone(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", *[tool(f"t{i}") for i in range(30)])
    async with MistralServer(say.failing(400, "no such model")) as server:
        worker = Worker(path, server)
        task = asyncio.create_task(worker.run())
        await until(lambda: worker.status == "failing", "giving up")
        asked = len(server.requests)
        assert FAULTS_IN_A_ROW <= asked <= FAULTS_IN_A_ROW + 8
        status = ledger.scanner()
        assert status.state == "failing" and "no such model" in status.detail and status.run_state == "stopped"
        server.script = [say.well(5)]
        worker.resume()
        await until(lambda: progress(ledger, "calc").pending == 0, "going on")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# -- several at a time, cancelling ---------------------------------------------------------------------


async def test_b8_at_most_three_requests_at_a_time_over_all_servers(path: Path, ledger: Ledger) -> None:
    for name in ("a", "b", "c"):
        list_tools(ledger, name, *TOOLS)
    gate = asyncio.Event()
    async with MistralServer(say.gated(gate, say.well(5))) as server:
        task = asyncio.create_task(scan(path, server))
        for _ in range(3):
            await asyncio.wait_for(server.arrived.acquire(), 15)
        assert server.at_once == 3
        gate.set()
        await task
        assert server.most_at_once == 3
        assert len(server.requests) == 21
    assert [progress(ledger, name).scanned for name in "abc"] == [7, 7, 7]


async def test_b8_b11_cancelling_ends_requests_at_once_and_says_cancelled(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", *TOOLS)
    async with MistralServer(say.well(5), say.late) as server:
        worker = Worker(path, server)
        task = asyncio.create_task(worker.run())
        for _ in range(4):
            await asyncio.wait_for(server.arrived.acquire(), 15)
        worker.cancel()
        await asyncio.wait_for(server.dropped.wait(), 5)
        await until(lambda: ledger.scanner().run_state == "cancelled", "cancelled")
        await until(lambda: worker.status == "cancelled", "the worker's word")
        found = progress(ledger, "calc")
        assert (found.scanned, found.failed, found.pending) == (1, 0, 6)
        spent = ledger.scanner().spent
        assert spent > 960, "what was cut off may have cost all of its estimate"
        server.script = [say.well(5)]
        worker.resume()
        await until(lambda: progress(ledger, "calc").pending == 0, "going on")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_b11_quitting_in_the_middle_is_cancelled_and_the_next_worker_goes_on(
    path: Path, ledger: Ledger
) -> None:
    list_tools(ledger, "calc", *TOOLS)
    async with MistralServer(say.well(5), say.late) as server:
        task = asyncio.create_task(Worker(path, server).run())
        for _ in range(4):
            await asyncio.wait_for(server.arrived.acquire(), 15)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        status = ledger.scanner()
        assert (status.state, status.run_state) == ("off", "cancelled")
        server.script = [say.well(5)]
        await scan(path, server)
    found = progress(ledger, "calc")
    assert (found.total, found.cached, found.scanned, found.pending) == (7, 1, 6, 0)
    assert ledger.scanner().run_state == "done"


async def test_b11_progress_counts_what_is_flagged_and_what_failed(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", *TOOLS)
    async with MistralServer(say.well(5), say.well(45), say.well(95), say.empty, say.well(0)) as server:
        await scan(path, server)
    found = progress(ledger, "calc")
    assert (found.total, found.cached, found.scanned, found.failed, found.flagged) == (7, 0, 6, 1, 2)
    status = ledger.scanner()
    assert status.run_state == "done" and 0 < status.run_started_utc <= status.run_ended_utc


# -- one worker a machine ------------------------------------------------------------------------------


async def test_two_workers_on_one_state_file_never_scan_twice(path: Path, ledger: Ledger) -> None:
    async with MistralServer(say.well(5)) as server:
        workers = [Worker(path, server, host=host) for host in ("screen", "other")]
        tasks = [asyncio.create_task(worker.run()) for worker in workers]
        for i in range(3):
            list_tools(ledger, f"s{i}", *TOOLS)
            await until(lambda: all(row.pending == 0 for row in ledger.scan_progress()), "all judged")
        assert len(server.requests) == 21
        assert server.most_at_once <= 3
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_worker_that_died_is_not_waited_for(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", ONE)

    def claim(owner: str, pid: int, *, able: bool = True) -> bool:
        with ledger.transaction() as tx:
            return scans.report(
                tx, owner, pid=pid, host="screen", able=able, state="running", detail="", version=VERSION,
                budget=1, alive=lambda pid: True,
            )  # fmt: skip

    assert claim("alive", 1)
    assert not claim("second", 2)
    assert claim("alive", 1, able=False), "it keeps the scanner, and can no longer ask"
    assert claim("second", 2), "one that can ask goes first"
    assert not claim("alive", 1, able=False)
    async with MistralServer(say.well(5)) as server:  # process 2 never ran: `alive` says so
        with ledger.transaction() as tx:
            tx.db.execute("UPDATE scanner SET pid = 2147483000")
        await scan(path, server)
        assert len(server.requests) == 1


async def test_a_worker_without_a_sign_of_life_loses_the_scanner(path: Path) -> None:
    machine = Machine()
    ledger = Ledger.open(path, time_source=machine.source)

    def claim(owner: str) -> bool:
        with ledger.transaction() as tx:
            return scans.report(
                tx, owner, pid=1, host=owner, able=True, state="idle", detail="", version="v", budget=1,
                alive=lambda pid: True,
            )  # fmt: skip

    assert claim("first")
    machine.advance(scans.STALE_S * SECOND)
    assert not claim("second")
    assert ledger.scanner().state == "idle"
    machine.advance(1)
    assert ledger.scanner().state == "off"
    assert claim("second") and not claim("first")
    with ledger.transaction() as tx:
        assert scans.begin_run(tx, "first") == 0
        scans.end_run(tx, "first", "done")
    assert ledger.scanner().run_state == ""
    ledger.close()


# -- money ---------------------------------------------------------------------------------------------


async def test_b17_the_days_budget_stops_the_scan_and_outlives_a_restart(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", *TOOLS)
    day = TODAY
    async with MistralServer(say.well(5)) as server:
        worker = await scan(path, server, budget=6_000, today=lambda: day)
        asked = len(server.requests)
        assert worker.status == "budget" and 2 < asked < len(TOOLS)
        spent = ledger.scan_spending(TODAY.isoformat())[0]
        assert spent == 960 * asked <= 6_000
        status = ledger.scanner()
        assert (status.run_state, status.spent, status.budget) == ("stopped", spent, 6_000)
        found = progress(ledger, "calc")
        assert (found.scanned, found.failed, found.pending) == (asked, 0, len(TOOLS) - asked)
        await scan(path, server, budget=spent, today=lambda: day)
        assert len(server.requests) == asked
        day = date(2030, 1, 2)
        await scan(path, server, budget=100_000, today=lambda: day)
        assert len(server.requests) == len(TOOLS)


async def test_b17_definitions_of_a_server_are_capped_by_the_day_and_over_it_is_a_finding(
    path: Path, ledger: Ledger
) -> None:
    list_tools(ledger, "calc", *TOOLS)
    list_tools(ledger, "other", ONE)
    with ledger.transaction() as tx:
        scans.spend(tx, TODAY.isoformat(), "calc", definitions=DEFINITIONS_A_DAY - 2, tokens=1)
    async with MistralServer(say.well(5)) as server:
        await scan(path, server)
        assert sorted(request.line("server") for request in server.requests) == ["calc", "calc", "other"]
        await scan(path, server)
        assert len(server.requests) == 3
    over = [verdict for definition in TOOLS if (verdict := remote(ledger, "calc", definition)) and verdict.error]
    assert len(over) == 5
    assert all(v.score is None and json.loads(v.findings)[0]["rule"] == "llm.too-many" for v in over)
    found = progress(ledger, "calc")
    assert (found.scanned, found.failed, found.pending) == (2, 5, 0) or (found.cached, found.failed) == (2, 5)


async def test_b17_no_server_keeps_another_one_waiting(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "a", *[tool(f"n{i}") for i in range(40)])
    list_tools(ledger, "z", ONE)
    assert ONE in [definition for _, definition in ledger.pending(VERSION, 2)]


# -- not allowed, not possible -------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["no-key", "not-opted-in", "bad-config"])
async def test_b12_what_keeps_it_from_asking_is_said_and_nothing_is_stored(
    path: Path, ledger: Ledger, state: str
) -> None:
    list_tools(ledger, "calc", ONE)
    worker = Worker(path)
    worker.ready = Readiness(state=state, detail="Why.")
    task = asyncio.create_task(worker.run())
    await until(lambda: ledger.scanner().state == state, "the state")
    assert ledger.scanner().detail == "Why."
    assert remote(ledger, "calc", ONE) is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_b7_b12_a_bad_key_is_said_and_another_key_is_tried(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", *TOOLS)
    async with MistralServer(say.failing(401), say.failing(401), say.failing(401), say.well(5)) as server:
        worker = Worker(path, server)
        task = asyncio.create_task(worker.run())
        await until(lambda: ledger.scanner().state == "bad-key", "the state")
        assert "401" in ledger.scanner().detail
        assert len(server.requests) <= 3
        assert scores(ledger, "calc", TOOLS) == [None] * 7 and remote(ledger, "calc", TOOLS[0]) is None
        server.script = [say.well(5)]
        ready = worker.ready
        worker.ready = Readiness(
            model=MODEL, server_url=ready.server_url, budget=ready.budget, secret=ApiKey("another-key", "test")
        )
        await until(lambda: scores(ledger, "calc", TOOLS) == [5.0] * 7, "verdicts")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_withdrawing_consent_ends_a_run_at_once(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", *TOOLS)
    async with MistralServer(say.late) as server:
        worker = Worker(path, server)
        task = asyncio.create_task(worker.run())
        await asyncio.wait_for(server.arrived.acquire(), 15)
        worker.ready = Readiness(state="not-opted-in", detail="Withdrawn.")
        await asyncio.wait_for(server.dropped.wait(), 5)
        await until(lambda: ledger.scanner().state == "not-opted-in", "the state")
        assert ledger.scanner().run_state == "cancelled"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_state_file_that_is_replaced_is_opened_again(path: Path, ledger: Ledger) -> None:
    async with MistralServer(say.well(5)) as server:
        worker = Worker(path, server)
        task = asyncio.create_task(worker.run())
        await until(lambda: worker.status == "idle", "idle")
        ledger.close()
        for file in path.parent.glob("state.db*"):
            file.unlink()
        fresh = Ledger.open(path)
        list_tools(fresh, "calc", ONE)
        await until(lambda: scores(fresh, "calc", [ONE]) == [5.0], "a verdict")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        fresh.close()


# -- asking for another look ---------------------------------------------------------------------------


async def test_a_rescan_goes_first_and_may_not_be_asked_for_again_too_soon(path: Path) -> None:
    machine = Machine()
    ledger = Ledger.open(path, time_source=machine.source)
    list_tools(ledger, "calc", *TOOLS)
    with ledger.transaction() as tx:
        for definition in TOOLS:
            save_verdict(tx, Verdict(definition.fingerprint, "calc", "remote", VERSION, 5.0))
            scans.succeeded(tx, "calc", definition.fingerprint, 1)

    def ask(*fingerprints: str) -> tuple[int, float]:
        with ledger.transaction() as tx:
            return scans.request_scan(tx, "calc", fingerprints or None, by="test")

    assert ask(TOOLS[6].fingerprint) == (0, scans.ASK_AGAIN_S)
    machine.advance(scans.ASK_AGAIN_S * SECOND)
    assert ask(TOOLS[6].fingerprint) == (1, 0.0)
    assert [row.detail for row in ledger.audit_since(0) if row.action == "rescan"] == ["calc: 1 definition"]
    new = tool("new")
    list_tools(ledger, "calc", *TOOLS, new)
    assert [definition for _, definition in ledger.pending(VERSION, 9)] == [TOOLS[6], new]
    assert ask(TOOLS[6].fingerprint)[0] == 0
    taken, wait_s = ask()
    assert (taken, wait_s) == (7, float(scans.ASK_AGAIN_S))
    assert ask("no such text") == (0, 0.0)
    ledger.close()


async def test_a_screen_reads_the_same_as_a_command(path: Path, ledger: Ledger) -> None:
    list_tools(ledger, "calc", *TOOLS)
    async with MistralServer(say.well(45)) as server:
        await scan(path, server)
    reader = await Reader.open(path)
    assert await reader.scanner() == ledger.scanner()
    assert await reader.scan_progress() == ledger.scan_progress()
    judged = await reader.judged("calc")
    assert judged == ledger.judged("calc") and len(judged) == 7
    assert all(row.listed and row.verdict is not None and row.verdict.score == 45.0 for row in judged)
    list_tools(ledger, "calc", *TOOLS[:2])
    assert (len(await reader.judged()), len(await reader.judged(gone=True))) == (2, 7)
    await reader.close()
