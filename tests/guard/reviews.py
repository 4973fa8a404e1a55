"""A page of a list as the gate takes it: judged where it is new, then listed."""

from __future__ import annotations

from collections.abc import Sequence

from mcpwatch.guard.review import Judge, Review
from mcpwatch.store.records import Definition, Verdict


def list_of(
    review: Review,
    found: Sequence[Definition],
    judge: Judge,
    *,
    kind: str = "tool",
    version: str = "v1",
    first: bool = True,
    last: bool = True,
) -> tuple[set[int], list[Verdict]]:
    """Returns (positions to hide, verdicts made)."""
    todo = review.unjudged(kind, found, version, first=first)
    verdicts = [*(judge(text, "s", todo.own, todo.others) for text in todo.texts), *todo.beyond]
    return review.listing(kind, found, verdicts, first=first, last=last), verdicts
