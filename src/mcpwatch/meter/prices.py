"""What a call costs, in integer micro-dollars (1 USD = 1 000 000)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from itertools import chain
from operator import index
from typing import NamedTuple, Protocol

MICRO_DOLLARS = 1_000_000
DEFAULT_PER_1K = 0.003
HIGHEST_PRICE = 10_000
"""USD. Keeps the sum of 10 000 calls with results of 64 MiB inside SQLite's 64-bit integers."""

_CACHED_NAMES = 4096

Usd = int | float | Decimal


class PriceError(ValueError):
    """A price or rule that cannot be used; the text names the field and says what it must be."""


@dataclass(frozen=True, slots=True)
class PriceRule:
    """What the calls of some tools cost. Only what is given differs from the default; 0 makes it free.

    pattern: `server/tool`, both sides shell-style globs (`*`, `?`, `[abc]`). A tool that no pattern matches exactly
        has the price of the first that matches another spelling of its name: servers trim names and fold their case.
    per_call: USD for each call, on top of its tokens.
    per_1k_in, per_1k_out: USD for 1 000 tokens of arguments, and of results.
    model: instead of those two, a model whose prices genai-prices knows: the arguments are its input, the result is
        its output.
    """

    pattern: str
    per_call: Usd | None = None
    per_1k_in: Usd | None = None
    per_1k_out: Usd | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.pattern, str) or not all(self.pattern.partition("/")):
            raise PriceError(f"pattern must look like server/tool, for example search/*; it is {self.pattern!r}")
        for field in ("per_call", "per_1k_in", "per_1k_out"):
            value = getattr(self, field)
            if value is not None:
                _checked(value, f"{field} of {self.pattern!r}")
        if self.model is not None:
            if not isinstance(self.model, str) or not self.model:
                raise PriceError(f"model of {self.pattern!r} must be a model's name; it is {self.model!r}")
            if self.per_1k_in is not None or self.per_1k_out is not None:
                raise PriceError(
                    f"model of {self.pattern!r} stands in place of per_1k_in and per_1k_out; give one of both"
                )
        if (self.per_call, self.per_1k_in, self.per_1k_out, self.model) == (None, None, None, None):
            raise PriceError(f"the rule for {self.pattern!r} needs per_call, per_1k_in, per_1k_out, or model")

    def matches(self, server: str, tool: str, *, loosely: bool = False) -> bool:
        """Whether it is for this tool; `loosely`: in whatever spelling."""
        server_glob, _, tool_glob = self.pattern.partition("/")
        if not fnmatchcase(server, server_glob):
            return False
        if loosely:
            from mcpwatch.protocol import names  # unicodedata: not before there is a rule that may need it

            return names.may_mean(tool, tool_glob)
        return fnmatchcase(tool, tool_glob)


class PriceSettings(Protocol):
    """One `[[prices]]` table of the configuration file, its fields those of PriceRule."""

    @property
    def pattern(self) -> str: ...
    @property
    def per_call(self) -> float | None: ...
    @property
    def per_1k_in(self) -> float | None: ...
    @property
    def per_1k_out(self) -> float | None: ...
    @property
    def model(self) -> str | None: ...


