"""The real Mistral client against a local server that misbehaves (B6–B10, B12, B17)."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from mcpwatch.scan import mistral
from mcpwatch.scan.budget import TokenBudget
from mcpwatch.scan.endpoint import BODY_MAX, endpoint, is_local, retry_after_s
from mcpwatch.scan.key import ApiKey
from mcpwatch.scan.mistral import Reviewer
from mcpwatch.scan.prompt import PROMPT_VERSION, Subject
from mcpwatch.scan.verdict import Failure, LlmVerdict, Unscanned
from servers import mistral_server as say
from servers.mistral_server import Behaviour, MistralServer

SECRET = "sk-do-not-show-me-1234567890"
NOW = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
SUBJECT = Subject("calc", "tool", "add", json.dumps({"name": "add", "description": "Adds two numbers."}))


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.elapsed = 0.0

    def wall(self) -> float:
        return NOW.timestamp() + self.elapsed

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds
        await asyncio.sleep(0)


class Stopped(FakeClock):
    """Whoever sleeps stays asleep until it is woken."""

    def __init__(self) -> None:
        super().__init__()
        self.wake = asyncio.Event()

    async def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        await self.wake.wait()


def reviewer(server: MistralServer, **changes: Any) -> Reviewer:
    settings: dict[str, Any] = {
        "model": "test-model",
        "server_url": server.url,
        "budget": TokenBudget(1_000_000),
        "opted_in": False,
        "clock": FakeClock(),
        "jitter": lambda: 1.0,
        **changes,
    }
    key = settings.pop("key", ApiKey(SECRET, "test"))
    return Reviewer(key, **settings)


async def judge(*script: Behaviour, **changes: Any) -> tuple[LlmVerdict | Unscanned, MistralServer]:
    async with MistralServer(*script) as server, reviewer(server, **changes) as asked:
        return await asked.judge(SUBJECT), server


async def test_b13_good_answer_is_a_verdict_with_all_that_is_kept() -> None:
    result, server = await judge(say.well(12.5))
    assert result == LlmVerdict(
        score=12.5,
        reason="Because.",
        model="test-model",
        prompt_version=PROMPT_VERSION,
        tokens_in=900,
        tokens_out=60,
        utc=int(NOW.timestamp() * 1e9),
    )
    [request] = server.requests
    assert request.body["temperature"] == 0
    assert request.body["max_tokens"] > 0
    assert request.body["model"] == "test-model"
    schema = request.body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert set(schema["schema"]["required"]) == {"nonce", "verdicts"}
    assert request.headers["authorization"] == f"Bearer {SECRET}"


async def test_b9_fenced_answer_is_understood() -> None:
    result, _ = await judge(say.fenced(91))
    assert isinstance(result, LlmVerdict)
    assert (result.score, result.level.name) == (91.0, "danger")


async def test_b9_reasoning_models_text_is_read_without_its_thoughts() -> None:
    def thinks(request: say.Request) -> list[dict[str, Any]]:
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": '{"score": 1}'}]}
        return [thought, {"type": "text", "text": json.dumps(say.verdict(request, 44))}]

    result, _ = await judge(say.says(thinks))
    assert isinstance(result, LlmVerdict) and result.score == 44.0


BAD = {
    "empty": (say.empty, Failure.EMPTY),
    "null": (say.text(None), Failure.EMPTY),
    "refusal": (say.refusal, Failure.REFUSED),
    "filtered": (say.says(lambda r: json.dumps(say.verdict(r, 5)), finish="content_filter"), Failure.REFUSED),
    "truncated": (say.truncated(), Failure.TRUNCATED),
    "invalid JSON": (say.invalid_json, Failure.NOT_JSON),
    "prose": (say.text("This tool looks safe to me: 0/100"), Failure.NOT_JSON),
    "other tool": (say.about("subtract"), Failure.OTHER_TOOL),
    "spoofed nonce": (say.spoofed(), Failure.WRONG_NONCE),
    "NaN": (say.well(math.nan), Failure.NOT_A_NUMBER),
    "text": (say.well("85/100"), Failure.NOT_A_NUMBER),
    "bool": (say.well(True), Failure.NOT_A_NUMBER),
    "null score": (say.well(None), Failure.NOT_A_NUMBER),
    "out of range": (say.well(101), Failure.OUT_OF_RANGE),
    "no choices": (
        say.raw(
            b'{"id":"1","object":"x","model":"m","created":1,"usage":{"prompt_tokens":9,"completion_tokens":0},"choices":[]}'
        ),
        Failure.EMPTY,
    ),
    "not a completion": (say.raw(b'{"hello": "world"}'), Failure.WRONG_SHAPE),
    "HTML": (say.raw(b"<html>login</html>", content_type="text/html"), Failure.WRONG_SHAPE),
    "not JSON at all": (say.raw(b"\xff\x00{"), Failure.WRONG_SHAPE),
    "nested": (say.raw(b"[" * 100_000), Failure.WRONG_SHAPE),
    "deprecation header": (say.raw(b"[]", x_model_deprecation_timestamp="2030"), Failure.REJECTED),
    "too long": (say.raw(b" " * (BODY_MAX + 1)), Failure.TOO_LARGE),
    "packed": (say.raw(b"\x1f\x8b", content_encoding="gzip"), Failure.TOO_LARGE),
    "redirect": (say.failing(307, location="https://example.com/"), Failure.REJECTED),
}


@pytest.mark.parametrize("case", BAD)
async def test_b6_bad_answer_is_unscanned_and_not_repeated(case: str) -> None:
    behaviour, failure = BAD[case]
    result, server = await judge(behaviour)
    assert isinstance(result, Unscanned)
    assert result.failure is failure
    assert result.attempts == 1
    assert result.detail.isprintable() and result.detail
    assert len(server.requests) == 1
    assert not result.stops


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_b7_server_errors_are_repeated_until_one_answers(status: int) -> None:
    clock = FakeClock()
    result, server = await judge(say.failing(status), say.failing(status), say.well(7), clock=clock)
    assert isinstance(result, LlmVerdict)
    assert (result.score, result.attempts, len(server.requests)) == (7.0, 3, 3)
    assert clock.slept == [1.0, 2.0]
    assert result.duration_ns == 3_000_000_000
    assert len({request.nonce for request in server.requests}) == 1


async def test_b7_gives_up_after_three_attempts() -> None:
    result, server = await judge(say.failing(500))
    assert isinstance(result, Unscanned)
    assert (result.failure, result.attempts, len(server.requests)) == (Failure.SERVER_ERROR, 3, 3)


async def test_b7_wait_is_jittered_and_capped() -> None:
    asked = Reviewer(None, model="m", budget=TokenBudget(0), opted_in=False, jitter=lambda: 0.0)
    assert [asked._wait_s(attempt, None) for attempt in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert asked._wait_s(50, None) == mistral.BACKOFF_MAX_S / 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 1.0),
        (format_datetime(NOW.replace(second=30), usegmt=True), 30.0),
        (format_datetime(NOW.replace(hour=1), usegmt=True), 1.0),
        ("soon", 1.0),
        ("-5", 1.0),
        ("nan", 1.0),
    ],
)
async def test_b7_retry_after_is_honoured(header: str, seconds: float) -> None:
    clock = FakeClock()
    result, server = await judge(say.rate_limited(header), say.well(7), clock=clock)
    assert isinstance(result, LlmVerdict)
    assert sum(clock.slept) == pytest.approx(seconds)
    assert len(server.requests) == 2


async def test_b7_asked_to_wait_too_long_it_gives_up_and_says_how_long() -> None:
    async with MistralServer(say.rate_limited("3600")) as server, reviewer(server) as asked:
        first, second = await asked.judge(SUBJECT), await asked.judge(SUBJECT)
        assert isinstance(first, Unscanned) and isinstance(second, Unscanned)
        assert (first.failure, first.retry_s) == (Failure.RATE_LIMITED, 3600.0)
        assert (second.failure, second.retry_s) == (Failure.RATE_LIMITED, 3600.0)
        assert len(server.requests) == 1  # the second did not even ask


async def test_b7_word_rate_in_an_error_is_no_rate_limit() -> None:
    result, server = await judge(say.failing(400, "rate limit exceeded, retry"))
    assert isinstance(result, Unscanned)
    assert (result.failure, len(server.requests)) == (Failure.REJECTED, 1)


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422])
async def test_b7_other_refusals_are_not_repeated_and_say_what_is_wrong(status: int) -> None:
    body = json.dumps({"message": f"Unknown model\x1b[2J for {SECRET}"}).encode()
    result, server = await judge(say.raw(body, status, content_type="application/json"))
    assert isinstance(result, Unscanned)
    assert (result.failure, len(server.requests)) == (Failure.REJECTED, 1)
    assert str(status) in result.detail and SECRET not in repr(result)
    assert "Unknown model\\x1b[2J for ***" in result.detail


async def test_b7_bad_key_is_said_once_and_stops() -> None:
    async with (
        MistralServer(say.failing(401, f"Unauthorized {SECRET}")) as server,
        reviewer(server) as asked,
    ):
        first, second = await asked.judge(SUBJECT), await asked.judge(SUBJECT)
        assert isinstance(first, Unscanned) and isinstance(second, Unscanned)
        assert first.failure is second.failure is Failure.BAD_KEY
        assert first.stops and "MISTRAL_API_KEY" in first.detail and "(test)" in first.detail
        assert SECRET not in repr(first)
        assert len(server.requests) == 1
        assert asked.off() is not None


async def test_b8_deadline_ends_a_request_that_never_answers() -> None:
    for behaviour in (say.late, say.dripping, say.endless(b" ")):
        result, server = await judge(behaviour, deadline_s=0.3)
        assert isinstance(result, Unscanned)
        assert (result.failure, result.attempts, len(server.requests)) == (Failure.TIMEOUT, 3, 3)
        await asyncio.wait_for(server.dropped.wait(), 5)


@pytest.mark.parametrize("behaviour", [say.endless(b" " * 65_536), say.endless(b" ", content_encoding="gzip")])
async def test_b8_answer_that_is_not_read_on_is_hung_up_on(behaviour: Behaviour) -> None:
    async with MistralServer(behaviour) as server, reviewer(server) as asked:
        result = await asked.judge(SUBJECT)
        assert isinstance(result, Unscanned) and result.failure is Failure.TOO_LARGE
        await asyncio.wait_for(server.dropped.wait(), 5)


async def test_b8_late_then_well() -> None:
    result, _ = await judge(say.late, say.well(3), deadline_s=1.0)
    assert isinstance(result, LlmVerdict) and result.attempts == 2


async def test_b8_cancelling_ends_the_request_at_once() -> None:
    async with MistralServer(say.late) as server, reviewer(server) as asked:
        task = asyncio.create_task(asked.judge(SUBJECT))
        await asyncio.wait_for(server.arrived.acquire(), 10)
        before = asyncio.all_tasks()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
        await asyncio.wait_for(server.dropped.wait(), 5)
        assert asyncio.all_tasks() <= before
        assert len(server.requests) == 1
        assert asked.budget.left == asked.budget.per_day - asked.budget.spent  # nothing stays held
        # The slot is free again.
        server.script = [say.well(1)]
        results = await asyncio.gather(*(asked.judge(SUBJECT) for _ in range(4)))
        assert all(isinstance(result, LlmVerdict) for result in results)


async def test_b8_three_at_a_time_over_all_servers() -> None:
    gate = asyncio.Event()
    async with MistralServer(say.gated(gate, say.well(1))) as server, reviewer(server) as asked:
        subjects = [Subject(f"server-{i}", "tool", f"tool-{i}", "{}") for i in range(9)]
        tasks = [asyncio.create_task(asked.judge(subject)) for subject in subjects]
        for _ in range(3):
            await asyncio.wait_for(server.arrived.acquire(), 10)
        gate.set()
        results = await asyncio.gather(*tasks)
        assert all(isinstance(result, LlmVerdict) for result in results)
        assert server.most_at_once == 3
        assert {request.name for request in server.requests} == {subject.name for subject in subjects}


async def test_b7_slot_is_free_while_one_waits() -> None:
    clock = Stopped()
    failing = [say.failing(503)] * 3
    async with MistralServer(*failing, say.well(1)) as server, reviewer(server, clock=clock) as asked:
        waiting = [asyncio.create_task(asked.judge(SUBJECT)) for _ in range(3)]
        for _ in range(3):
            await asyncio.wait_for(server.arrived.acquire(), 10)
        # All three slots' requests have failed and wait; others are served meanwhile.
        others = await asyncio.wait_for(asyncio.gather(*(asked.judge(SUBJECT) for _ in range(3))), 10)
        assert all(isinstance(result, LlmVerdict) for result in others)
        assert not any(task.done() for task in waiting)
        clock.wake.set()
        assert all(isinstance(result, LlmVerdict) for result in await asyncio.gather(*waiting))


async def test_b7_one_rate_limit_quiets_all() -> None:
    clock = FakeClock()
    async with MistralServer(say.rate_limited("30"), say.well(1)) as server, reviewer(server, clock=clock) as asked:
        first = asyncio.create_task(asked.judge(SUBJECT))
        await asyncio.wait_for(server.arrived.acquire(), 10)
        while asked._resume_at < 0:
            await asyncio.sleep(0)
        second = await asked.judge(SUBJECT)
        assert isinstance(second, LlmVerdict) and second.attempts == 1
        assert isinstance(await first, LlmVerdict)
        assert clock.elapsed >= 30


async def test_b7_rate_limit_quiets_those_who_wait_for_a_slot() -> None:
    clock, gate = Stopped(), asyncio.Event()
    limited = [say.gated(gate, say.rate_limited("30"))] * 3
    async with MistralServer(*limited, say.well(1)) as server, reviewer(server, clock=clock) as asked:
        tasks = [asyncio.create_task(asked.judge(SUBJECT)) for _ in range(4)]
        for _ in range(3):
            await asyncio.wait_for(server.arrived.acquire(), 10)
        gate.set()
        async with asyncio.timeout(10):
            while len(clock.slept) < 4:
                await asyncio.sleep(0.001)
        assert len(server.requests) == 3
        clock.elapsed = 30.0
        clock.wake.set()
        assert all(isinstance(result, LlmVerdict) for result in await asyncio.gather(*tasks))


async def test_b17_budget_is_asked_before_and_charged_after() -> None:
    async with MistralServer(say.well(1)) as server:
        async with reviewer(server, budget=TokenBudget(5_000)) as asked:
            results = [await asked.judge(SUBJECT) for _ in range(6)]
            assert asked.budget.spent == 960 * sum(isinstance(result, LlmVerdict) for result in results)
        last = results[-1]
        assert isinstance(last, Unscanned)
        assert last.failure is Failure.BUDGET and last.stops and last.attempts == 1
        assert 3 <= len(server.requests) < 6


async def test_b17_no_budget_sends_nothing() -> None:
    result, server = await judge(say.well(1), budget=TokenBudget(0))
    assert isinstance(result, Unscanned) and result.failure is Failure.BUDGET
    assert server.requests == []


@pytest.mark.parametrize("usage", [{"prompt_tokens": 0, "completion_tokens": 0}, {"prompt_tokens": -5}, {"x": 1}])
async def test_b17_server_that_hides_its_usage_is_charged_the_estimate(usage: dict[str, int]) -> None:
    behaviour = say.says(lambda r: json.dumps(say.verdict(r, 1)), usage=usage)
    async with MistralServer(behaviour) as server, reviewer(server) as asked:
        result = await asked.judge(SUBJECT)
        assert isinstance(result, LlmVerdict)
        assert result.tokens == asked.budget.spent > 1_000


async def test_b17_refused_requests_cost_nothing_and_lost_ones_their_estimate() -> None:
    async with MistralServer(say.failing(500)) as server, reviewer(server) as asked:
        await asked.judge(SUBJECT)
        assert asked.budget.spent == 0
        server.script = [say.late]
        asked._deadline_s = 0.05
        result = await asked.judge(SUBJECT)
        assert isinstance(result, Unscanned)
        assert asked.budget.spent == result.tokens > 3_000


def test_b17_budget_starts_anew_each_day_and_holds_what_is_under_way() -> None:
    today = date(2030, 1, 1)
    budget = TokenBudget(100, spent=30, today=lambda: today)
    assert (budget.spent, budget.left) == (30, 70)
    assert budget.reserve(50) and not budget.reserve(30) and budget.reserve(20)
    budget.settle(50, 10)
    assert (budget.spent, budget.left) == (40, 40)
    today = date(2029, 12, 31)
    assert budget.left == 40
    today = date(2030, 1, 2)
    assert (budget.spent, budget.left) == (0, 80)
    budget.settle(20, 200)
    assert (budget.spent, budget.left) == (200, 0)
    with pytest.raises(ValueError, match="budget"):
        TokenBudget(-1)


async def test_b12_nothing_leaves_without_consent_or_key() -> None:
    remote: dict[str, Any] = {"model": "m", "budget": TokenBudget(9_999), "server_url": "https://llm.invalid"}
    for key, opted_in, failure in (
        (ApiKey(SECRET, "test"), False, Failure.NOT_OPTED_IN),
        (None, True, Failure.NO_KEY),
    ):
        async with Reviewer(key, opted_in=opted_in, **remote) as asked:
            result = await asked.judge(SUBJECT)
            assert isinstance(result, Unscanned)
            assert result.failure is failure and result.stops
            assert asked.off() == Unscanned(failure, result.detail)
    assert Reviewer(ApiKey(SECRET, "test"), opted_in=True, **remote).off() is None


async def test_b12_local_server_needs_neither_and_gets_no_key_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MISTRAL_API_KEY", SECRET)
    result, server = await judge(say.well(1), key=None)
    assert isinstance(result, LlmVerdict)
    assert SECRET not in server.requests[0].headers["authorization"]


async def test_unreachable_server_is_unscanned() -> None:
    async with MistralServer(say.well(1)) as server:
        asked = reviewer(server)
    async with asked:
        result = await asked.judge(SUBJECT)
    assert isinstance(result, Unscanned)
    assert (result.failure, result.attempts) == (Failure.UNREACHABLE, 3)


async def test_b19_key_is_in_no_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("MISTRAL_DEBUG", "1")
    caplog.set_level(logging.DEBUG)
    result, _ = await judge(say.failing(401, SECRET))
    assert isinstance(result, Unscanned)
    assert caplog.records and SECRET not in caplog.text


async def test_traces_are_off_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_SDK_TELEMETRY", "no such thing")  # the SDK raises when it reads this
    result, _ = await judge(say.well(1))
    assert isinstance(result, LlmVerdict)


NOISY = """
import asyncio, logging
from mcpwatch.scan.budget import TokenBudget
from mcpwatch.scan.key import ApiKey
from mcpwatch.scan.mistral import Reviewer
from mcpwatch.scan.prompt import Subject
from servers import mistral_server as say

