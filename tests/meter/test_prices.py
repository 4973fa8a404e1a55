import math
import socket
import threading
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpwatch.meter.prices import HIGHEST_PRICE, PriceBook, PriceError, PriceRule, genai_model_prices

USD = st.decimals(min_value=0, max_value=HIGHEST_PRICE, places=9, allow_nan=False)
COUNT = st.integers(min_value=0, max_value=10**9)


def test_a2_the_default_is_three_thousandths_of_a_dollar_per_1k() -> None:
    book = PriceBook()
    assert book.cost("any", "tool", 1000, 0) == 3000
    assert book.cost("any", "tool", 60_000, 40_000) == 300_000  # 100 000 tokens cost 0.30 USD
    assert book.cost("any", "tool", 0, 0) == 0


def test_a24_a_paid_search_costs_money_without_tokens() -> None:
    book = PriceBook(rules=[PriceRule("search/*", per_call=0.005)])
    assert book.cost("search", "web", 0, 0) == 5000
    assert book.cost("search", "web", 0, 0, calls=3) == 15_000
    assert book.cost("other", "web", 0, 0) == 0


def test_a24_tokens_of_a_paid_call_cost_the_default_unless_told_otherwise() -> None:
    rules = [PriceRule("a/*", per_call=0.01), PriceRule("b/*", per_call=0.01, per_1k_in=0, per_1k_out=0)]
    book = PriceBook(rules=rules)
    assert book.cost("a", "x", 500, 500) == 13_000
    assert book.cost("b", "x", 500, 500) == 10_000


def test_a23_arguments_first_and_the_result_later_are_not_counted_twice() -> None:
    book = PriceBook(rules=[PriceRule("s/t", per_call=0.02, per_1k_in=0.001, per_1k_out=0.004)])
    before = book.cost("s", "t", 250, 0)
    after = book.cost("s", "t", 0, 1500, calls=0)
    assert (before, after, book.cost("s", "t", 250, 1500)) == (20_250, 6000, 26_250)


def test_the_first_rule_that_matches_counts() -> None:
    book = PriceBook(
        rules=[
            PriceRule("git*/create_*", per_call=3),
            PriceRule("github/*", per_call=2),
            PriceRule("*/search", per_call=1),
        ]
    )
    costs = {name: book.cost(*name, 0, 0) // 1_000_000 for name in [
        ("github", "create_issue"), ("gitlab", "create_issue"), ("github", "search"), ("jira", "search"),
        ("GitHub", "search"), ("jira", "Search"), ("jira", "search/deep"), ("github", "a/b"),
    ]}  # fmt: skip
    assert list(costs.values()) == [3, 3, 2, 1, 1, 1, 0, 2]


def test_globs_are_per_side_of_the_first_slash() -> None:
    rule = PriceRule("s?/[ab]*", per_call=1)
    assert rule.matches("s1", "b")
    assert rule.matches("s1", "a/c\nd")
    assert not rule.matches("s1/a", "b")
    assert not rule.matches("s1", "c")
    assert not rule.matches("s", "a")


def test_nothing_is_free_by_rounding() -> None:
    book = PriceBook(default_per_1k=Decimal("0.000000001"))
    assert book.cost("s", "t", 1, 0) == 1
    assert book.cost("s", "t", 10**9, 0) == 1000
    assert PriceBook(default_per_1k=0.1).cost("s", "t", 3, 0) == 300  # a tenth, not 0.1000000000000000055
    assert PriceBook(default_per_1k=5e-324).cost("s", "t", 10**9, 10**9) == 1


@given(USD, USD, USD, COUNT, COUNT, st.integers(min_value=0, max_value=1000))
def test_a7_the_cost_is_exact_and_rounded_up(
    call: Decimal, per_in: Decimal, per_out: Decimal, tokens_in: int, tokens_out: int, calls: int
) -> None:
    book = PriceBook(rules=[PriceRule("s/t", call, per_in, per_out)])
    exact = Fraction(call) * calls + Fraction(per_in) * tokens_in / 1000 + Fraction(per_out) * tokens_out / 1000
    cost = book.cost("s", "t", tokens_in, tokens_out, calls)
    assert type(cost) is int
    assert cost == math.ceil(exact * 1_000_000)


@given(USD, COUNT, COUNT)
def test_a7_parts_cost_at_most_a_micro_dollar_more_than_the_whole(price: Decimal, one: int, other: int) -> None:
    book = PriceBook(default_per_1k=price)
    whole = book.cost("s", "t", one, other)
    assert whole <= book.cost("s", "t", one, 0) + book.cost("s", "t", 0, other) <= whole + 1


@given(st.integers(), st.integers(), st.integers())
def test_a7_no_count_makes_a_cost_negative(tokens_in: int, tokens_out: int, calls: int) -> None:
    book = PriceBook(rules=[PriceRule("s/t", per_call=0.5)])
    assert book.cost("s", "t", tokens_in, tokens_out, calls) >= book.cost("s", "t", min(tokens_in, 0), 0, 0) == 0


@pytest.mark.parametrize("tool", ["PAY_now", " pay_now", "pay_now\x00"])
def test_a24_another_spelling_of_a_priced_tool_costs_as_much(tool: str) -> None:
    book = PriceBook(rules=[PriceRule("s/PAY_later", per_call=9), PriceRule("s/pay_*", per_call=0.5)])
    assert book.cost("s", tool, 0, 0) == 500_000


