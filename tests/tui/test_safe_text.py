"""Text that acts on a terminal becomes text that shows."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpwatch.tui.safe_text import is_plain, safe_text

HOSTILE = {
    "osc 52": "\x1b]52;c;UFdORUQ=\x07",
    "clear": "\x1b[2J",
    "c1 csi": "\x9b2J",
    "title": "\x1b]0;PWN\x1b\\",
    "bidi": "abc\u202egnp.exe",
    "isolate": "\u2066x\u2069",
    "zero width": "pass\u200bword",
    "tags": "ok\U000e0041\U000e0042",
    "bom": "\ufeffx",
    "surrogate": "a\ud800b",
    "hangul filler": "a\u3164b",
    "soft hyphen": "a\u00adb",
    "variation": "a\ufe0fb",
    "line separator": "a\u2028b",
    "null": "a\x00b",
    "delete": "a\x7fb",
    "private": "a\ue000b",
}


def harmless(text: str) -> bool:
    return all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for c in text)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_b16_what_acts_or_hides_is_spelled_out(text: str) -> None:
    shown = safe_text(text, lines="show")
    assert harmless(shown)
    assert shown != text
    assert not is_plain(text)
    assert safe_text(text, lines="show", ascii=True).isascii()


def test_hidden_characters_stay_visible_as_evidence() -> None:
    assert safe_text("get\u202etxt") == "get\\u{202e}txt"
    assert safe_text("\x1b[2J") == "␛[2J"
    assert safe_text("\x1b[2J", ascii=True) == "\\x1b[2J"


@pytest.mark.parametrize(
    "text", ["read_file", "Bücher lesen", "名前を読む", "مرحبا", "naïve café", "emoji 🔧 ok", "[/]"]
)
def test_ordinary_text_of_any_script_is_left_alone(text: str) -> None:
    assert safe_text(text) == text
    assert is_plain(text)


def test_newlines_fold_show_or_stay() -> None:
    text = "a\r\n\tb\nc"
    assert safe_text(text) == "a b c"
    assert "␊" in safe_text(text, lines="show")
    assert safe_text(text, lines="keep").split("\n") == ["a", "    b", "c"]


def test_length_is_bounded_and_says_so() -> None:
    assert safe_text("x" * 5000, limit=10) == "x" * 10 + "…"
    assert safe_text("x" * 10, limit=10) == "x" * 10


def test_a_tower_of_combining_marks_is_cut_down() -> None:
    shown = safe_text("e" + "\u0301" * 50)
    assert shown.startswith("e\u0301\u0301\u0301\\u{301}")
    assert not is_plain("e" + "\u0301" * 50)


@given(st.text(alphabet=st.characters(), max_size=200), st.booleans())
def test_no_text_gets_through(text: str, ascii: bool) -> None:
    for lines in ("space", "show", "keep"):
        shown = safe_text(text, lines=lines, ascii=ascii)
        assert harmless(shown.replace("\n", "") if lines == "keep" else shown)
        assert shown.isascii() or not ascii
        shown.encode("utf-8")


@given(st.text(max_size=100))
def test_what_is_plain_shows_as_it_is(text: str) -> None:
    if is_plain(text):
        assert re.sub("[\u00a0\u202f]", " ", text) == safe_text(text, lines="show")


def test_the_command_line_can_use_it_without_textual() -> None:
    code = "import sys, mcpwatch.tui.safe_text; sys.exit(bool({'textual', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
