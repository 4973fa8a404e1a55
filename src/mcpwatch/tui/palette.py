"""Themes, and the named styles everything is drawn in.

Colour law: chrome is neutral or blue; the four hues of the levels appear only where something is safe, unscanned,
to be looked at, or wrong. Every style also has a weight that survives NO_COLOR, so hue never carries meaning alone.
The tests hold every text colour to a contrast of 4.5 : 1 on its background.
"""

from __future__ import annotations

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

# name: (foreground token, background token, attributes). "ink" is black or white, whichever contrasts more.
_STYLES: dict[str, tuple[str, str, str]] = {
    "fg": ("foreground", "", ""),
    "dim": ("mw-dim", "", ""),
    "bold": ("foreground", "", "bold"),
    "title": ("foreground", "", "bold"),
    "title-focus": ("ink:accent", "accent", "bold reverse"),
    "frame": ("mw-frame", "", ""),
    "frame-focus": ("accent", "", ""),
    "head": ("mw-dim", "", "underline"),
    "accent": ("accent", "", "bold"),
    "key": ("accent", "", "bold"),
    "danger": ("error", "", "bold"),
    "caution": ("warning", "", "bold"),
    "unscanned": ("mw-unscanned", "", "italic"),
    "safe": ("success", "", ""),
    "chip-danger": ("ink:error", "error", "bold reverse"),
    "chip-caution": ("ink:warning", "warning", "bold reverse"),
    "chip-live": ("ink:success", "success", "bold reverse"),
    "locked": ("ink:error", "error", "bold reverse"),
    "evidence": ("ink:warning", "warning", "bold reverse"),
    "diff-old": ("error", "", ""),
    "diff-old-mark": ("error", "", "strike"),
    "diff-new": ("success", "", ""),
    "diff-new-mark": ("success", "", "bold underline"),
    "track": ("mw-frame", "", ""),
    "spark": ("mw-spark", "", ""),
    "cursor": ("", "mw-cursor", ""),
    "cursor-blur": ("", "mw-cursor-blur", ""),
}

_DARK = {
    "mw-dim": "#9aa4af",
    "mw-frame": "#3b4450",
    "mw-unscanned": "#5cc8da",
    "mw-spark": "#7f9cbd",
    "mw-cursor": "#233142",
    "mw-cursor-blur": "#1b222b",
}
_LIGHT = {
    "mw-dim": "#59616b",
    "mw-frame": "#b9c1ca",
    "mw-unscanned": "#0b6580",
    "mw-spark": "#4b6a8f",
    "mw-cursor": "#d4e4f7",
    "mw-cursor-blur": "#ebeef2",
}

THEMES: tuple[Theme, ...] = (
    Theme(
        name="mcpwatch-dark",
        primary="#6cb2ff",
        accent="#6cb2ff",
        foreground="#d8dee6",
        background="#0e1217",
        surface="#141a21",
        panel="#1a2129",
        error="#ff6b6b",
        warning="#f2b33d",
        success="#68cf7e",
        dark=True,
        variables=_DARK,
    ),
    Theme(
        name="mcpwatch-light",
        primary="#0b57b0",
        accent="#0b57b0",
        foreground="#1d232a",
        background="#fcfcfb",
        surface="#f3f4f5",
        panel="#e9ecef",
        error="#bd1f2a",
        warning="#845400",
        success="#17703a",
        dark=False,
        variables=_LIGHT,
    ),
    # Orange, yellow, white and blue stay apart for every common form of colour blindness.
    Theme(
        name="mcpwatch-cvd",
        primary="#d8dee6",
        accent="#d8dee6",
        foreground="#d8dee6",
        background="#0e1217",
        surface="#141a21",
        panel="#1a2129",
        error="#ff8a3d",
        warning="#f0e442",
        success="#5aa9f0",
        dark=True,
        variables={**_DARK, "mw-unscanned": "#ffffff"},
    ),
)
NAMES = tuple(theme.name.removeprefix("mcpwatch-") for theme in THEMES)


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio of two colours, 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [c / 255 for c in Color.parse(colour).rgb]
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _ink(background: str) -> str:
    """Black or white, whichever contrasts more: at least 4.6 : 1 on any colour."""
    return max("#000000", "#ffffff", key=lambda ink: contrast(ink, background))


def colours(theme: Theme, name: str) -> tuple[str | None, str | None]:
    """Foreground and background of a style in a theme, as hex."""
    tokens = {
        "foreground": theme.foreground,
        "accent": theme.accent,
        "error": theme.error,
        "warning": theme.warning,
        "success": theme.success,
        **theme.variables,
    }
    fore, back, _ = _STYLES[name]
    background = tokens[back] if back else None
    if fore.startswith("ink:"):
        return _ink(str(tokens[fore[4:]])), background
    return (tokens[fore] if fore else None), background


_REVERSE = Style(reverse=True)


class Styles(dict[str, Style]):
    """Styles by name; `name+under` is a style laid over another's background, `name+reverse` one reversed."""

    def __missing__(self, name: str) -> Style:
        over, plus, under = name.partition("+")
        if not plus:
            raise KeyError(name)
        self[name] = style = self[over] + _REVERSE if under == "reverse" else self[under] + self[over]
        return style


def styles(theme: Theme, *, no_color: bool) -> Styles:
    """Every named style in this theme. Without colour only the weights are left."""
    made = Styles()
    for name, (_, _, attributes) in _STYLES.items():
        weights = set(attributes.split())
        if no_color:
            if name == "cursor":
                weights.add("reverse")
            made[name] = Style.parse(" ".join(sorted(weights)))
            continue
        # A chip is drawn with its own background; reverse is its stand-in where there is none.
        weights.discard("reverse")
        fore, back = colours(theme, name)
        made[name] = Style(
            color=RichColor.parse(fore) if fore else None, bgcolor=RichColor.parse(back) if back else None
        ) + Style.parse(" ".join(sorted(weights)))
    return made
