"""Frame for frame: what is not refused reaches the other side as the same bytes, in the same order.

The expectation is written in bytes and holds for both routes; `direct` shows that the harness keeps it.
"""
# ruff: noqa: E501 - a frame is easiest to read on one line

from __future__ import annotations

import json

import pytest

from servers import server_command
from servers.rawclient import RawClient
from servers.scripted import emitted

MIB = 1 << 20


def emit(*frames: str, id: int | str = 1, method: str = "tools/call") -> bytes:
    """A request that makes the server write `frames`, given as latin-1 text."""
    params = {"name": "emit", "arguments": {}, "_meta": {"test/emit": frames}}
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).encode()


def call(arguments: str, id: str = "1", meta: str = "{}") -> bytes:
    """A `tools/call` with arguments, id and `_meta` spelled out in JSON."""
    return (
        f'{{"jsonrpc":"2.0","id":{id},"method":"tools/call",'
        f'"params":{{"name":"echo","arguments":{arguments},"_meta":{meta}}}}}'
    ).encode()


def result(json_text: str, id: str = "1") -> str:
    return f'{{"jsonrpc":"2.0","id":{id},"result":{json_text}}}'


FROM_CLIENT: dict[str, list[bytes]] = {
    "whitespace": [
        b' { "jsonrpc" : "2.0" ,\t"id":1 , "method":"ping", "params" : { } }\t ',
        call(' { "a" :\r1 } '),
    ],
    "carriage returns": [call('{"text":"x"}') + b"\r", call("{}", id="2") + b"\r"],
    "key order": [
        b'{"params":{"arguments":{"z":1,"a":2},"name":"echo"},"method":"tools/call","id":1,"jsonrpc":"2.0"}'
    ],
    "unknown methods": [
        b'{"jsonrpc":"2.0","id":1,"method":"x-vendor/\xc3\xa9/do","params":{"deep":[[[{}]]]}}',
        b'{"jsonrpc":"2.0","method":"notifications/x-vendor","params":{"n":1}}',
        b'{"jsonrpc":"2.0","id":2,"method":"tools/call/extra"}',
        b'{"jsonrpc":"2.0","id":3,"method":""}',
    ],
    "unknown fields": [b'{"jsonrpc":"2.0","id":1,"method":"ping","x":{"y":[]},"result":null,"trace":"a"}'],
    "params by position": [b'{"jsonrpc":"2.0","id":1,"method":"x/y","params":[1,"two",null]}'],
    "escapes": [
        call(r'{"text":"\u00e9\u4e16\ud83c\udf0d \/ \b\f\n\r\t \u0000\u001b[31m"}'),
        rb'{"jsonrpc":"2.0","id":2,"\u006dethod":"tools\/call","params":{"n\u0061me":"\u0065cho","arguments":{}}}',
    ],
    "raw unicode": [call('{"text":"é世🌍\u2028\u2029\x7f\u200b\ufeff"}')],
    "lone surrogate in an argument": [call(r'{"text":"\ud800 and \udfff"}')],
    "lone surrogate in a key of an argument": [call(r'{"\ud83d":1}')],
    "large numbers": [
        call('{"a":9007199254740993,"b":-9223372036854775809,"c":123456789012345678901234567890}'),
        call(
            '{"a":1e400,"b":-1E+400,"c":1e-400,"d":0.1000000000000000055511151231257827,"e":-0,"f":-0.0}',
            id="2",
        ),
    ],
    "ids": [
        call("{}", id="0"),
        call("{}", id="-7"),
        call("{}", id="9007199254740993"),
        call("{}", id="9223372036854775807"),
        call("{}", id="18446744073709551615"),
        call("{}", id='"1"'),
        call("{}", id="1"),
        call("{}", id='""'),
        call("{}", id=r'"\u00e9-世"'),
        call("{}", id='"00000000-0000-4000-8000-000000000000"'),
    ],
    "the same id again, after its answer": [call("{}"), call("{}"), call('{"a":1}')],
    "meta": [call("{}", meta='{"progressToken":"t\\u00e9","example.com/x":{"y":[1,null]},"traceparent":"00-1"}')],
    "null members": [b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}', call("null", id="2")],
    "deep nesting": [call('{"a":' + "[" * 100 + "]" * 100 + "}")],
    "same key twice, inside an argument": [call('{"a":{"k":1,"k":2}}')],
    "unknown version in a handshake": [
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2099-12-31",'
        b'"capabilities":{"hologram":{}},"clientInfo":{"name":"c","version":"0","x":1},"y":2}}',
        b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
    ],
    "unknown version in a request": [
        call("{}", meta='{"io.modelcontextprotocol/protocolVersion":"not a date","x":1}'),
        b'{"jsonrpc":"2.0","id":2,"method":"server/discover","params":{"_meta":'
        b'{"io.modelcontextprotocol/protocolVersion":"2030-01-01"}}}',
    ],
    "5 MiB": [
        call('{"text":"' + "x" * 5 * MIB + '"}'),
        call('{ "text" : "' + "\\u00e9" * MIB + '"}', id="2"),
    ],
    "batch": [
        b'[{"jsonrpc":"2.0","id":1,"method":"tools/list"} , '
        b'{"jsonrpc":"2.0","method":"notifications/x"},\t{"id":"b","jsonrpc":"2.0","method":"ping"}]',
        b'[{"jsonrpc":"2.0","method":"notifications/x"}]',
        b"[" + call('{"a":1e400}', id="3") + b"," + call("{}", id="4") + b" ]",
    ],
}

