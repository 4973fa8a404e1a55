"""Unlocking, limits, arming, passwords: what each dialogue asks, refuses and says."""

from __future__ import annotations

import asyncio
import re

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from mcpwatch.store.records import Dimension, Limit
from mcpwatch.tui.app import McpWatchApp
from mcpwatch.tui.widgets.controls import Words
from tui.fakes import FakeSource, busy_source
from tui.screens_io import press, running, settle, text_of, until


def screen_name(app: McpWatchApp) -> str:
    return type(app.screen).__name__


def typed(app: McpWatchApp, text: str) -> None:
    """Puts text into the field that has the focus, as a paste would."""
    assert isinstance(app.focused, Input)
    app.focused.insert_text_at_cursor(text)


def box_text(app: McpWatchApp) -> str:
    """The words of the open dialogue, its lines joined."""
    return " ".join(" ".join(words.text() for words in app.screen.query("#box Words").results(Words)).split())


def locked_source() -> FakeSource:
    source = busy_source()
    source.lock_now()
    return source


# --- unlock ---


async def test_a16_unlock_shows_the_reason_what_tripped_it_and_the_choice() -> None:
    async with running(locked_source()) as (app, pilot):
        await press(pilot, "U")
        text = text_of(app)
        for part in ("Locked 14:13:09", "31 calls in the last minute", "4 calls refused", "github/search_code",
                     "(•) count only calls made from now on", "( ) keep the window"):  # fmt: skip
            assert part in text, part


async def test_a16_the_right_password_unlocks_and_starts_anew() -> None:
    source = locked_source()
    async with running(source) as (app, pilot):
        await press(pilot, "U")
        typed(app, "correct horse")
        await press(pilot, "enter")
        await until(pilot, lambda: not app.model.policy.lock.locked)
        await until(pilot, lambda: "UNLOCKED" in app.main.banner.text())
        assert screen_name(app) == "MainScreen"
    assert source.asked == [("unlock", False)]


async def test_a16_the_window_can_be_kept() -> None:
    source = locked_source()
    async with running(source) as (app, pilot):
        await press(pilot, "U", "tab", "down", "shift+tab")
        typed(app, "correct horse")
        await press(pilot, "enter")
        await until(pilot, lambda: source.asked)
    assert source.asked == [("unlock", True)]


async def test_a16_a20_a_wrong_password_is_said_counted_cleared_and_throttled() -> None:
    source = locked_source()
    source.failures = 2
    async with running(source) as (app, pilot):
        await press(pilot, "U")
        typed(app, "Tr0ub4dor&3")
        await press(pilot, "enter")
        await until(pilot, lambda: "wrong password" in text_of(app))
        text = text_of(app)
        assert "3 failed attempts" in text
        assert "next try in" in text
        assert app.focused.value == ""  # type: ignore[union-attr]
        assert "Tr0ub4dor" not in text
        typed(app, "correct horse")
        await press(pilot, "enter")
        assert source.asked == [("unlock", False)], "no try before the wait is over"
        assert app.model.policy.lock.locked


async def test_a20_the_countdown_moves() -> None:
    source = locked_source()
    source.failures, source.wait = 5, 50.0
    async with running(source) as (app, pilot):

        def left() -> int:
            said = re.search(r"next try in (\d+)s", text_of(app))
            return int(said[1]) if said else 0

        await press(pilot, "U")
        await until(pilot, left)
        first = left()
        await until(pilot, lambda: 0 < left() < first)


async def test_a20_the_screen_lives_while_a_password_is_checked() -> None:
    source = locked_source()
    source.hold = asyncio.Event()
    async with running(source) as (app, pilot):
        await press(pilot, "U")
        typed(app, "correct horse")
        await press(pilot, "enter")
        await until(pilot, lambda: "checking…" in text_of(app))
        before = app.ticks
        await until(pilot, lambda: app.ticks > before + 1)
        await press(pilot, "enter", "enter")
        source.hold.set()
        await until(pilot, lambda: not app.model.policy.lock.locked)
    assert source.asked == [("unlock", False)], "one attempt, however often enter was pressed"


async def test_a20_enter_while_a_password_is_checked_is_not_lost() -> None:
    """A person who notices the mistake types on at once: the second try follows when the first has failed."""
    source = locked_source()
    source.hold = asyncio.Event()
    async with running(source) as (app, pilot):
        await press(pilot, "U")
        typed(app, "wrong")
        await press(pilot, "enter")
        await until(pilot, lambda: "checking…" in text_of(app))
        typed(app, "correct horse")
        await press(pilot, "enter")
        assert app.focused.value == "" and source.failures == 0
        typed(app, "a third")
        await press(pilot, "enter")  # one waits already: this text stays
        assert app.focused.value == "a third"
        source.hold.set()
        await until(pilot, lambda: not app.model.policy.lock.locked)
        await until(pilot, lambda: screen_name(app) == "MainScreen")
    assert source.asked == [("unlock", False), ("unlock", False)] and source.failures == 1


