"""The reviewer: asks Mistral, or a server that speaks its protocol, about one definition at a time.

Whatever goes wrong comes back as `Unscanned`; only cancellation is raised, and it ends the request. Nothing leaves
the machine without the user's consent, nothing is sent over the budget, and what a server answers is bounded in
time and size before anybody parses it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

import msgspec

from mcpwatch.scan.budget import TokenBudget
from mcpwatch.scan.endpoint import Bounded, Unreadable, endpoint, is_local, retry_after_s
from mcpwatch.scan.key import NAME, ApiKey
from mcpwatch.scan.prompt import PROMPT_VERSION, REPLY_TOKENS, Prompt, Subject, build
from mcpwatch.scan.verdict import Failure, LlmVerdict, Unscanned, parse, printable

if TYPE_CHECKING:
    from mistralai.client import Mistral

SLOTS: Final = 3  # requests at a time, over all servers
ATTEMPTS: Final = 3
DEADLINE_S: Final = 60.0  # of one attempt
BACKOFF_S: Final = 1.0  # before the second attempt; doubles
BACKOFF_MAX_S: Final = 20.0
WAIT_MAX_S: Final = 120.0  # a server that asks for more is left alone until the next scan
_TOKENS_MAX: Final = 10_000_000  # what one answer may claim to have used


class Clock(Protocol):
    """Time as the reviewer sees it; a test brings its own."""

    def wall(self) -> float: ...
    def monotonic(self) -> float: ...
    def sleep(self, seconds: float, /) -> Awaitable[None]: ...


class _SystemClock:
    wall = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Answer(msgspec.Struct, frozen=True):
    content: object
    cut: Failure | None  # truncated, or ended by the server's filter
    tokens_in: int
    tokens_out: int


class _Fault(msgspec.Struct, frozen=True):
    failure: Failure
    detail: str
    again: bool = False  # whether another attempt may go better
    retry_s: float | None = None
    tokens: int = 0


class Reviewer:
    """One per process: it holds the slots, the budget and the connection that all servers' definitions share.

    `judge` never raises but for cancellation. The constructor raises ValueError on a `server_url` not to be used.
    """

    def __init__(
        self,
        key: ApiKey | None,
        *,
        model: str,
        budget: TokenBudget,
        opted_in: bool,
        server_url: str | None = None,
        deadline_s: float = DEADLINE_S,
        clock: Clock | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.model = model
        self.budget = budget
        self.local = is_local(server_url)
        self.version = f"{model} prompt {PROMPT_VERSION}"
        """What verdicts are cached by, besides the fingerprint."""
        self._key = key
        self._opted_in = opted_in
        self._url = endpoint(server_url) if server_url else None
        self._deadline_s = deadline_s
        self._clock: Clock = clock or _SystemClock()
        self._jitter = jitter
        self._slots = asyncio.Semaphore(SLOTS)
        self._opening = asyncio.Lock()
        self._sdk: Mistral | None = None
        self._http: Bounded | None = None
        self._resume_at = -math.inf  # on the monotonic clock: a 429 to one request quiets them all
        self._bad_key: _Fault | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connection. A later `judge` opens a new one."""
        sdk, http, self._sdk, self._http = self._sdk, self._http, None, None
        if sdk is not None:
            sdk.__exit__(None, None, None)
        if http is not None:
            await http.aclose()

    def off(self) -> Unscanned | None:
        """Why nothing can be asked at all, in one sentence; None when the reviewer is ready."""
        fault = self._off()
        return None if fault is None else Unscanned(fault.failure, fault.detail)

    async def judge(
        self, subject: Subject, inventory: Mapping[str, Sequence[str]] | None = None
    ) -> LlmVerdict | Unscanned:
        """The model's verdict on `subject`. `inventory` holds the names of every server's tools, by server."""
        started = self._clock.monotonic()
        # A definition may be as large as a frame, and a screen may run on this loop.
        prompt = await asyncio.to_thread(build, subject, inventory)
        tokens = 0
        attempt = 0
        while True:
            attempt += 1
            answer = await self._in_turn(prompt)
            if isinstance(answer, _Answer):
                break
            tokens += answer.tokens
            wait = self._wait_s(attempt, answer.retry_s)
            if not answer.again or attempt == ATTEMPTS or wait > WAIT_MAX_S:
                return Unscanned(answer.failure, answer.detail, answer.retry_s, tokens, attempt)
            await self._clock.sleep(wait)
        result = _read(answer, prompt)
        spent = tokens + answer.tokens_in + answer.tokens_out
        if isinstance(result, Unscanned):
            return msgspec.structs.replace(result, tokens=spent, attempts=attempt)
        return msgspec.structs.replace(
            result,
            model=self.model,
            prompt_version=PROMPT_VERSION,
            tokens_in=tokens + answer.tokens_in,
            tokens_out=answer.tokens_out,
            attempts=attempt,
            duration_ns=int((self._clock.monotonic() - started) * 1e9),
            utc=int(self._clock.wall() * 1e9),
            left_out=prompt.left_out,
        )

    def _off(self) -> _Fault | None:
        if not self.local:
            if not self._opted_in:
                return _Fault(Failure.NOT_OPTED_IN, "Definitions are not sent to the model: not switched on.")
            if self._key is None:
                return _Fault(Failure.NO_KEY, f"No API key: set {NAME} in the environment or a .env file.")
        return self._bad_key

    async def _in_turn(self, prompt: Prompt) -> _Answer | _Fault:
        """One attempt, in one of the slots, and not before the server wants to hear from us again."""
        while True:
            pause = self._resume_at - self._clock.monotonic()
            if pause > WAIT_MAX_S:
                return _Fault(Failure.RATE_LIMITED, "The model's server asked for a long pause.", retry_s=pause)
            if pause > 0:
                await self._clock.sleep(pause)
                continue
            async with self._slots:
                if self._resume_at <= self._clock.monotonic():
                    return await self._attempt(prompt)

    async def _attempt(self, prompt: Prompt) -> _Answer | _Fault:
        if (off := self._off()) is not None:
            return off
        if not self.budget.reserve(prompt.tokens):
            return _Fault(
                Failure.BUDGET,
                f"Today's budget does not reach: {self.budget.spent} of {self.budget.per_day} tokens are spent.",
            )
        used = prompt.tokens  # a request without an answer may have cost all of it
        try:
            outcome = await self._ask(prompt)
            used = outcome.tokens if isinstance(outcome, _Fault) else outcome.tokens_in + outcome.tokens_out
        finally:
            self.budget.settle(prompt.tokens, used)
        if isinstance(outcome, _Fault):
            if outcome.failure is Failure.BAD_KEY:
                self._bad_key = outcome
            if outcome.failure is Failure.RATE_LIMITED and outcome.retry_s:
                self._resume_at = max(self._resume_at, self._clock.monotonic() + outcome.retry_s)
        return outcome

    async def _ask(self, prompt: Prompt) -> _Answer | _Fault:
        sdk = await self._opened()
        try:
            async with asyncio.timeout(self._deadline_s):
                response = await sdk.chat.complete_async(
                    model=self.model,
                    messages=prompt.messages,  # type: ignore[arg-type]
                    response_format=prompt.response_format,  # type: ignore[arg-type]
                    temperature=0.0,
                    max_tokens=REPLY_TOKENS,
                    retries=None,
                    timeout_ms=math.ceil(self._deadline_s * 1000),
                )
            return _answer(response, prompt)
        # The SDK parses hostile bytes and raises what it likes: no kind of it may pass for a verdict.
        except Exception as error:  # noqa: BLE001
            return self._fault(error, prompt)

    async def _opened(self) -> Mistral:
        async with self._opening:
            if self._sdk is not None:
                return self._sdk
            # The import takes half a second, which a screen on this loop would feel.
            sdk, self._http = await asyncio.to_thread(self._open)
            self._sdk = sdk
            return sdk

    def _open(self) -> tuple[Mistral, Bounded]:
        import httpx2
        from mistralai.client import Mistral

        # The SDK warns with text from the server's headers, and a logger without a handler prints to the terminal.
        logger = logging.getLogger("mistralai")
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
        http = Bounded(
            httpx2.AsyncClient(
                follow_redirects=False,  # a redirect would carry the text to a server nobody agreed to
                trust_env=not self.local,  # nor may a proxy see what is meant for this machine
                headers={"Accept-Encoding": "identity"},
            )
        )
        # Without a key the SDK would look for one itself, so it always gets a word.
        sdk = Mistral(
            api_key=self._key.reveal() if self._key else "none",
            server_url=self._url,
            async_client=http,
            retry_config=None,
            debug_logger=_Silent(),  # the SDK's own writes out headers when MISTRAL_DEBUG is set
        )
        # Traces would hold definitions and go where MISTRAL_SDK_TELEMETRY says.
        sdk.sdk_configuration.telemetry = False  # type: ignore[attr-defined]
        return sdk, http

    def _wait_s(self, attempt: int, retry_s: float | None) -> float:
        backoff = min(BACKOFF_S * 2.0 ** (attempt - 1), BACKOFF_MAX_S) * (0.5 + 0.5 * self._jitter())
        return max(backoff, retry_s or 0.0)

    def _fault(self, error: Exception, prompt: Prompt) -> _Fault:
        import httpx2
        from mistralai.client.errors import MistralError, ResponseValidationError

        if isinstance(error, (TimeoutError, httpx2.TimeoutException)):
            detail = f"No answer within {self._deadline_s:g} s."
            return _Fault(Failure.TIMEOUT, detail, again=True, tokens=prompt.tokens)
        if isinstance(error, Unreadable):
            return _Fault(Failure.TOO_LARGE, str(error), tokens=prompt.tokens)
        if isinstance(error, ResponseValidationError):
            return _Fault(Failure.WRONG_SHAPE, "The answer is no chat completion.", tokens=prompt.tokens)
        if isinstance(error, MistralError):
            return self._status_fault(error, prompt)
        if isinstance(error, httpx2.TransportError):
            return _Fault(Failure.UNREACHABLE, "The model's server cannot be reached.", again=True)
        return _Fault(Failure.REJECTED, f"The Mistral client failed ({type(error).__name__}).", tokens=prompt.tokens)

    def _status_fault(self, error: Any, prompt: Prompt) -> _Fault:
        status: int = error.status_code
        if status == 429 or status >= 500:
            wait = retry_after_s(error.headers.get("retry-after"), self._clock.wall())
            if status == 429:
                return _Fault(Failure.RATE_LIMITED, "The server limits the rate (HTTP 429).", True, wait)
            return _Fault(Failure.SERVER_ERROR, f"The server failed (HTTP {status}).", True, wait)
        if status in (401, 403):
            where = f" ({self._key.source})" if self._key else ""
            problem = "does not accept the API key" if status == 401 else "does not let this API key in"
            return _Fault(
                Failure.BAD_KEY, printable(f"The server {problem}{where}: HTTP {status}. Check {NAME}.", 400)
            )
        if 200 <= status < 300:
            return _Fault(Failure.WRONG_SHAPE, "The answer is no chat completion.", tokens=prompt.tokens)
        if 300 <= status < 400:
            return _Fault(
                Failure.REJECTED, f"The server redirects (HTTP {status}): set server_url to where it leads."
            )
        said = _message(error.body)
        if self._key is not None:
            said = self._key.scrub(said)
        return _Fault(
            Failure.REJECTED,
            f"The server rejects the request (HTTP {status}): {printable(said, 200) or 'no reason given'}.",
        )


