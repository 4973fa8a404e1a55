from __future__ import annotations

import pytest

from mcpwatch.cli import exits


@pytest.mark.parametrize("options", [(), ("--ascii", "--no-mouse"), ("--theme", "light")], ids=str)
def test_the_screen_opens_and_is_left_with_q(machine, options):
    terminal = machine.terminal(*options)
    terminal.expect("PANIC")
    terminal.type("q")
    assert terminal.ends() == 0


def test_an_unknown_theme_is_refused_by_name(machine):
    terminal = machine.terminal("--theme", "plaid")
    assert terminal.ends() == exits.USAGE
    assert "plaid" in terminal.text and "light" in terminal.text


@pytest.mark.parametrize("arguments", [(), ("demo",)], ids=str)
def test_without_a_terminal_it_says_what_to_do(machine, arguments):
    machine(*arguments).failed(exits.FAILED, "terminal", "mcpwatch status" if not arguments else "--headless")


@pytest.mark.parametrize("arguments", [(), ("demo",)], ids=str)
def test_with_standard_error_in_a_file_it_says_so_and_draws_nothing(machine, tmp_path, arguments):
    errors = tmp_path / "errors"
    terminal = machine.terminal(*arguments, stderr=errors)
    assert terminal.ends() == exits.FAILED
    assert "standard error" in errors.read_text() and "\x1b" not in errors.read_text()


def test_a_broken_configuration_is_shown(machine):
    machine.config.write_text("retention_days = true\n")
    terminal = machine.terminal()
    terminal.expect("configuration not used")
    terminal.type("q")
    assert terminal.ends() == 0
