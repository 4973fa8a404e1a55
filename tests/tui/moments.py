"""When the pictures are taken."""

from __future__ import annotations

from datetime import UTC

NOW = 1_790_000_000_000_000_000  # 2026-09-21 14:13:20 UTC
SECOND = 1_000_000_000
ZONE = UTC