def test_a24_a_rule_for_the_exact_name_comes_before_one_for_another_spelling() -> None:
    book = PriceBook(rules=[PriceRule("s/Pay", per_call=1), PriceRule("s/pay", per_call=2)])
    assert book.cost("s", "pay", 0, 0) == 2_000_000
    assert book.cost("s", "PAY", 0, 0) == 1_000_000


@pytest.mark.parametrize("count", [math.nan, math.inf, 1.5, "3", None])
def test_a7_a_count_that_is_no_integer_is_refused(count: object) -> None:
    with pytest.raises(TypeError):
        PriceBook().cost("s", "t", count, 0)  # type: ignore[arg-type]


BAD = ["0.003", "False", True, math.nan, math.inf, -math.inf, -0.001, -1, None, [], Decimal("NaN"), Decimal("sNaN"),
       Decimal("-1"), 10**400, HIGHEST_PRICE + 1]  # fmt: skip


@pytest.mark.parametrize("value", BAD)
def test_a3_a_default_that_is_no_price_is_refused_by_name(value: object) -> None:
    with pytest.raises(PriceError, match="default_per_1k"):
        PriceBook(default_per_1k=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["per_call", "per_1k_in", "per_1k_out"])
@pytest.mark.parametrize("value", [value for value in BAD if value is not None])
def test_a3_a_price_that_is_none_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(PriceError, match=f"{field} of 'a/b'"):
        PriceRule("a/b", **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("pattern", ["search", "", "/", "a/", "/b", 7, None])
def test_a3_a_bare_name_is_no_pattern(pattern: object) -> None:
    with pytest.raises(PriceError, match="server/tool"):
        PriceRule(pattern, per_call=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs per_call"),
        ({"model": ""}, "model of 'a/b' must be"),
        ({"model": 3}, "model of 'a/b' must be"),
        ({"model": "gpt-4o", "per_1k_in": 0.1}, "stands in place of"),
        ({"model": "gpt-4o", "per_1k_out": 0}, "stands in place of"),
    ],
)
def test_a3_rules_that_say_nothing_or_two_things(fields: dict[str, object], message: str) -> None:
    with pytest.raises(PriceError, match=message):
        PriceRule("a/b", **fields)  # type: ignore[arg-type]


@dataclass
class Settings:
    pattern: str
    per_call: float | None = None
    per_1k_in: float | None = None
    per_1k_out: float | None = None
    model: str | None = None


def test_a3_from_the_configuration_file() -> None:
    book = PriceBook.from_config(0.002, [Settings("a/*", per_call=0.0, per_1k_in=0.5), Settings("b/*", model="m")])
    assert book.cost("a", "x", 1000, 1000) == 502_000
    assert book.needs_resolving
    with pytest.raises(PriceError, match="per_call of 'a/b'"):
        PriceBook.from_config(0.002, [Settings("a/b", per_call=-1)])


def prices_of(model: str) -> tuple[Decimal, Decimal]:
    known = {"good": (Decimal("0.001"), Decimal("0.01")), "odd": (Decimal("NaN"), Decimal(1))}
    return known[model]


def test_a_model_prices_arguments_as_input_and_results_as_output() -> None:
    book = PriceBook(rules=[PriceRule("llm/*", per_call=0.5, model="good")])
    assert book.cost("llm", "ask", 1000, 1000) == 506_000
    assert book.problems == [
        "llm/*: the price of model 'good' is not looked up yet; the default price is used",
    ]
    book.resolve(prices_of)
    assert book.cost("llm", "ask", 1000, 1000) == 511_000
    assert book.problems == []


@pytest.mark.parametrize("model", ["unheard-of", "odd"])
def test_a_model_without_a_price_costs_the_default_and_says_so(model: str) -> None:
    book = PriceBook(rules=[PriceRule("llm/*", model=model), PriceRule("llm2/*", model="good")])
    book.resolve(prices_of)
    assert book.cost("llm", "ask", 1000, 1000) == 6000
    assert book.cost("llm2", "ask", 1000, 0) == 1000
    (problem,) = book.problems
    assert problem.startswith(f"llm/*: no price for model '{model}' (")
    assert problem.endswith("; the default price is used")


def test_resolving_beside_the_relay_never_shows_half_a_price() -> None:
    book = PriceBook(rules=[PriceRule("llm/*", model="good")])
    entered, leave = threading.Event(), threading.Event()

    def slow(model: str) -> tuple[Decimal, Decimal]:
        entered.set()
        assert leave.wait(10)
        return prices_of(model)

    thread = threading.Thread(target=book.resolve, args=(slow,))
    thread.start()
    assert entered.wait(10)
    assert book.cost("llm", "ask", 1000, 1000) == 6000
    leave.set()
    thread.join()
    assert book.cost("llm", "ask", 1000, 1000) == 11_000


def test_models_are_priced_from_bundled_data_without_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    book = PriceBook(rules=[PriceRule("llm/*", model="gpt-4o")])
    book.resolve()
    assert book.problems == []
    price_in, price_out = genai_model_prices("gpt-4o")
    assert 0 < price_in < price_out
    assert book.cost("llm", "ask", 1_000_000, 0) == price_in * 1000 * 1_000_000
    with pytest.raises(LookupError):
        genai_model_prices("no-such-model-anywhere")


def test_a_server_that_invents_names_does_not_fill_the_memory() -> None:
    book = PriceBook(rules=[PriceRule("s/paid*", per_call=1)])
    for number in range(10_000):
        assert book.cost("s", f"paid{number}", 0, 0) == 1_000_000
    assert len(book._table.known) <= 4096
    assert book.cost("s", "paid0", 0, 0) == 1_000_000