class Rate(NamedTuple):
    """Whole multiples of 1/`scale` micro-dollar: a call, a token in, a token out."""

    call: int
    token_in: int
    token_out: int
    scale: int

    def micro_dollars(self, calls: int, tokens_in: int, tokens_out: int) -> int:
        """Of counts that are not negative, rounded up."""
        return -(-(self.call * calls + self.token_in * tokens_in + self.token_out * tokens_out) // self.scale)


class _Table(NamedTuple):
    """Replaced as a whole, so that a call sees either the prices before `resolve` or those after it."""

    rates: Sequence[tuple[PriceRule, Rate]]
    known: dict[tuple[str, str], Rate]


ModelPrices = Callable[[str], tuple[Usd, Usd]]
"""From a model's name to USD per 1 000 tokens in and out; raises LookupError for an unknown model."""


class PriceBook:
    """Prices of all tools; the first rule that matches counts. Safe to share between threads.

    Rules with a model use the default price until `resolve` has run, and where it cannot find the model; `problems`
    says so, a line for a person each.
    """

    def __init__(self, default_per_1k: Usd = DEFAULT_PER_1K, rules: Sequence[PriceRule] = ()) -> None:
        self._default = _checked(default_per_1k, "default_per_1k")
        self._rules = tuple(rules)
        self._default_rate = _rate(Fraction(0), self._default, self._default)
        self._use({})
        self.problems = [
            f"{rule.pattern}: the price of model {rule.model!r} is not looked up yet; the default price is used"
            for rule in self._rules
            if rule.model is not None
        ]

    @classmethod
    def from_config(cls, default_per_1k: Usd, prices: Iterable[PriceSettings]) -> PriceBook:
        """The book of a configuration file, not yet resolved. Raises PriceError."""
        rules = [PriceRule(x.pattern, x.per_call, x.per_1k_in, x.per_1k_out, x.model) for x in prices]
        return cls(default_per_1k, rules)

    @property
    def needs_resolving(self) -> bool:
        """Whether some rule names a model. Without one, genai-prices is never imported."""
        return any(rule.model is not None for rule in self._rules)

    def cost(self, server: str, tool: str, tokens_in: int, tokens_out: int, calls: int = 1) -> int:
        """Micro-dollars for `calls` calls with so many tokens, rounded up. Negative counts are 0."""
        counts = (max(index(count), 0) for count in (calls, tokens_in, tokens_out))
        return self.rate(server, tool).micro_dollars(*counts)

    def rate(self, server: str, tool: str) -> Rate:
        """What `cost` reckons with, for those who reckon many calls."""
        table = self._table
        return table.known.get((server, tool)) or self._find(table, server, tool)

    def resolve(self, model_prices: ModelPrices | None = None) -> None:
        """Look up the models' prices in the data inside genai-prices (at first 0.2 s and 30 MiB; no network)."""
        if not self.needs_resolving:
            return
        look_up = model_prices or genai_model_prices
        found: dict[str, tuple[Fraction, Fraction]] = {}
        problems = []
        for rule in self._rules:
            if rule.model is None:
                continue
            try:
                price_in, price_out = look_up(rule.model)
                found[rule.model] = _checked(price_in, "its input price"), _checked(price_out, "its output price")
            except (LookupError, PriceError) as error:
                problems.append(
                    f"{rule.pattern}: no price for model {rule.model!r} ({error}); the default price is used"
                )
        self._use(found)
        self.problems = problems

    def _use(self, models: dict[str, tuple[Fraction, Fraction]]) -> None:
        rates = []
        for rule in self._rules:
            token_in, token_out = models.get(rule.model or "", (self._default, self._default))
            if rule.per_1k_in is not None:
                token_in = _checked(rule.per_1k_in, "per_1k_in")
            if rule.per_1k_out is not None:
                token_out = _checked(rule.per_1k_out, "per_1k_out")
            rates.append((rule, _rate(_checked(rule.per_call or 0, "per_call"), token_in, token_out)))
        self._table = _Table(rates, {})

    def _find(self, table: _Table, server: str, tool: str) -> Rate:
        exact = (rate for rule, rate in table.rates if rule.matches(server, tool))
        loose = (rate for rule, rate in table.rates if rule.matches(server, tool, loosely=True))
        rate = next(chain(exact, loose), self._default_rate)
        if len(table.known) >= _CACHED_NAMES:
            table.known.clear()  # a server may invent names without end
        table.known[server, tool] = rate
        return rate


def genai_model_prices(model: str) -> tuple[Decimal, Decimal]:
    """USD per 1 000 tokens in and out (standard tier, short prompts), from genai-prices' bundled data."""
    from genai_prices import Usage, calc_price

    price = calc_price(Usage(input_tokens=1000, output_tokens=1000), model_ref=model)
    if not price.total_price:
        raise LookupError("genai-prices has no token price for it")
    return price.input_price, price.output_price


def _checked(value: Usd, field: str) -> Fraction:
    """`value` as the decimal number it is written as: 0.1 is a tenth."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise PriceError(f"{field} must be a number of USD; it is {value!r}")
    finite = isinstance(value, int) or (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value))
    if not finite or not 0 <= value <= HIGHEST_PRICE:
        raise PriceError(f"{field} must be from 0 to {HIGHEST_PRICE} USD; it is {value!r}")
    return Fraction(str(value))


def _rate(per_call: Fraction, per_1k_in: Fraction, per_1k_out: Fraction) -> Rate:
    exact = [
        per_call * MICRO_DOLLARS,
        per_1k_in * MICRO_DOLLARS / 1000,
        per_1k_out * MICRO_DOLLARS / 1000,
    ]
    scale = math.lcm(*(price.denominator for price in exact))
    call, token_in, token_out = (int(price * scale) for price in exact)
    return Rate(call, token_in, token_out, scale)
