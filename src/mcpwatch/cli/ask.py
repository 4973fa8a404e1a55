"""Questions to the person at the terminal. Secrets come from there and from nowhere else.

The terminal is the one the process belongs to (/dev/tty), whatever stdin and stdout are connected to: no pipe,
argument or environment variable can answer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mcpwatch.cli import exits

_NO_TERMINAL = "this asks a person, so it needs a terminal: run it in one, by hand"
_ERASE, _KILL, _END = b"\x08\x7f", b"\x15", b"\x04"


def possible() -> bool:
    """Whether there is a terminal to ask at."""
    if os.name == "nt":
        return sys.stdin.isatty()
    try:
        with _terminal():
            return True
    except exits.Failure:
        return False


def secret(prompt: str) -> str:
    """What is typed, unseen, up to Enter. Raises Failure when there is no terminal."""
    if os.name == "nt":
        import getpass

        if not sys.stdin.isatty():
            raise exits.Failure(_NO_TERMINAL, exits.DENIED)
        return _plain(getpass.getpass(prompt))
    with _terminal() as descriptor, _unseen(descriptor):
        os.write(descriptor, prompt.encode())
        try:
            typed = _read_line(descriptor)
        finally:
            os.write(descriptor, b"\n")
    return _plain(typed.decode("utf-8", "surrogateescape"))


def word(prompt: str) -> str:
    """What is typed, seen, up to Enter. Raises Failure when there is no terminal."""
    if os.name == "nt":
        if not sys.stdin.isatty():
            raise exits.Failure(_NO_TERMINAL, exits.DENIED)
        return input(prompt)
    with _terminal() as descriptor:
        import termios

        termios.tcflush(descriptor, termios.TCIFLUSH)  # only what is typed after the question answers it
        os.write(descriptor, prompt.encode())
        return os.read(descriptor, 1024).decode("utf-8", "replace").strip()


def agreed(prompt: str) -> bool:
    """Whether a question that ends with "[y/N] " is answered with yes. Raises Failure when there is no terminal."""
    return word(prompt).casefold() in ("y", "yes")


@contextmanager
def _terminal() -> Iterator[int]:
    try:
        descriptor = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        if not os.isatty(0):
            raise exits.Failure(_NO_TERMINAL, exits.DENIED) from None
        descriptor = os.dup(0)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _unseen(descriptor: int) -> Iterator[None]:
    """No echo, and character by character: the terminal's own line editing ends a line after 4 095 bytes."""
    import termios

    old = termios.tcgetattr(descriptor)
    new = termios.tcgetattr(descriptor)
    new[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    new[6][termios.VMIN], new[6][termios.VTIME] = 1, 0
    termios.tcsetattr(descriptor, termios.TCSAFLUSH, new)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, old)


def _read_line(descriptor: int) -> bytes:
    typed = b""
    while True:
        key = os.read(descriptor, 1)
        if key in (b"\n", b"\r"):
            return typed
        if key == b"" or (key == _END and not typed):
            raise KeyboardInterrupt
        if key in _ERASE:
            typed = typed.decode("utf-8", "surrogateescape")[:-1].encode("utf-8", "surrogateescape")
        elif key == _KILL:
            typed = b""
        else:
            typed += key


def _plain(typed: str) -> str:
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in typed):
        raise exits.Failure("a key that types no character was pressed (an arrow, Esc …): try again", exits.DENIED)
    return typed