async def test_a20_what_waits_for_a_check_is_not_tried_once_that_was_right_or_has_to_wait() -> None:
    for failures, first, tries in ((0, "correct horse", 1), (4, "wrong", 1)):
        source = locked_source()
        source.hold = asyncio.Event()
        source.failures = failures
        async with running(source) as (app, pilot):
            await press(pilot, "U")
            typed(app, first)
            await press(pilot, "enter")
            await until(pilot, lambda: "checking…" in text_of(app))
            typed(app, "correct horse")
            await press(pilot, "enter")
            source.hold.set()
            await until(pilot, lambda: "checking…" not in text_of(app))
            await settle(pilot)
            assert source.now_policy.lock.locked == (first == "wrong")
        assert len(source.asked) == tries


async def test_a17_without_a_password_a_person_types_the_word() -> None:
    source = locked_source()
    source.password = None
    async with running(source) as (app, pilot):
        await press(pilot, "U")
        assert "No password is set" in text_of(app)
        typed(app, "unlock")
        await press(pilot, "enter")
        await until(pilot, lambda: "type the word UNLOCK" in text_of(app))
        assert "wrong password" not in text_of(app)
        typed(app, "UNLOCK")
        await press(pilot, "enter")
        await until(pilot, lambda: not app.model.policy.lock.locked)


async def test_enter_on_an_empty_password_does_nothing() -> None:
    source = locked_source()
    async with running(source) as (app, pilot):
        await press(pilot, "U", "enter", "enter")
        assert source.asked == []
        assert screen_name(app) == "UnlockScreen"


async def test_the_dialogue_closes_when_someone_else_unlocks() -> None:
    source = locked_source()
    async with running(source) as (app, pilot):
        await press(pilot, "U")
        source.set_policy(lock=type(source.now_policy.lock)())
        await until(pilot, lambda: screen_name(app) == "MainScreen")


async def test_unlock_while_nothing_is_locked_says_so() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "U")
        assert screen_name(app) == "MainScreen"
        await until(pilot, lambda: "Nothing is locked" in text_of(app))


async def test_a_password_field_cannot_be_copied_from() -> None:
    async with running(locked_source()) as (app, pilot):
        await press(pilot, "U")
        typed(app, "correct horse")
        app.clipboard_before = app.clipboard  # type: ignore[attr-defined]
        app.focused.action_select_all()  # type: ignore[union-attr]
        await press(pilot, "ctrl+c", "ctrl+x")
        assert "horse" not in app.clipboard
        assert "correct horse" not in text_of(app)
        assert app.focused.value == "correct horse"  # type: ignore[union-attr]


# --- limits ---


async def set_first(pilot: Pilot[int], app: McpWatchApp, text: str, *, field: int = 0) -> None:
    fields = list(app.screen.query("Field").results(Input))
    fields[field].value = text
    await settle(pilot)


async def test_a19_lowering_asks_for_nothing() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "t")
        await set_first(pilot, app, "25")
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: source.now_policy.limits[0].maximum == 25)
        await until(pilot, lambda: screen_name(app) == "MainScreen")
    assert source.asked == [("limits", Limit(Dimension.CALLS, 25, 60))], "only what changed is sent"


async def test_a19_raising_asks_for_the_password() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "t")
        await set_first(pilot, app, "60")
        assert "Raises a limit: the password is asked." in text_of(app)
        await press(pilot, "ctrl+s")
        assert source.asked == []
        assert app.focused.id == "secret"  # type: ignore[union-attr]
        typed(app, "wrong one")
        await press(pilot, "enter")
        await until(pilot, lambda: "wrong password" in text_of(app))
        assert source.now_policy.limits[0].maximum == 30
        typed(app, "correct horse")
        await press(pilot, "enter")
        await until(pilot, lambda: source.now_policy.limits[0].maximum == 60)


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        (0, "False", "calls: a whole number is wanted"),
        (0, "-1", "calls: 0 or more is wanted"),
        (0, "3.5", "calls: a whole number is wanted"),
        (0, "", "calls: a whole number is wanted"),
        (2, "NaN", "cost: a finite number of dollars is wanted"),
        (2, "ten", "cost: a number of dollars is wanted"),
    ],
)
async def test_a3_what_is_typed_is_checked_with_the_fields_name(field: int, text: str, said: str) -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "t")
        await set_first(pilot, app, text, field=field)
        assert said in text_of(app)
        await press(pilot, "ctrl+s")
        assert source.asked == []
        assert screen_name(app) == "LimitsScreen"


