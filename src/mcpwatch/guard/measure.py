"""What a call is in tokens and money: estimated at once, refined where the exact vocabulary is at hand."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mcpwatch.meter.prices import PriceBook
from mcpwatch.meter.tokens import HEURISTIC, estimate_content
from mcpwatch.protocol.methods import CALL
from mcpwatch.store.records import Call, is_retry

if TYPE_CHECKING:
    from mcpwatch.meter.tokenizer import Tokenizer

ENCODINGS = ("o200k_base", "cl100k_base")
RATED = "heuristic-rated"  # tokens_method of a call recorded in a flood
RATES_KEPT = 1024
REFINED_BYTES = 65_536  # of a body that is counted exactly: 41–127 µs a KiB, in the recorder's thread


class Measure:
    """Fills in tokens and cost of the calls of one server. The relay and the recorder may both be at one call."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.prices = PriceBook()
        self._rates: dict[str, float] = {}  # tool → tokens a byte, lately
        self._turn = threading.Lock()
        self._tokenizer: Tokenizer | None = None

    def load_tokenizer(self) -> None:
        """Count exactly from now on, if tiktoken's cache holds a vocabulary. Takes a quarter of a second and 31 to
        52 MiB; never downloads."""
        from mcpwatch.meter.tokenizer import load

        self._tokenizer = next(filter(None, map(load, ENCODINGS)), None)

    def measure(self, call: Call, *, rated: bool = False) -> None:
        """Estimate what is known and not yet measured. `rated`: by the tool's recent rate of bytes to tokens."""
        if call.priced < (2 if call.result else 1):
            with self._turn:
                self._measure(call, rated)

    def measure_flood(self, calls: Sequence[Call]) -> None:
        """`measure` with `rated`, for many: the recorder has less than 10 µs a call."""
        rates, price_of, server = self._rates, self.prices.rate, self._server
        with self._turn:
            for call in calls:
                result = call.result
                rate = rates.get(call.tool)
                if call.priced or rate is None or is_retry(call) or not _spends(call):
                    if call.priced < (2 if result else 1):
                        self._measure(call, rated=True)
                    continue
                call.tokens_in = tokens_in = int(len(call.arguments) * rate) or 1
                call.tokens_method = RATED
                tokens_out = 0
                if result:
                    call.tokens_out = tokens_out = int(len(result) * rate) or 1
                    call.measured = True
                call.cost = price_of(server, call.tool).micro_dollars(1, tokens_in, tokens_out)
                call.priced = 2 if result else 1

    def refine(self, call: Call) -> None:
        """Count an ended call exactly, if that is possible. Not on a relay's path."""
        tokenizer = self._tokenizer
        if tokenizer is None or call.duration_ns is None or call.tokens_method != HEURISTIC:
            return
        arguments, result = call.arguments, call.result
        if result and not call.measured:
            return  # it ended meanwhile, and comes once more to be measured as a whole
        whole = len(arguments) == call.arguments_bytes and len(result) == call.result_bytes
        if not whole or len(arguments) + len(result) > REFINED_BYTES:
            return
        tokens_in = tokenizer.count_content(arguments).tokens
        tokens_out = tokenizer.count_content(result).tokens if result else 0
        with self._turn:
            call.tokens_in, call.tokens_out, call.tokens_method = tokens_in, tokens_out, tokenizer.encoding
            self._price(call)

    def cut(self, call: Call, keep: int) -> None:
        """Long bodies are measured now and cut to `keep` bytes, so that what waits for the disk stays small."""
        with self._turn:
            self._measure(call, rated=False)
            call.arguments, call.result = call.arguments[:keep], call.result[:keep]

    def weigh(self, call: Call, *, answer: bool) -> None:
        """Measure a body of which only the beginning is kept, by the frame it came in: some 20 tokens more, of 16 000
        and up, and no copy of a megabyte."""
        with self._turn:
            found = estimate_content(call.frame)
            call.frame = b""
            if answer:
                call.tokens_out, call.measured = found.tokens, True
            else:
                call.tokens_in, call.tokens_method = found.tokens, found.method
            self._measure(call, rated=False)

    def _measure(self, call: Call, rated: bool) -> None:
        if not call.tokens_method:
            call.tokens_in, call.tokens_method = self._tokens(call.tool, call.arguments, rated)
        if not call.measured and call.result:
            call.measured = True
            call.tokens_out = self._tokens(call.tool, call.result, rated)[0]
        self._price(call)
        call.priced = 2 if call.measured else 1

    def _price(self, call: Call) -> None:
        if not _spends(call):
            return  # what no limit counts has no price: only its tokens are told
        price = self.prices.rate(self._server, call.tool)
        calls = 0 if is_retry(call) else 1
        call.cost = price.micro_dollars(calls, call.tokens_in, call.tokens_out)

    def _tokens(self, tool: str, body: bytes, rated: bool) -> tuple[int, str]:
        if rated and tool in self._rates:
            return max(1, int(len(body) * self._rates[tool])), RATED
        found = estimate_content(body)
        if body:
            rate = found.tokens / len(body)
            if len(self._rates) > RATES_KEPT:
                self._rates.clear()
            self._rates[tool] = 0.9 * self._rates.get(tool, rate) + 0.1 * rate
        return found.tokens, found.method


def _spends(call: Call) -> bool:
    """Whether it is a call of a tool, or one for its result."""
    return call.method == CALL or call.counted
