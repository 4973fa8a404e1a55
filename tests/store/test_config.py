"""A3: what the configuration file may say, and which field is named when it may not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mcpwatch.store.config import MAX_BYTES, Config, ConfigError, load


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    config = load(tmp_path / "none.toml")
    assert config == Config()
    assert (config.record, config.retention_days, config.retention_mb) == ("preview", 30, 500)
    assert (config.max_frame_mb, config.default_price_per_1k) == (64, 0.003)
    assert not config.scanner.llm


def test_everything_can_be_said(tmp_path: Path) -> None:
    config = load(
        written(
            tmp_path,
            """
            record = "full"
            retention_days = 7
            default_price_per_1k = 0.01
            [[prices]]
            pattern = "search/*"
            per_call = 0.005
            [[prices]]
            pattern = "llm/*"
            per_1k_in = 1
            per_1k_out = 2.5
            [scanner]
            llm = true
            budget_tokens_per_day = 0
            [servers.remote]
            url = "https://example.com/mcp"
            headers = { Authorization = "Bearer ${TOKEN}" }
            """,
        )
    )
    assert config.prices[0].per_call == 0.005
    assert config.prices[1].per_1k_in == 1
    assert config.scanner.llm and config.scanner.budget_tokens_per_day == 0
    assert config.servers["remote"].headers == {"Authorization": "Bearer ${TOKEN}"}


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('retention_days = "30"', "retention_days"),
        ("retention_days = true", "retention_days"),
        ("retention_days = 30.0001", "retention_days"),
        ("retention_days = 0", "retention_days"),
        ("retention_days = -1", "retention_days"),
        ("retention_days = nan", "retention_days"),
        (f"retention_days = {10**30}", "retention_days"),
        ("retention_mb = 9", "retention_mb"),
        (f"retention_mb = {2**63}", "retention_mb"),
        ("max_frame_mb = 0", "max_frame_mb"),
        ("max_frame_mb = 1025", "max_frame_mb"),
        ('record = "everything"', "record"),
        ("record = false", "record"),
        ('default_price_per_1k = "0.003"', "default_price_per_1k"),
        ("default_price_per_1k = true", "default_price_per_1k"),
        ("default_price_per_1k = nan", "default_price_per_1k"),
        ("default_price_per_1k = inf", "default_price_per_1k"),
        ("default_price_per_1k = -inf", "default_price_per_1k"),
        ("default_price_per_1k = -0.001", "default_price_per_1k"),
        ("default_price_per_1k = 1e300", "default_price_per_1k"),
        ('[[prices]]\npattern = "a/*"\nper_call = -1', "prices[0].per_call"),
        ('[[prices]]\npattern = "a/*"\nper_call = nan', "prices[0].per_call"),
        ('[[prices]]\npattern = "a/*"\nper_call = "1"', "prices[0].per_call"),
        ('[[prices]]\npattern = "a/*"\n[[prices]]\npattern = "b/*"\nper_1k_out = inf', "prices[1].per_1k_out"),
        ("[[prices]]\nper_call = 1", "pattern"),
        ('[scanner]\nllm = "False"', "scanner.llm"),
        ("[scanner]\nllm = 1", "scanner.llm"),
        ("[scanner]\nbudget_tokens_per_day = -5", "budget_tokens_per_day"),
        ("retention_day = 30", "retention_day"),
        ("[scanner]\napi_key = 'x'", "api_key"),
        ("[servers.x]\nurl = 5", "url"),
    ],
)
def test_a3_a_value_of_the_wrong_type_or_range_is_refused_by_name(tmp_path: Path, text: str, field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    assert field in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["record = ", b"\xff\xfe", "[[[", "a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_refused_in_one_line(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert "config.toml" in str(caught.value)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(path := tmp_path / "config.toml")
    with pytest.raises(ConfigError, match="cannot be read: it is not a regular file"):
        load(path)


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "")
    os.truncate(path, MAX_BYTES + 1)
    with pytest.raises(ConfigError, match="cannot be read: it is larger than 4 MiB"):
        load(path)
    os.truncate(path, 0)
    assert load(path) == Config()
