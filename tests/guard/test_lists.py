"""Lists as the review takes them: long ones, doubled names, scores that move."""

from collections.abc import Sequence

from mcpwatch.guard.review import MOST_JUDGED, Review
from mcpwatch.store.levels import CAUTION, level_of
from mcpwatch.store.records import Definition, ServerDefinitions, Verdict


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


def test_a_name_that_stands_twice_reaches_the_rules_twice() -> None:
    seen: list[Sequence[str]] = []

    def judge(definition: Definition, server: str, own: Sequence[str], others: dict[str, tuple[str, ...]]) -> Verdict:
        seen.append(own)
        return Verdict(definition.fingerprint, server, "local", "v1", 0.0)

    twins = [Definition("tool", "pay", "f1", "{}"), Definition("tool", "pay", "f2", "{}")]
    Review("s").listing("tool", twins, judge, "v1", first=True, last=True)
    assert seen == [("pay", "pay"), ("pay", "pay")]


def test_a_score_lowered_in_the_file_is_followed_and_an_unsaved_one_is_not_lost() -> None:
    review = Review("s")
    text = Definition("tool", "pay", "f1", "{}")
    listed = (("tool", "pay", "f1"),)
    review.listing(
        "tool", [text], lambda d, *_: Verdict(d.fingerprint, "s", "local", "v2", 90.0), "v2", first=True, last=True
    )
    old = ServerDefinitions(listed=listed, scores={"f1": 10.0}, versions={"f1": "v1"})
    review.load(old, strict=False, version=1)
    assert review.refusal("tool", "pay") is not None, "the file is behind"
    for version, score in ((2, 95.0), (3, 20.0)):
        review.load(
            ServerDefinitions(listed=listed, scores={"f1": score}, versions={"f1": "v2"}),
            strict=False,
            version=version,
        )
        assert (review.refusal("tool", "pay") is None) == (score < 80)
