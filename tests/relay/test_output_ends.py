"""A server that closes its output and lives on."""

import os
import subprocess
import sys

from servers import guard_command, guard_env

SERVER = "import os, sys; os.close(1); sys.stdin.read(); sys.exit(7)"


def test_the_client_sees_the_end_of_the_output_while_the_server_lives(tmp_path) -> None:
    command = guard_command("s", [sys.executable, "-c", SERVER])
    guard = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **guard_env(tmp_path)}
    )
    assert guard.stdin is not None and guard.stdout is not None
    assert guard.stdout.read() == b"", "the end, without a byte of ours"
    assert guard.poll() is None, "the server was still there, and so was its guard"
    guard.stdin.close()
    assert guard.wait(20) == 7
