"""A server cannot run up a bill with the length of its list."""

from collections.abc import Sequence

from mcpwatch.guard.review import MOST_JUDGED, Review
from mcpwatch.store.levels import CAUTION, level_of
from mcpwatch.store.records import Definition, Verdict


def test_b17_beyond_the_cap_a_definition_is_a_finding_and_not_read() -> None:
    judged: list[str] = []

    def judge(definition: Definition, server: str, own: Sequence[str], others: dict[str, tuple[str, ...]]) -> Verdict:
        assert len(own) <= MOST_JUDGED
        judged.append(definition.name)
        return Verdict(definition.fingerprint, server, "local", "v1", 0.0)

    review = Review("s")
    found = [Definition("tool", f"t{i}", f"f{i}", "{}") for i in range(MOST_JUDGED + 500)]
    pages = found[:700], found[700:]
    verdicts = []
    for n, page in enumerate(pages):
        hidden, made = review.listing("tool", page, judge, "v1", first=n == 0, last=n == 1)
        assert not hidden
        verdicts += made
    assert len(judged) == MOST_JUDGED
    assert len(verdicts) == len(found)
    assert all(level_of(v.score) is CAUTION and "list_too_long" in v.findings for v in verdicts[MOST_JUDGED:])


def test_the_later_of_two_values_for_one_limit_counts(tmp_path) -> None:
    from mcpwatch.guard import lock
    from mcpwatch.store.ledger import Ledger
    from mcpwatch.store.records import Dimension, Limit

    ledger = Ledger.open(tmp_path / "state.db")
    lock.set_limits(ledger, [Limit(Dimension.CALLS, 10**6, 60), Limit(Dimension.CALLS, 30, 60)], None, by="test")
    assert [x.maximum for x in ledger.policy().limits if x.dimension is Dimension.CALLS] == [30]
    ledger.close()
