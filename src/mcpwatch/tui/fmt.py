"""Numbers, money, times and windows as a person reads them. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo

from mcpwatch.store.records import Dimension

NONE = "–"


def count(n: int) -> str:
    """1 234 567 as `1.2M`, 81 400 as `81.4k`, 999 as `999`."""
    if n < 1000:
        return str(n)
    for size, unit in ((1_000, "k"), (1_000_000, "M"), (1_000_000_000, "G")):
        # 999 950 rounds to "1000.0k", so it belongs to the next unit.
        if n < size * 999.95:
            return f"{n / size:.1f}{unit}"
    return f"{n / 1e12:.1f}T"


def count_short(n: int) -> str:
    """Like `count`, without a decimal that says nothing: `100k`, `81.4k`."""
    return count(n).replace(".0", "", 1)


def exact(n: int) -> str:
    """100000 as `100 000`."""
    return f"{n:,}".replace(",", " ")


def money(micro: int) -> str:
    """Micro-dollars: `$1.00`, `$0.42`, and four places below a cent."""
    dollars = micro / 1_000_000
    if micro and abs(dollars) < 0.01:
        return f"${dollars:.4f}"
    return f"${dollars:.2f}" if dollars < 10_000 else f"${count(int(dollars))}"


def amount(dimension: Dimension, n: int) -> str:
    return money(n) if dimension == Dimension.COST else count_short(n)


def duration(ns: int | None) -> str:
    """At most five cells: `9µs` is `0ms`, `312ms`, `1.9s`, `42s`, `2m05`, `3h`."""
    if ns is None:
        return NONE
    ms = ns / 1e6
    if ms < 999.5:
        return f"{ms:.0f}ms"
    s = ns / 1e9
    if s < 9.95:
        return f"{s:.1f}s"
    if s < 59.5:
        return f"{s:.0f}s"
    if s < 3600:
        return f"{int(s // 60)}m{int(s % 60):02d}"
    return f"{s / 3600:.0f}h"


def age(seconds: float) -> str:
    """At most four cells: `0s`, `14s`, `31m`, `2h`, `9d`."""
    s = max(0, int(seconds))
    if s < 60:
        return f"{s}s"
    if s < 3600:
        return f"{s // 60}m"
    if s < 86400:
        return f"{s // 3600}h"
    return f"{min(s // 86400, 999)}d"


def window(seconds: int) -> str:
    named = {1: "/s", 60: "/min", 3600: "/h", 86400: "/day", 604800: "/week"}.get(seconds)
    if named:
        return named
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"/{seconds // size}{unit}"
    return f"/{seconds}s"


def window_words(seconds: int) -> str:
    named = {1: "second", 60: "minute", 3600: "hour", 86400: "day", 604800: "week"}.get(seconds)
    return named or window(seconds)[1:]


def size(n: int) -> str:
    if n < 1024:
        return f"{n} B"
    for power, unit in ((1, "KiB"), (2, "MiB"), (3, "GiB")):
        if n < 1024 ** (power + 1):
            return f"{n / 1024**power:.1f} {unit}"
    return f"{n / 1024**4:.1f} TiB"


def clock(utc_ns: int, zone: tzinfo | None, *, ms: bool = False) -> str:
    """Local time of day."""
    moment = datetime.fromtimestamp(utc_ns // 1_000_000_000, zone)
    text = f"{moment:%H:%M:%S}"
    return f"{text}.{utc_ns // 1_000_000 % 1000:03d}" if ms else text


def moment(utc_ns: int, zone: tzinfo | None, now_ns: int) -> str:
    """Time of day, with the date when it is not today's."""
    at = datetime.fromtimestamp(utc_ns // 1_000_000_000, zone)
    today = datetime.fromtimestamp(now_ns // 1_000_000_000, zone).date()
    return f"{at:%H:%M:%S}" if at.date() == today else f"{at:%Y-%m-%d %H:%M:%S}"


def plural(n: int, one: str, many: str = "") -> str:
    return f"{exact(n)} {one if n == 1 else many or one + 's'}"