class _Silent:
    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Says nothing."""


def _answer(response: Any, prompt: Prompt) -> _Answer:
    tokens_in, tokens_out = _count(response.usage.prompt_tokens), _count(response.usage.completion_tokens)
    if tokens_in + tokens_out == 0:
        tokens_in = prompt.tokens  # a server that does not say what it used is taken to have used the estimate
    choice = response.choices[0] if response.choices else None
    content = getattr(getattr(choice, "message", None), "content", None)
    if isinstance(content, list):  # a reasoning model's answer: thoughts and text apart
        content = "".join(chunk.text for chunk in content if chunk.type == "text" and isinstance(chunk.text, str))
    ended = str(getattr(choice, "finish_reason", ""))
    cut = None
    if ended in ("length", "model_length"):
        cut = Failure.TRUNCATED
    elif ended in ("error", "content_filter"):
        cut = Failure.REFUSED
    return _Answer(content, cut, tokens_in, tokens_out)


def _read(answer: _Answer, prompt: Prompt) -> LlmVerdict | Unscanned:
    if answer.cut is Failure.TRUNCATED:
        return Unscanned(Failure.TRUNCATED, "The model's answer was cut off at its length limit.")
    if answer.cut is not None:
        return Unscanned(answer.cut, "The server ended the model's answer.")
    return parse(answer.content, name=prompt.name, nonce=prompt.nonce)


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), _TOKENS_MAX)


def _message(body: object) -> str:
    """What an error body says to a person: `message` or `detail`, by itself or in `error`; '' when it has neither."""
    try:
        value = json.loads(body) if isinstance(body, str) else None
    except (ValueError, RecursionError):
        return ""
    for _ in range(3):
        if not isinstance(value, dict):
            break
        value = value.get("message") or value.get("detail") or value.get("error")
    if isinstance(value, list) and value and isinstance(value[0], dict):
        value = value[0].get("msg")
    return value if isinstance(value, str) else ""
