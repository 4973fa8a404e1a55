"""How good the token heuristic is on a folder of texts, and how its table was made.

    python tests/meter/calibrate.py SAMPLES          errors of `estimate` against cl100k_base, by kind
    python tests/meter/calibrate.py SAMPLES --fit    print the two tables of mcpwatch/meter/weights.py, refitted

SAMPLES holds `train/<kind>/*.txt` and `held/<kind>/*.txt`; fitting reads only `train`, each kind weighing the same.
Needs numpy, and tiktoken's cl100k_base vocabulary in its cache (`mcpwatch doctor --fetch-tokenizer`).
"""

import random
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

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


def pair_counts(text: bytes, classes: bytes, *, edges: bool) -> np.ndarray:
    """How often each pair of classes occurs, with or without those of class 0: see mcpwatch/meter/weights.py."""
    padded = np.array([0, *text.translate(classes), 0])
    counts = np.bincount(padded[:-1] * 16 + padded[1:], minlength=256).astype(float)
    if not edges:
        counts[:16] = counts[::16] = 0
    counts[0] = 0
    return counts


def solve(
    samples: list[Sample], columns: Callable[[bytes], np.ndarray], known: np.ndarray, prior: float
) -> np.ndarray:
    """The weights that are NaN in `known`: least squares of the relative error within 0 … UNIT - 1, in tokens.

    Coordinate descent; in the last rounds on whole units, so that weights make up for each other's rounding.
    """
    sizes = Counter(kind for kind, _, _ in samples)
    scale = np.array([(PULL.get(kind, 1) / sizes[kind]) ** 0.5 / max(exact, 20) for kind, _, exact in samples])
    matrix = np.array([columns(text) for _, text, _ in samples]) * scale[:, None]
    goal = (np.array([exact for _, _, exact in samples]) - 1) * scale
    square, product = matrix.T @ matrix, matrix.T @ goal
    ridge = 3e-4 * (np.diag(square) + 1e-4 * np.trace(square) / len(square))  # for pairs that hardly occur
    square, product = square + np.diag(ridge), product + ridge * prior
    values = np.where(np.isnan(known), prior, known)
    for step in range(600):
        for column in np.flatnonzero(np.isnan(known)):
            best = values[column] + (product[column] - square[column] @ values) / square[column, column]
            best = min(max(best, 0), (weights.UNIT - 1) / weights.UNIT)
            values[column] = round(best * weights.UNIT) / weights.UNIT if step >= 500 else best
    return values


def fit(samples: list[Sample]) -> tuple[list[int], list[int]]:
    """The two weight tables: pairs of ASCII bytes from texts that have no others, then all the rest."""
    samples = [sample for sample in samples if len(sample[1]) >= 50]
    plain = [sample for sample in samples if sample[1].isascii()]
    mixed = [sample for sample in samples if not sample[1].isascii()]
    nothing, index = np.full(256, np.nan), np.arange(256)
    inner = solve(plain, lambda text: pair_counts(text, weights.ASCII_CLASS, edges=False), nothing, prior=0.3)
    known = np.concatenate([np.where((index >= 16) & (index % 16 > 0), inner, np.nan), nothing])

    def both(text: bytes) -> np.ndarray:
        return np.concatenate(
            [pair_counts(text, table, edges=True) for table in (weights.ASCII_CLASS, weights.WIDE_CLASS)]
        )

    units = [int(value) for value in (solve(mixed, both, known, prior=0.15) * weights.UNIT).round()]
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
        for row in range(0, 256, 16):
            print(" ".join(f"{weight:2}" for weight in table[row : row + 16]))
        print()


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--fit" in sys.argv)
