"""Limits as arithmetic and as words: when one is passed, how it is said, how a person types it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from mcpwatch.store.records import Dimension, Limit

MICRO = 1_000_000  # micro-dollars in a dollar
MAX_VALUE = 10**15  # far above any use, far below 2**63
MAX_WINDOW_S = 366 * 86_400
DEFAULTS = (
    Limit(Dimension.CALLS, 30, 60),
    Limit(Dimension.TOKENS, 100_000, 3600),
    Limit(Dimension.COST, 1 * MICRO, 3600),
)
_PERIODS = {1: "second", 60: "minute", 3600: "hour", 86_400: "day", 604_800: "week"}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def breach(limit: Limit, used_with_this_call: int) -> bool:
    """Whether a call would pass the limit: over it (equal passes), or any call at all under a limit of 0."""
    return limit.maximum == 0 or used_with_this_call > limit.maximum


def period(window_s: int) -> str:
    """`minute`, `hour`, `5 minutes` …"""
    if window_s in _PERIODS:
        return _PERIODS[window_s]
    seconds = max(known for known in _PERIODS if window_s % known == 0)
    return f"{window_s // seconds} {_PERIODS[seconds]}s"


def format_value(dimension: Dimension, value: int, *, exact: bool = False) -> str:
    """`30`, `100 000`, `$1.00`, `$0.0021`: as shown to a person. From a dollar up in cents, unless `exact`."""
    if dimension is not Dimension.COST:
        return f"{value:,}".replace(",", " ")
    dollars = Decimal(value) / MICRO
    cents = value % 10_000 == 0 or (abs(dollars) >= 1 and not exact)
    places = 2 if cents else 4 if value % 100 == 0 else 6
    return f"${dollars:,.{places}f}".replace(",", " ")


def describe(limit: Limit, used: int) -> str:
    """`31 calls in the last minute, limit 30`."""
    amount = format_value(limit.dimension, used, exact=True)  # "$1.00, limit $1.00" would be no reason
    unit = {Dimension.CALLS: " call", Dimension.TOKENS: " token"}.get(limit.dimension, "")
    unit += "s" if unit and used != 1 else ""
    scope = "" if limit.scope == "*/*" else f" to {limit.scope}"
    return (
        f"{amount}{unit}{scope} in the last {period(limit.window_s)},"
        f" limit {format_value(limit.dimension, limit.maximum, exact=True)}"
    )


def parse_limit_value(dimension: Dimension, text: str) -> int:
    """What a person typed, as a count or as micro-dollars. Raises ValueError naming the field.

    Calls and tokens are whole numbers; spaces and underscores may group them. Cost is in dollars, `$` optional.
    """
    cleaned = text.strip().replace(" ", "").replace("_", "").replace("\u202f", "")
    if dimension is Dimension.COST:
        try:
            dollars = Decimal(cleaned.removeprefix("$"))
        except InvalidOperation:
            raise ValueError(f"cost: a number of dollars is wanted, for example 1.00; not {text.strip()!r}") from None
        if not dollars.is_finite():
            raise ValueError("cost: a finite number of dollars is wanted")
        if dollars < 0:
            raise ValueError(f"cost: 0 or more is wanted, not {text.strip()[:40]}")
        if dollars > MAX_VALUE // MICRO:
            raise ValueError("cost: that is too large")
        if dollars < 0:
            raise ValueError(f"cost: 0 or more is wanted, not {text.strip()[:40]}")
        return check_value(dimension, math.ceil(dollars * MICRO))
    if not (cleaned.isascii() and cleaned.removeprefix("-").isdigit()):
        raise ValueError(f"{dimension}: a whole number is wanted, for example 30; not {text.strip()!r}")
    return check_value(dimension, int(cleaned[:20]))


def check_value(dimension: Dimension, value: object) -> int:
    """A limit's maximum: an integer, 0 or more. Raises ValueError naming the field (also for True and 30.0)."""
    if type(value) is not int:
        raise ValueError(f"{dimension}: an integer is wanted, not {value!r}")
    if value < 0:
        raise ValueError(f"{dimension}: 0 or more is wanted, not {value}")
    if value > MAX_VALUE:
        raise ValueError(f"{dimension}: that is too large")
    return value


def parse_window(text: str) -> int:
    """`60`, `60s`, `5m`, `1h`, `1d` as seconds. Raises ValueError."""
    cleaned = text.strip().lower()
    number, unit = (cleaned[:-1], cleaned[-1]) if cleaned[-1:] in _UNITS and cleaned else (cleaned, "s")
    if not (number.isascii() and number.isdigit()) or not 1 <= int(number[:12]) * _UNITS[unit] <= MAX_WINDOW_S:
        raise ValueError(f"window: a length like 60s, 5m, 1h or 1d is wanted; not {text.strip()!r}")
    return int(number) * _UNITS[unit]


def loosens(old: Limit | None, new: Limit | None) -> bool:
    """Whether replacing one by the other lets more through. A limit of 0 is the tightest there is."""
    if old is None:
        return False
    return new is None or new.maximum > old.maximum


def unreachable(limits: Iterable[Limit], price_per_1k: float) -> list[str]:
    """One sentence for each limit that can never be reached before another of the same scope and window.

    Only tokens against cost can be compared: at the default price, so many tokens cost so much (A2).
    """
    found = []
    limits = list(limits)
    for tokens in (x for x in limits if x.dimension is Dimension.TOKENS and x.maximum):
        for cost in (x for x in limits if x.dimension is Dimension.COST and x.maximum):
            if (tokens.scope, tokens.window_s) != (cost.scope, cost.window_s):
                continue
            price = round(tokens.maximum * price_per_1k / 1000 * MICRO)
            said = f"{format_value(Dimension.TOKENS, tokens.maximum)} tokens at ${price_per_1k:g} per 1 000 cost"
            said = f"{said} {format_value(Dimension.COST, price)}"
            if price < cost.maximum:
                limit = format_value(Dimension.COST, cost.maximum)
                found.append(f"{said}: the token limit is reached long before the cost limit of {limit}"
                             " unless calls have prices of their own")  # fmt: skip
            elif price > cost.maximum:
                limit = format_value(Dimension.COST, cost.maximum)
                found.append(f"{said}: the cost limit of {limit} is reached before the token limit")
    return found
