"""Only what is judged goes through the gateway."""

from __future__ import annotations

import http.client
import json

import pytest

from servers.gateways import gateway, http_server


@pytest.mark.parametrize("method", ["PUT", "PATCH", "REPORT"])
def test_a25_a_call_in_another_method_does_not_reach_the_server(tmp_path, method) -> None:
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "plain", "arguments": {}}}
    with http_server("http_rogue") as port, gateway(tmp_path, {"srv": f"http://127.0.0.1:{port}/mcp"}) as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        headers = {"Content-Type": "application/json", "X-HTTP-Method-Override": "POST"}
        connection.request(method, "/srv/mcp", json.dumps(call), headers)
        answer = connection.getresponse()
        assert answer.status == 405
        assert "error" in json.loads(answer.read())
        connection.close()
