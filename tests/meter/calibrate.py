"""How good the token heuristic is on a folder of texts, and how its table was made.

    python tests/meter/calibrate.py SAMPLES          errors of `estimate` against cl100k_base, by kind
    python tests/meter/calibrate.py SAMPLES --fit    print the two tables of mcpwatch/meter/weights.py, refitted

SAMPLES holds `train/<kind>/*.txt` and `held/<kind>/*.txt`; fitting reads only `train`, each kind weighing the same.
Needs numpy (for --fit), and tiktoken's cl100k_base vocabulary in its cache (`mcpwatch doctor --fetch-tokenizer`).
"""

import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from mcpwatch.meter import tokenizer, tokens, weights

Sample = tuple[str, bytes, int]  # kind, text, tokens

# Of little interest to most users, or easy: these pull less on the fit than the others.
PULL = {
    **dict.fromkeys(("ar", "hi", "he", "el", "emoji", "base32"), 0.3),
    **dict.fromkeys(("HEX", "hexdump", "uuids", "ids", "base64text", "table", "mdtable", "numbers"), 0.6),
    **dict.fromkeys(("box", "vi", "th"), 0.15),
}


def texts(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*/*.txt")):
        with open(path, encoding="utf-8", newline="") as file:
            yield path.parent.name, file.read()


def pieces(folder: Path, count: Callable[[str], int]) -> list[Sample]:
    """Random pieces of 60 to 4000 characters, more of them from longer texts."""
    draw = random.Random(0)
    found: list[Sample] = []
    for kind, text in texts(folder):
        for _ in range(max(1, min(14, len(text) // 700))):
            length = min(draw.choice((60, 120, 400, 1500, 4000)), len(text))
            start = draw.randrange(len(text) - length + 1)
            piece = text[start : start + length]
            found.append((kind, piece.encode(), count(piece)))
    return found


def report(folder: Path, count: Callable[[str], int]) -> None:
    """Per kind: all texts together, then how many single texts are within 15 %, and the worst of them."""
    rows: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for kind, text in texts(folder):
        rows[kind].append((tokens.estimate(text.encode()), count(text)))
    print(f"{'kind':14}{'texts':>6}{'tokens':>9}{'error':>8}{'within 15 %':>13}{'worst':>8}")
    for kind, pairs in sorted(rows.items()):
        exact = sum(right for _, right in pairs)
        errors = [guess / right - 1 for guess, right in pairs]
        near = sum(abs(error) <= 0.15 for error in errors) / len(errors)
        error = sum(guess for guess, _ in pairs) / exact - 1
        print(f"{kind:14}{len(pairs):6}{exact:9}{error:+8.1%}{near:13.0%}{max(errors, key=abs):+8.1%}")


def fit(samples: list[Sample]) -> tuple[list[int], list[int]]:
    """The two weight tables, in 1/UNIT token: least squares of the relative error, within 0 … UNIT - 1."""
    import numpy as np

    kinds: dict[tuple[str, bool], int] = defaultdict(int)
    for kind, text, _ in samples:
        kinds[kind, text.isascii()] += 1

    def pairs(text: bytes, table: bytes, edges: bool) -> "np.ndarray":
        classes = np.frombuffer(text.translate(table), np.uint8).astype(int)
        padded = np.concatenate([[0], classes, [0]])
        counts = np.bincount(padded[:-1] * 16 + padded[1:], minlength=256).astype(float)
        if not edges:
            counts[:16] = counts[::16] = 0
        counts[0] = 0
        return counts

    def solve(
        ascii_only: bool, columns: Callable[[bytes], "np.ndarray"], known: "np.ndarray", prior: float
    ) -> "np.ndarray":
        rows = [sample for sample in samples if sample[1].isascii() is ascii_only and len(sample[1]) >= 50]
        scale = np.array(
            [(PULL.get(kind, 1) / kinds[kind, ascii_only]) ** 0.5 / max(right, 20) for kind, _, right in rows]
        )
        matrix = np.array([columns(text) for _, text, _ in rows]) * scale[:, None]
        goal = (np.array([right for _, _, right in rows]) - 1) * scale
        square, product = matrix.T @ matrix, matrix.T @ goal
        # A little pull towards `prior` for pairs that hardly occur.
        ridge = 3e-4 * (np.diag(square) + 1e-4 * np.trace(square) / len(square))
        square, product = square + np.diag(ridge), product + ridge * prior
        values = np.where(np.isnan(known), prior, known)
        unit = 1.0
        for step in range(600):
            unit = (
                weights.UNIT if step >= 500 else None
            )  # at the end, only whole units, one weight adjusting to the next
            for column in np.flatnonzero(np.isnan(known)):
                best = values[column] + (product[column] - square[column] @ values) / square[column, column]
                best = min(max(best, 0), (weights.UNIT - 1) / weights.UNIT)
                values[column] = round(best * unit) / unit if unit else best
        return values

    nothing = np.full(256, np.nan)
    ascii_weights = solve(True, lambda text: pairs(text, weights.ASCII_CLASS, edges=False), nothing, 0.3)
    inner = np.arange(256)
    known = np.where((inner >= 16) & (inner % 16 > 0), ascii_weights, np.nan)
    both = solve(
        False,
        lambda text: np.concatenate([pairs(text, weights.ASCII_CLASS, True), pairs(text, weights.WIDE_CLASS, True)]),
        np.concatenate([known, nothing]),
        0.15,
    )
    units = [int(value) for value in (both * weights.UNIT).round()]
    units[0] = units[256] = 0
    return units[:256], units[256:]


def main(folder: Path, fitting: bool) -> None:
    exact = tokenizer.load("cl100k_base")
    if exact is None:
        sys.exit("tiktoken's cl100k_base vocabulary is not in its cache directory")
    if not fitting:
        for part in ("train", "held"):
            print(f"-- {part}")
            report(folder / part, exact.count)
        return
    for table in fit(pieces(folder / "train", exact.count)):
        print(
            "\n".join(" ".join(f"{weight:2}" for weight in table[row : row + 16]) for row in range(0, 256, 16)), "\n"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--fit" in sys.argv)
