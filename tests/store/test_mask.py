"""What a preview shows, and what never reaches the disk."""

from __future__ import annotations

import json

import pytest

from mcpwatch.store.mask import MASK, PREVIEW_BYTES, masked, masked_name, preview

SECRETS = {
    "github": "ghp_" + "a1B2" * 9,
    "github fine": "github_pat_" + "A1b2" * 10,
    "gitlab": "glpat-" + "x9Y8" * 6,
    "slack": "xoxb-123456789012-abcdefghij",
    "aws": "AKIA" + "Z" * 16,
    "google": "AIza" + "q" * 35,
    "openai": "sk-proj-" + "Qw12" * 8,
    "anthropic": "sk-ant-api03-" + "Zx90" * 8,
    "stripe": "sk_live_" + "9876" * 6,
    "npm": "npm_" + "k" * 36,
    "pypi": "pypi-" + "j" * 40,
    "hugging face": "hf_" + "h" * 30,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "bearer": "Bearer abcdefghijklmnop",
    "pem": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB-CD\n\nQUJDREVG\n"
    "-----END RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_a_credential_is_masked_by_its_shape_wherever_it_stands(secret: str) -> None:
    for text in (
        secret,
        f"see {secret} there",
        json.dumps({"text": f"use {secret}!"}),
        f"a={secret}",
        f'["{secret}"]',
    ):
        assert secret not in masked(text)
        assert secret[-12:] not in masked(text)
        assert MASK in masked(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"password":"hunter2","n":1}', f'{{"password":"{MASK}","n":1}}'),
        ('{"db_Passwd" : "h2", "user":"ada"}', f'{{"db_Passwd" : "{MASK}", "user":"ada"}}'),
        ('{"apiKey":"abc"}', f'{{"apiKey":"{MASK}"}}'),
        ('{"x-api-key":"abc","a":"b"}', f'{{"x-api-key":"{MASK}","a":"b"}}'),
        (r'{"secret":"a\"b\\","n":"k"}', f'{{"secret":"{MASK}","n":"k"}}'),
        (r'{"text":"{\"token\": \"ab\\\"cd\\n\", \"z\": 1}"}', rf'{{"text":"{{\"token\": \"{MASK}\", \"z\": 1}}"}}'),
        ('{"authorization":"Basic dXNlcjpwYXNz"}', f'{{"authorization":"{MASK}"}}'),
        ('{"cookie":"sid=1; other=2"', f'{{"cookie":"{MASK}"'),
        ('{"password":"cut off by the previ', f'{{"password":"{MASK}'),
        ("DB_PASSWORD=abc LANG=C", f"DB_PASSWORD={MASK} LANG=C"),
        ("https://api.example/x?access_token=abc&page=2", f"https://api.example/x?access_token={MASK}&page=2"),
        ("postgres://ada:pw@db/main", f"postgres://{MASK}@db/main"),
        ("server --api-key abc --port 80", f"server --api-key {MASK} --port 80"),
        ('{"PASSWORD ":"abc"}', f'{{"PASSWORD ":"{MASK}"}}'),
        ('{"pwd":"abc"}', f'{{"pwd":"{MASK}"}}'),
        ("Server=db;Uid=ada;Pwd=abc;", f"Server=db;Uid=ada;Pwd={MASK};"),
        ('{"x":"Password: colonsecret"}', f'{{"x":"Password: {MASK}"}}'),
        (r'{"x":"user: ada\npassword: hunter\nport: 1"}', rf'{{"x":"user: ada\npassword: {MASK}\nport: 1"}}'),
        ("API key: abcdefg1", f"API key: {MASK}"),
    ],
)
def test_a_value_is_masked_by_the_name_of_its_key(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"password":["a","b]"],"n":1}', f'{{"password":{MASK},"n":1}}'),
        ('{"secret":{"value":"a","x":[1,{"y":"}"}]},"n":1}', f'{{"secret":{MASK},"n":1}}'),
        ('{"token":12345678,"n":1}', f'{{"token":{MASK},"n":1}}'),
        ('{"name":"password","value":"a","n":1}', f'{{"name":"password","value":{MASK},"n":1}}'),
        ('{"key":"DB_PASSWORD","value":["a"]}', f'{{"key":"DB_PASSWORD","value":{MASK}}}'),
        ('{"value":"a","name":"password"}', f'{{"value":"{MASK}","name":"password"}}'),
        (r'{"t":"{\"password\":[\"a]\",{\"b\":1}],\"n\":1}"}', rf'{{"t":"{{\"password\":{MASK},\"n\":1}}"}}'),
        (
            r'{"t":"{\"name\":\"password\",\"value\":\"a\"}"}',
            rf'{{"t":"{{\"name\":\"password\",\"value\":{MASK}}}"}}',
        ),
        ('{"password":["cut off', f'{{"password":{MASK}'),
    ],
)
def test_a_secret_may_be_a_list_an_object_a_number_or_half_of_a_pair(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        r'{"pass\u0077ord":"hunter2"}',
        r'{"x":"gh\u0070_A1b2C3d4E5f6G7h8I9j0K1l2hunter2"}',
        r'{"x":"{\u0022password\u0022:\u0022hunter2\u0022}"}',
        r'{"x":"{\"pass\\u0077ord\":\"hunter2\"}"}',
    ],
)
def test_a_secret_spelled_with_escapes_is_masked(text: str) -> None:
    shown = masked(text)
    assert "hunter2" not in shown and MASK in shown
    json.loads(shown)


