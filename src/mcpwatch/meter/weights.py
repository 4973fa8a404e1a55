"""The calibrated table behind `tokens.estimate`: how likely a cl100k token ends between two bytes.

A byte has one of 16 classes in each of two readings, and a pair of neighbours (row: class of the left byte, column:
class of the right one) has a weight in 1/64 token. In the ASCII reading, class 0 is every byte from 0x80 up; in the
wide reading it is every byte below. Refit by `tests/meter/calibrate.py SAMPLES --fit`, which prints the two tables.
"""

UNIT = 64  # weights are in 1/UNIT token; at most UNIT - 1, so that BLOCK of them stay under Adler-32's modulus

_ASCII_CLASSES = (
    *("aeiou", "tnsrldm", "hcpgbfwyv", "jkqxz"),  # vowels, then consonants by how often English uses them
    *("AEIOU", "BCDFGHJKLMNPQRSTVWXYZ"),
    *("0123456789", " ", "\t\n\r", '"', ",;:.", "()[]{}", "\\", "-/_"),
)  # class 15: every other ASCII byte

_WIDE_CLASSES = (
    *(range(0x80, 0x90), range(0x90, 0xA0), range(0xA0, 0xB0), range(0xB0, 0xC0)),  # continuation bytes
    *(range(0xE4, 0xE5), range(0xE5, 0xE7), range(0xE7, 0xEA)),  # Han
    *((0xEA, 0xED), (0xEB,), (0xEC,)),  # Hangul
    (0xE3,),  # kana, CJK punctuation
    (0xD0, 0xD1),  # Cyrillic
    (*range(0xC2, 0xD0), *range(0xD2, 0xE0)),  # other two-byte letters
    (0xE2, 0xEF),  # typographic punctuation, full-width forms
)  # class 15: every other byte, among them the lead bytes of emoji


def _class_table(classes: tuple[bytes | tuple[int, ...] | range, ...], others: range) -> bytes:
    table = bytearray(256)
    for byte in others:
        table[byte] = 15
    for number, members in enumerate(classes, 1):
        for byte in members:
            table[byte] = number
    return bytes(table)


ASCII_CLASS = _class_table(tuple(members.encode() for members in _ASCII_CLASSES), range(0x80))
WIDE_CLASS = _class_table(_WIDE_CLASSES, range(0x80, 0x100))

# fmt: off
_ASCII_WEIGHTS = """
 0  0  0 25 63 26  0 63 23 26  0 17 15  0  0 59
14  7  0  0  5  0 30 63 63 63 41 45 23 63 18 51
 4  0  7  2 57 24 27 63 52 63 55 39 20 63 18 30
27  0  0 13 35 63 63 63 32 63 44 40 53 63 33 52
63 20 16 63 63 63 63 63  0  9 63 18 47 47 45 63
53 63 26 63 15 23  6 50  0 61 40  0  0 63 48 63
57 29 63 63 63  0 54 63  0 52 36  0 29 61  2 63
63 63 63 63 63 50 63 17 54 63 63 63 63 39 37 63
 0 14  2 13 19 16  0 63  2 63 55 58 29 58 48 11
55 40 63 60 63 63 63 63 63  7 63 63 63 63 45 43
63 38 22 44 63  3  0 63 39 23 35  0  0 59 34  7
41 48 42 24  0  0  5 56 61 15 42 10 36 50  0 25
47 31 63 63 54 63 31 63 37 13  0 13  0 22 24 29
 0  0 39 63  0  0  0  0 34  0  0  0 63 33  0 63
63 54 59 58  0  9 47 63 22  0 63  8 43 63  5  6
 0 63 50 63 49 58 11 63 60 12 45 35 30 63 29 15
"""

_WIDE_WEIGHTS = """
 0 10 10 10 10  0 56 63  0  0  0  0  0 63  0  0
16 60 29 16 17  0 39 40 25  0  4  4 23  0  0 63
 0 63 33  3  6  0 63 59  0 28  6  6 63  5 36 22
 0 55 52 32  0 28 23 30 31 54 63 48 38 22 63 63
32 12  0  0 26 63  0 34 32 50 63 32 14 36  0 41
10 10 10 10  0 10 10 10 10 10 10 10 10 10 10 10
10 15  0 10 12 10 10 10 10 10 10 10 10 10 10 10
10 63  0  0  0 10 10 10 10 10 10 10 10 10 10 10
10  0  0 10 63 10 10 10 10 10 10 10 10 10 10 10
10  0 17 19 40 10 10 10 10 10 10 10 10 10 10 10
10  0 15 34 63 10 10 10 10 10 10 10 10 10 10 10
10  3 10 10 10 10 10 10 10 10 10 10 10 10 10 10
10  0 63  0  7 10 10 10 10 10 10 10 10 10 10 10
10 28 63  7 34 10 10 10 10 10 10 10 10 10 10 10
10 31  0 10 63 10 10 10 10 10 10 10 10 10 10 10
10 10 63  0  0 10 10 10 10 10 10 10 10 10 10 10
"""
# fmt: on


def _weight_table(text: str) -> bytes:
    return bytes(map(int, text.split()))


MIXED_WEIGHT = _weight_table(_ASCII_WEIGHTS)
WIDE_WEIGHT = _weight_table(_WIDE_WEIGHTS)
"""For text that is ASCII alone, where class 0 can only mean the text's edges, which `estimate` counts itself."""
ASCII_WEIGHT = bytes(0 if index < 16 or index % 16 == 0 else weight for index, weight in enumerate(MIXED_WEIGHT))
