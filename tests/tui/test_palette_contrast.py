"""Nothing is told by hue alone, and everything can be read."""

from __future__ import annotations

import pytest
from textual.theme import Theme

from mcpwatch.store.levels import LEVELS
from mcpwatch.tui import palette
from mcpwatch.tui.levels import ASCII, MARKS

DRAWN = {"frame", "frame-focus", "track", "spark", "cursor", "cursor-blur"}  # no text in these


@pytest.mark.parametrize("theme", palette.THEMES, ids=lambda t: t.name)
def test_every_text_has_a_contrast_of_4_5(theme: Theme) -> None:
    for name in palette._STYLES:
        fore, back = palette.colours(theme, name)
        if name in DRAWN or fore is None:
            continue
        grounds = [back] if back else [theme.background, theme.surface, theme.panel]
        if not back:
            grounds += [theme.variables["mw-cursor"], theme.variables["mw-cursor-blur"]]
        for ground in grounds:
            assert palette.contrast(fore, str(ground)) >= 4.5, (name, fore, ground)


def test_levels_differ_in_mark_gutter_word_and_weight() -> None:
    for channel in (
        [MARKS[level].level.mark for level in LEVELS],
        [MARKS[level].level.ascii for level in LEVELS],
        [MARKS[level].gutter for level in LEVELS],
        [ASCII[MARKS[level].gutter] for level in LEVELS],
        [MARKS[level].word for level in LEVELS],
    ):
        assert len(set(channel)) == len(LEVELS)


def test_without_colour_no_style_has_any_and_what_matters_keeps_its_weight() -> None:
    styles = palette.styles(palette.THEMES[0], no_color=True)
    assert all(style.color is None and style.bgcolor is None for style in styles.values())
    assert styles["locked"].reverse
    assert styles["chip-danger"].reverse
    assert styles["cursor"].reverse
    assert styles["caution"].bold
    assert styles["unscanned"].italic
    assert not styles["danger"].reverse, "a reversed block would be a hole in a bar"


def test_an_unknown_style_is_an_error() -> None:
    with pytest.raises(KeyError):
        palette.styles(palette.THEMES[0], no_color=False)["no such style"]


def test_the_four_hues_of_the_colour_blind_theme_stay_apart() -> None:
    theme = palette.THEMES[2]
    hues = [str(theme.error), str(theme.warning), theme.variables["mw-unscanned"], str(theme.success)]
    for simulated in (_deuteranopia, _protanopia):
        seen = [simulated(hue) for hue in hues]
        for i, one in enumerate(seen):
            for other in seen[i + 1 :]:
                assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 40, simulated.__name__


def _rgb(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _mixed(colour: str, matrix: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, _rgb(colour), strict=True)) for row in matrix)


# Machado, Oliveira and Fernandes 2009, severity 1.
def _deuteranopia(colour: str) -> tuple[float, ...]:
    return _mixed(colour, ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)))


def _protanopia(colour: str) -> tuple[float, ...]:
    return _mixed(colour, ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)))
