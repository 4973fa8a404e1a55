"""The password: bcrypt over base64(SHA-256(password)), so that neither length nor NUL bytes matter.

bcrypt itself looks at 72 bytes and stops at NUL; hashing first is the construction its own documentation gives.
Passwords are compared as NFC, so that the same keys give the same password on every system.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata

import bcrypt

MIN_CHARACTERS = 8
ROUNDS = 12  # about 0.2 s an attempt
FREE_ATTEMPTS = 3  # before the waiting begins
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 3600.0


def _digest(password: str) -> bytes:
    normal = unicodedata.normalize("NFC", password)
    return base64.b64encode(hashlib.sha256(normal.encode("utf-8", "surrogatepass")).digest())


def make_hash(password: str) -> str:
    """The hash to store. Takes about 0.2 s."""
    return bcrypt.hashpw(_digest(password), bcrypt.gensalt(ROUNDS)).decode("ascii")


def check_hash(password: str, stored: str) -> bool:
    """Whether the password is the one of the hash; False for a hash that is damaged. Takes about 0.2 s."""
    try:
        return bcrypt.checkpw(_digest(password), stored.encode("ascii"))
    except ValueError:  # not a bcrypt hash (UnicodeEncodeError is one too)
        return False


def wait_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row: 0, 0, 2, 4, 8 … at most an hour."""
    if failures < FREE_ATTEMPTS:
        return 0.0
    return min(FIRST_WAIT_S * 2.0 ** min(failures - FREE_ATTEMPTS, 30), LONGEST_WAIT_S)