FROM_SERVER: dict[str, list[bytes]] = {
    "whitespace": [emit(' { "result" : { "content" : [ ] } ,\t"id":1 , "jsonrpc":"2.0" }\t ')],
    "carriage returns": [emit(result("{}") + "\r")],
    "unknown fields": [
        emit('{"jsonrpc":"2.0","id":1,"result":{"content":[],"x":{"y":1}},"extra":[{}],"trace":null}')
    ],
    "escapes": [emit(result(r'{"content":[{"type":"text","text":"\u00e9\u4e16\ud83c\udf0d\/\u0000\u001b[0m"}]}'))],
    "raw unicode": [emit(result('{"text":"é世🌍\u2028\x7f\ufeff"}').encode().decode("latin-1"))],
    "lone surrogate in content": [emit(result(r'{"content":[{"type":"text","text":"\ud83d and \udc00"}]}'))],
    "large numbers": [emit(result('{"a":1e400,"b":123456789012345678901234567890,"c":-0.0,"d":1E-400}'))],
    "meta": [emit(result('{"content":[],"_meta":{"example.com/x":{"y":[1,null]},"progress":1e5}}'))],
    "results that are not objects": [
        emit(result("null")),
        emit(result('"text"', id="2"), id=2),
        emit(result("[1,2]", id="3"), id=3),
    ],
    "errors": [
        emit('{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"\\u00e9","data":{"urls":[1e400]},"x":1}}'),
        emit('{"error":{"message":"","code":0},"id":"e","jsonrpc":"2.0"}', id="e"),
    ],
    "ids": [emit(result("{}", id=id), id=json.loads(id)) for id in ("0", "-1", '"1"', "1", "9223372036854775807")],
    "answers in another order": [
        emit(id=1),
        emit(id="1"),
        emit(result("{}", id='"1"'), result('{"a":1}'), result("{}", id="3"), id=3),
    ],
    "notifications": [
        emit(
            '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":1e400}}',
            '{ "method":"notifications/message","params":{"level":"info","data":"\\ud800"},"jsonrpc":"2.0"}',
            '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
            '{"jsonrpc":"2.0","method":"notifications/x-vendor","params":[1,2],"x":null}',
            result("{}"),
        ),
        # Unasked, long after the call is over.
        b'{"jsonrpc":"2.0","method":"x","params":{"_meta":{"test/emit":["{\\"jsonrpc\\":\\"2.0\\",\\"method\\":\\"n\\"}"]}}}',
    ],
    "requests of the server's": [
        emit(
            '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{ "messages":[],"x":1e400 } }',
            '{"jsonrpc":"2.0","id":"s\\u00e9","method":"elicitation/create","params":{"message":"?"}}',
            '{"jsonrpc":"2.0","id":-3,"method":"x-vendor/ask"}',
            '{"jsonrpc":"2.0","id":4,"method":"roots/list"}',
        ),
        b' { "result" : {"role":"assistant" , "content":{"type":"text","text":"\\ud800"},"model":"m"},"id":1 ,"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","id":"s\\u00e9","error":{"code":-1,"message":"no","data":[1e400]},"x":[]}',
        b'{"jsonrpc":"2.0","id":-3,"result":null}',
        b'{"jsonrpc":"2.0","id":4,"result":{"roots":[]}}\r',
        emit(result("{}", id="2"), id=2),
    ],
    "tool list with everything odd": [
        emit(
            result(
                '{"tools": [ {"name":"a","inputSchema":{"type":"object","x-y":[1e400,{"k":"\\u00e9\\/"}]},'
                '"_meta":{"z":1},"annotations":{"readOnlyHint":true},"unknown":[]}],"nextCursor":"\\u0063","ttlMs":0}'
            ),
            method="tools/list",
        )
    ],
    "other lists": [
        emit(result('{"prompts":[ {"name":"p","arguments":[]}] }'), method="prompts/list"),
        emit(
            result('{"resources":[ {"uri":"a:b","name":"r","size":1e2}]}', id="2"),
            id=2,
            method="resources/list",
        ),
        emit(result('{"resourceTemplates":[ ]}', id="3"), id=3, method="resources/templates/list"),
    ],
    "handshake": [
        emit(
            result(
                '{"protocolVersion":"1999-01-01" ,"capabilities":{"x":{}},"serverInfo":{"name":"\\u00e9"},'
                '"instructions":"Be \\ud83c\\udf0d."}'
            ),
            method="initialize",
        ),
        emit(
            result('{"supportedVersions":["2030-01-01"],"capabilities":{}}', id="2"),
            id=2,
            method="server/discover",
        ),
    ],
    "input required": [
        emit(result('{"resultType":"input_required" ,"requestState":"\\u0000\\ud83c\\udf0d","inputRequests":{}}')),
        emit(result('{"resultType":"x-vendor","content":[]}', id="2"), id=2),
    ],
    "batch": [
        emit(id=1),
        emit('[ {"jsonrpc":"2.0","method":"n"},' + result("{}") + " ,\t" + result("{}", id="2") + "]", id=2),
    ],
    "5 MiB": [emit(result('{"content":[{"type":"text","text":"' + "x" * 5 * MIB + '"}] }'))],
}