def test_without_its_escapes_a_text_is_the_same_json_and_no_longer() -> None:
    text = r'{"a":"\u003cb\u003e \u0022q\u0022 \u005c \\ \\\u0041 \u007f \u00e9 \n"}'
    shown = masked(text)
    assert json.loads(shown) == json.loads(text)
    assert "<b>" in shown and len(shown) <= len(text)


def test_the_cut_is_where_it_was_in_a_text_with_escapes() -> None:
    shown = preview((r"\u0041" * 400 + "ghp_" + "S3cr" * 10 + "." * 3000).encode())
    assert "ghp_" not in shown and len(shown) <= PREVIEW_BYTES + 1


@pytest.mark.parametrize(
    "name",
    ["search_code", "get_secret_token", "github/search", "tools/call", "sk_create_customer_account", "@sampling"],
)
def test_an_ordinary_name_comes_out_unchanged(name: str) -> None:
    assert masked_name(name) == name


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_for_a_name_is_masked(secret: str) -> None:
    if any(map(str.isdigit, secret)):
        assert secret not in masked_name(secret) and secret not in masked_name(f"x/{secret}")


@pytest.mark.parametrize(
    "text",
    [
        '{"query":"cats","limit":10}',
        '{"max_token":5,"tokens":123,"token_count":7,"password":null,"token":true}',
        '{"pwd":"/home/ada"}',
        "PWD=/home/ada OLDPWD=/tmp",
        "Token: the thing you hold; tokens: 12345678; Key: see below",
        '{"max_tokens":4096,"temperature":0}',
        "a token of appreciation, the secret of success and a key to the door",
        "https://example.com/a:b/c@d",
        "risk-assessment-of-the-long-term-plan",
        "",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_a_long_secret_is_masked_however_long_it_is() -> None:
    """Failed once: a value above 4096 characters, or a key above 8192, was kept whole."""
    long = "s3cr3t" * 2000
    assert "s3cr3t" not in preview(json.dumps({"password": long, "a": 1}).encode(), whole=True)
    assert "s3cr3t" not in preview(f"-----BEGIN PRIVATE KEY-----\n{long}".encode(), whole=True)


@pytest.mark.parametrize("before", [0, 1000, 1500, PREVIEW_BYTES - 20, PREVIEW_BYTES - 1])
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_no_part_of_a_secret_across_the_cut_is_shown(secret: str, before: int) -> None:
    shown = preview(("." * (before - 1) + " " + secret + " " + "." * 3000).encode())
    assert secret[:8] not in shown


def test_no_part_of_a_secret_at_the_end_of_what_was_read_is_shown() -> None:
    """Failed once: text shortened by a mask showed what lay behind the cut, where a secret's end was not read."""
    first = json.dumps({"password": "x" * 1200})
    raw = (first + "." * (PREVIEW_BYTES + 1024 - len(first) - 14) + " ghp_" + "abcdefgh" * 5).encode()
    assert "ghp_" not in preview(raw)


def test_a_jwt_whose_end_was_not_read_is_masked() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJ" + "QUJD" * 500 + ".c2ln"
    assert "QUJD" not in preview(("." * 2000 + " " + token).encode())


@pytest.mark.parametrize("character", ["a", "é", "漢", "🙂"])
@pytest.mark.parametrize("shift", range(4))
def test_the_cut_is_within_2_kib_and_never_within_a_character(character: str, shift: int) -> None:
    raw = ("." * shift + character * 3000).encode()
    shown = preview(raw)
    assert "�" not in shown
    assert shown.endswith("…")
    assert PREVIEW_BYTES - 4 < len(shown[:-1].encode()) <= PREVIEW_BYTES
    assert raw.startswith(shown[:-1].encode())


@pytest.mark.parametrize("length", [PREVIEW_BYTES - 1, PREVIEW_BYTES])
def test_what_fits_is_shown_whole_without_a_mark(length: int) -> None:
    assert preview(b"." * length) == "." * length


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    assert preview(b"\xff\x00\xc3") == "�\x00�"


HOSTILE = [
    "-eyJabcdefgh", "eyJabcdefgh.", r'"password":"\a', r'\"password\":\"\\a', '"password"   ', '"password":"\\',
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----a", "-----BEGIN ", "://a:", "://aaaa:bbbb", "password",
    "token ", "Bearer ", "-", "sk-", "--token", r'"token":"\"', r'\"token\":\"\\\"', '"token"' + " " * 1000,
    "://" + "a" * 256 + ":" + "b" * 256, "-token-", "a.", "token=",
    '"password":[', '"password":["', '"token":{', '"name":"password","value":[', '"value":"', r'"value":"\"',
    r'\"password\":[', "\\u0070", "\\\\u0070", "\\", "\\u00", '"pwd":"', "Password: ", "Token: ", "Token: aaaa",
    '"token":1', '"password":]', '"password":[]', r'\"name\":\"', '"value":"x","name":"', "[", '"password"        :',
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    """Failed once: quadratic time is long here and exponential time for ever; the test's time limit ends it."""
    size = 1 << 18
    for lead in ("", '"password":"', " "):
        assert len(masked(lead + unit * (size // len(unit)))) < 2 * size
