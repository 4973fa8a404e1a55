"""Texts of the kinds that pass through MCP, each with its exact number of cl100k_base tokens (tiktoken 0.14).

Written or generated for this test; none of them was used to fit the table.
"""

import base64
import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(__file__).parent / "samples"


def noise(size: int) -> bytes:
    """Bytes that look random and are the same everywhere."""
    return b"".join(hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(size // 32 + 1))[:size]


def contacts() -> str:
    draw = random.Random(11)
    names = [
        "Amara",
        "Bruno",
        "Chiara",
        "Dmitri",
        "Elif",
        "Femi",
        "Greta",
        "Hugo",
        "Ines",
        "Jonas",
        "Kaveh",
        "Leila",
        "Noor",
    ]
    towns = ["Porto", "Gdansk", "Bergen", "Leeds", "Utrecht", "Graz", "Turin", "Malmo", "Nantes", "Cork"]
    return json.dumps(
        [
            {
                "id": 40_000 + 7 * number,
                "name": f"{draw.choice(names)} {draw.choice(names)}son",
                "email": f"{draw.choice(names).lower()}{draw.randrange(100)}@mail.example",
                "town": draw.choice(towns),
                "balance": round(draw.uniform(-50, 900), 2),
                "verified": draw.random() < 0.7,
                "last_seen": f"2026-0{draw.randrange(1, 10)}-{draw.randrange(10, 29)}T0{draw.randrange(10)}:15:42Z",
                "referrer": None,
            }
            for number in range(40)
        ],
        separators=(",", ":"),
    )


def measurements() -> str:
    draw = random.Random(12)
    rows = [
        {
            "station": f"ST-{draw.randrange(900):03}",
            "t": 1_760_000_000 + 60 * number,
            "values": [round(draw.gauss(20, 6), 3)] * 3,
        }
        for number in range(40)
    ]
    return json.dumps({"rows": rows, "next": "eyJvIjo0MH0"}, indent=2)


def access_log() -> str:
    draw = random.Random(13)
    verbs, codes = ["GET", "GET", "POST"], [200, 204, 304, 404, 502]
    paths = [
        "/",
        "/healthz",
        "/api/v2/orders/81723",
        "/static/app.4f9c2e.js",
        "/login?next=%2Faccount",
        "/favicon.ico",
    ]
    return "\n".join(
        f"203.0.113.{draw.randrange(255)} - - [19/Nov/2026:14:{draw.randrange(60):02}:{draw.randrange(60):02} +0100] "
        f'"{draw.choice(verbs)} {draw.choice(paths)} HTTP/1.1" {draw.choice(codes)} '
        f'{draw.randrange(90_000)} "-" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Gecko/20100101 Firefox/142.0"'
        for _ in range(40)
    )


def service_log() -> str:
    draw = random.Random(14)
    levels = ["INFO ", "WARN ", "DEBUG", "ERROR"]
    events = ["lease renewed", "could not reach replica, retrying", "checkpoint written", "slow query", "client lost"]
    return "\n".join(
        f"2026-11-19T14:03:{draw.randrange(60):02}.{draw.randrange(1000):03}Z {draw.choice(levels)} "
        f"[worker-{draw.randrange(16)}] storage.engine: {draw.choice(events)} shard={draw.randrange(64)} "
        f"elapsed_ms={draw.uniform(0, 400):.1f} trace={draw.getrandbits(64):016x}"
        for _ in range(60)
    )


def tool_result() -> str:
    """A typical MCP result: JSON, quoted inside JSON."""
    text = json.dumps(json.loads(contacts())[:20], indent=2)
    return json.dumps({"content": [{"type": "text", "text": text}], "isError": False})


def _file(name: str) -> Callable[[], str]:
    return lambda: (FOLDER / name).read_text(encoding="utf-8")


# kind: (text, cl100k_base tokens)
SAMPLES: dict[str, tuple[Callable[[], str], int]] = {
    "English": (_file("english.txt"), 462),
    "Markdown": (_file("markdown.md"), 548),
    "Python": (_file("python.txt"), 609),
    "TypeScript": (_file("typescript.txt"), 556),
    "Go and SQL": (_file("go_sql.txt"), 455),
    "JSON rows": (contacts, 2288),
    "indented JSON": (measurements, 1942),
    "JSON Schema": (_file("tools.json"), 737),
    "tool result": (tool_result, 1888),
    "access log": (access_log, 3153),
    "service log": (service_log, 2879),
    "Chinese": (_file("chinese.txt"), 732),
    "Korean": (_file("korean.txt"), 720),
    "Japanese": (_file("japanese.txt"), 523),
    "Russian": (_file("russian.txt"), 526),
    "base64": (lambda: base64.b64encode(noise(6000)).decode(), 5732),
    "base64url": (lambda: base64.urlsafe_b64encode(noise(3000)).decode(), 2844),
    "hex": (lambda: noise(3000).hex(), 3431),
}