CASES = [pytest.param(frames, id=f"client: {name}") for name, frames in FROM_CLIENT.items()] + [
    pytest.param(frames, id=f"server: {name}") for name, frames in FROM_SERVER.items()
]


@pytest.mark.parametrize("frames", CASES)
def test_same_bytes(route, tmp_path, frames):
    record = tmp_path / "record"
    with RawClient(route.command(server_command("scripted", str(record))), env=route.env) as client:
        for frame in frames:
            client.send(frame)
            for expected in emitted(json.loads(frame)):
                assert client.recv() == expected
        last = len(client.received)
        assert client.drain()[last:] == []
        assert client.wait() == 0
    assert record.read_bytes() == b"".join(frame + b"\n" for frame in frames)


def test_order_without_waiting(route, tmp_path):
    """3 000 requests and notifications written at once, read only after stdin was closed."""
    record = tmp_path / "record"
    sent, expected = [], []
    for n in range(3000):
        frame = call(f'{{"n":{n}}}', id=str(n)) if n % 3 else b'{"jsonrpc":"2.0","method":"n/%d"}' % n
        sent.append(frame + b"\n")
        expected += emitted(json.loads(frame))
    with RawClient(route.command(server_command("scripted", str(record))), env=route.env) as client:
        client.send(b"".join(sent).removesuffix(b"\n"))
        assert client.drain() == expected
        assert client.wait() == 0
    assert record.read_bytes() == b"".join(sent)
