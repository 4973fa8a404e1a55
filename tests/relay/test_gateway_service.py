"""The unit and the agent by their text, the command by what it does with a service manager of the test's."""

from __future__ import annotations

import configparser
import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mcpwatch.relay import gateway_service as services
from servers import MCPWATCH

WORDS = ["/opt/my python/bin/python", "-m", "mcpwatch", "serve", 'a "b" 100% $HOME \\']


def test_a_unit(monkeypatch, tmp_path):
    text = services.unit(WORDS, {"MCPWATCH_STATE": "/home/a b/state"})
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string(text)
    assert parser["Service"]["ExecStart"] == (
        '"/opt/my python/bin/python" -m mcpwatch serve "a \\"b\\" 100%% $$HOME \\\\"'
    )
    assert parser["Service"]["Environment"] == '"MCPWATCH_STATE=/home/a b/state"'
    assert parser["Service"]["Restart"] == "on-failure"
    assert parser["Install"]["WantedBy"] == "default.target"
    with pytest.raises(services.Unsupported):
        services.unit(["a\nExecStart=evil"], {})


def test_systemd_takes_the_unit(tmp_path):
    """Where there is a systemd: by its own word."""
    verify = shutil.which("systemd-analyze")
    unit = tmp_path / services.UNIT
    unit.write_text(services.unit([sys.executable, "-m", "mcpwatch", "serve"], {"MCPWATCH_STATE": "/a b"}))
    if verify is not None:
        done = subprocess.run([verify, "--user", "verify", str(unit)], capture_output=True, text=True)
        assert services.UNIT not in done.stderr
    assert unit.read_text().count("ExecStart=") == 1


def test_an_agent():
    found = plistlib.loads(services.agent(WORDS, {"A": "b"}).encode())
    assert found["ProgramArguments"] == WORDS
    assert found["EnvironmentVariables"] == {"A": "b"}
    assert found["KeepAlive"] == {"SuccessfulExit": False}


def test_where_each_goes(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert services.service(platform="linux").path == tmp_path / ".config/systemd/user" / services.UNIT
    assert services.service(platform="darwin").path == tmp_path / "Library/LaunchAgents/io.mcpwatch.gateway.plist"
    with pytest.raises(services.Unsupported):
        services.service(platform="win32")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A systemctl that writes down what it is asked."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "systemctl").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    (programs / "systemctl").chmod(0o755)
    return os.environ | {
        "PATH": f"{programs}:/usr/bin:/bin",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "MCPWATCH_STATE": str(tmp_path / "state"),
        "MCPWATCH_CONFIG": str(tmp_path / "config.toml"),
    }


def test_a_restart_is_the_managers(env, monkeypatch, tmp_path):
    for name in ("PATH", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, env[name])
    assert services.restart(services.service(platform="linux")) == []
    assert (tmp_path / "asked").read_text() == f"--user restart {services.UNIT}\n"
    assert services.service(platform="darwin").restart[:3] == ("launchctl", "kickstart", "-k")


def test_install_status_uninstall(env, tmp_path):
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([MCPWATCH, "service", *words], env=env, capture_output=True, text=True)

    assert "not installed" in run("status").stdout
    installed = run("install", "--port", "7400")
    assert installed.returncode == 0, installed.stderr
    unit = tmp_path / "config/systemd/user" / services.UNIT
    assert "serve --port 7400" in unit.read_text()
    assert f"MCPWATCH_STATE={tmp_path}/state" in unit.read_text()
    status = run("status")
    assert "running" in status.stdout
    assert "no gateway is running" in status.stdout
    assert run("uninstall").returncode == 0
    assert not unit.exists()
    assert run("uninstall").returncode == 0, "twice is no error"
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == [
        "--user daemon-reload",
        f"--user enable --now {services.UNIT}",
        f"--user is-active --quiet {services.UNIT}",
        f"--user disable --now {services.UNIT}",
        "--user daemon-reload",
    ]