async def test_saving_that_would_lock_is_said_before() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "t")
        await set_first(pilot, app, "0.25", field=2)
        text = box_text(app)
        assert "cost $0.25 is below the $0.42 already used: the next protected call locks at once." in text
        assert "168% !!" in text


async def test_a2_a_limit_that_is_never_reached_is_pointed_out() -> None:
    async with running(busy_source()) as (app, pilot):
        await press(pilot, "t")
        text = box_text(app)
        assert "100 000 tokens at $0.003 per 1 000 cost $0.30" in text
        await set_first(pilot, app, "0.30", field=2)
        assert "100 000 tokens at" not in box_text(app)


async def test_defaults_and_closing_without_a_change() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "t")
        await set_first(pilot, app, "7")
        await press(pilot, "ctrl+r", "ctrl+s")
        assert source.asked == []
        assert screen_name(app) == "MainScreen"
        await press(pilot, "t")
        await set_first(pilot, app, "7")
        await press(pilot, "escape")
    assert source.asked == []


async def test_a_limit_that_is_not_set_can_be_added() -> None:
    source = busy_source()
    source.set_policy(limits=(Limit(Dimension.CALLS, 30, 60),))
    async with running(source) as (app, pilot):
        await press(pilot, "t")
        await set_first(pilot, app, "5000", field=1)
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: source.asked)
    assert source.asked == [("limits", Limit(Dimension.TOKENS, 5000, 3600))]


async def test_limits_fit_the_smallest_screen() -> None:
    async with running(busy_source(), size=(60, 16)) as (app, pilot):
        await press(pilot, "t")
        assert "calls per minute" in text_of(app)
        await set_first(pilot, app, "20")
        await press(pilot, "ctrl+s")
        assert screen_name(app) == "MainScreen"


# --- arm, observe, password ---


async def test_a1_arming_with_a_password_is_one_key() -> None:
    source = busy_source()
    source.set_policy(armed=False)
    async with running(source) as (app, pilot):
        await press(pilot, "A")
        await until(pilot, lambda: app.model.policy.armed)
        await until(pilot, lambda: "ARMED" in app.main.banner.text())


async def test_a17_arming_without_a_password_asks_to_set_one() -> None:
    source = FakeSource()
    async with running(source) as (app, pilot):
        await press(pilot, "A")
        assert "Arming needs a password" in text_of(app)
        typed(app, "correct horse")
        await press(pilot, "enter")
        typed(app, "correct horse")
        await press(pilot, "enter")
        await until(pilot, lambda: source.now_policy.armed)
    assert source.asked == [("password",), ("arm",)]


async def test_cancelling_the_password_leaves_it_unarmed() -> None:
    source = FakeSource()
    async with running(source) as (_, pilot):
        await press(pilot, "A", "escape")
    assert source.asked == []


async def test_a19_observing_asks_for_the_password() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "A")
        assert screen_name(app) == "ObserveScreen"
        typed(app, "nope")
        await press(pilot, "enter")
        await until(pilot, lambda: "wrong password" in text_of(app))
        assert source.now_policy.armed
        typed(app, "correct horse")
        await press(pilot, "enter")
        await until(pilot, lambda: not source.now_policy.armed)


async def test_observing_without_a_password_wants_a_typed_word() -> None:
    source = busy_source()
    source.password = None
    async with running(source) as (app, pilot):
        await press(pilot, "A")
        typed(app, "yes")
        await press(pilot, "enter")
        assert source.asked == []
        typed(app, "OBSERVE")
        await press(pilot, "enter")
        await until(pilot, lambda: not source.now_policy.armed)


async def test_a18_password_rules_show_while_typing() -> None:
    source = FakeSource()
    async with running(source) as (app, pilot):
        await press(pilot, "P")
        assert "Set a password" in text_of(app)
        typed(app, "short")
        await settle(pilot)
        assert "at least 8 characters; 5 so far" in text_of(app)
        typed(app, " but long")
        await press(pilot, "tab")
        typed(app, "something else")
        await settle(pilot)
        assert "the two differ" in text_of(app)


async def test_a18_changing_asks_for_the_current_one() -> None:
    source = busy_source()
    async with running(source) as (app, pilot):
        await press(pilot, "P")
        assert "Current password" in text_of(app)
        for text in ("not it", "a new secret", "a new secret"):
            typed(app, text)
            await press(pilot, "enter")
        await until(pilot, lambda: "wrong password" in text_of(app))
        assert source.password == "correct horse"
        assert all(field.value == "" for field in app.screen.query("Field").results(Input))
        for text in ("correct horse", "a new secret 🔑 ", "a new secret 🔑 "):
            typed(app, text)
            await press(pilot, "enter")
        await until(pilot, lambda: source.password == "a new secret 🔑 ")