logging.basicConfig()

async def main():
    loud = {"x_model_deprecation_timestamp": "\x1b]0;owned", "content_type": "application/json"}
    async with say.MistralServer(say.raw(say.completion("x"), **loud)) as server:
        key = ApiKey("secret-key", "test")
        budget = TokenBudget(99_999)
        async with Reviewer(key, model="m", budget=budget, opted_in=False, server_url=server.url) as asked:
            print((await asked.judge(Subject("s", "tool", "t", "{}"))).failure)

asyncio.run(main())
"""


def test_b16_nothing_a_server_says_reaches_the_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOISY],
        capture_output=True,
        text=True,
        env={**os.environ, "MISTRAL_DEBUG": "1", "PYTHONPATH": str(Path(__file__).parents[1])},
        check=False,
    )
    assert (done.stdout, done.stderr) == ("not-json\n", "")


@pytest.mark.parametrize("proxy", ["HTTP_PROXY", "ALL_PROXY"])
async def test_local_server_is_not_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    result, _ = await judge(say.well(1))
    assert isinstance(result, LlmVerdict)


def test_is_local() -> None:
    for url in ("http://localhost:1234", "http://127.0.0.1", "https://127.9.9.9/v1", "http://[::1]:80/x/"):
        assert is_local(url), url
        assert endpoint(url)
    for url in (
        None,
        "",
        "https://api.mistral.ai",
        "http://localhost.example.com",
        "http://localhost@example.com",
        "http://localhost:80@example.com/",
        "http://127.0.0.1#@example.com",
        "http://127.0.0.1\\@example.com",
        "http://0.0.0.0",
        "http://127.1",
        "http://2130706433",
        "http://192.168.0.1",
        "ftp://localhost",
        "localhost",
        "http://[::ffff:8.8.8.8]",
        "http://127.0.0.1\n.example.com",
    ):
        assert not is_local(url), url


def test_endpoint() -> None:
    assert endpoint("https://llm.example.com/") == "https://llm.example.com"
    assert endpoint("https://llm.example.com/v1/") == "https://llm.example.com"
    assert endpoint("http://localhost:8080/base/v1") == "http://localhost:8080/base"
    for url in ("http://llm.example.com", "https://user:pw@example.com", "https://example.com?x=1", "example.com"):
        with pytest.raises(ValueError, match="server_url"):
            endpoint(url)


def test_retry_after() -> None:
    now = NOW.timestamp()
    assert retry_after_s("120", now) == 120.0
    assert retry_after_s(" 1.5 ", now) == 1.5
    assert retry_after_s("Tue, 01 Jan 2030 12:01:00 GMT", now) == 60.0
    assert retry_after_s("Tue, 01 Jan 2030 11:00:00 GMT", now) == 0.0
    for header in (None, "", "inf", "1e9", "-1", "1, 2", "yesterday", "Tue, 99 Jan 2030 12:01:00 GMT", "٣"):
        assert retry_after_s(header, now) is None, header


def test_nothing_of_the_sdk_is_loaded_before_it_is_needed() -> None:
    code = (
        "import sys; import mcpwatch.scan.mistral as m; from mcpwatch.scan.budget import TokenBudget; "
        "m.Reviewer(None, model='m', budget=TokenBudget(1), opted_in=False); "
        "print([n for n in ('mistralai', 'httpx2', 'pydantic') if n in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


async def test_b18_the_sdk_is_loaded_beside_the_loop() -> None:
    threads: list[int] = []

    class Watched(Reviewer):
        def _open(self) -> Any:
            threads.append(threading.get_ident())
            return super()._open()

    async with (
        MistralServer(say.well(1)) as server,
        Watched(None, model="m", budget=TokenBudget(99_999), opted_in=False, server_url=server.url) as asked,
    ):
        results = await asyncio.gather(*(asked.judge(SUBJECT) for _ in range(5)))
    assert all(isinstance(result, LlmVerdict) for result in results)
    assert len(threads) == 1 and threads[0] != threading.get_ident()
