"""The first look at a body must never let pass what a later pattern would have masked."""

from mcpwatch.store import mask


def test_every_word_of_every_group_is_seen_by_the_first_look() -> None:
    for words, _ in mask._GROUPS:
        for word in words:
            assert mask._suspect(f"… {word} …"), word


def test_an_ordinary_body_is_not_suspect() -> None:
    assert not mask._suspect('{"name":"search_code","arguments":{"q":"repo:acme/api lock"}}')
