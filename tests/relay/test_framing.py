"""Frames come out whole however the stream was cut, and memory is bounded whatever comes in."""

from __future__ import annotations

import tracemalloc

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcpwatch.relay.framing import EDGE, Frames, Oversize

MIB = 1 << 20
streams = st.lists(st.binary(max_size=6).map(lambda b: b.replace(b"\n", b"-")), max_size=8).map(b"\n".join)


def frames(limit: int = 64 * MIB) -> tuple[Frames, list[Oversize]]:
    skipped: list[Oversize] = []
    return Frames(lambda: limit, skipped.append), skipped


@settings(max_examples=300, deadline=None, derandomize=True)
@given(streams, st.data())
@example(b"\n\n", None)
def test_nothing_is_lost_added_or_cut(stream, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8))) if data else []
    reader, skipped = frames()
    blocks = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        if start < end:
            blocks.append(reader.feed(stream[start:end]))
            assert blocks[-1].endswith(b"\n") or not blocks[-1]
    whole, _, rest = stream.rpartition(b"\n")
    assert b"".join(blocks) == (whole + b"\n" if b"\n" in stream else b"")
    assert reader.rest() == rest
    assert skipped == []


def test_a_chunk_of_whole_frames_is_not_copied():
    chunk = b"a\nb\n"
    assert frames()[0].feed(chunk) is chunk


def test_a_frame_beyond_the_limit_is_left_out_and_the_next_is_not():
    limit = 2 * MIB
    for size in (limit - 1, limit, limit + 1, 5 * limit):
        reader, skipped = frames(limit)
        stream = b"first\n" + b"H" * EDGE + b"x" * (size - 2 * EDGE) + b"T" * (EDGE - 1) + b"\nnext\n"
        got = b"".join(reader.feed(stream[n : n + 65536]) for n in range(0, len(stream), 65536))
        if size <= limit:
            assert got == stream
            assert skipped == []
        else:
            assert got == b"first\nnext\n"
            (one,) = skipped
            assert (one.head, one.tail[-5:], one.size, one.limit) == (b"H" * EDGE, b"TTTT\n", size, limit)
        assert reader.rest() == b""


def test_many_frames_beyond_the_limit_one_after_another():
    reader, skipped = frames(MIB)
    for _ in range(3):
        for _ in range(40):
            assert reader.feed(b"y" * 65536) == b""
        assert reader.feed(b"\nok\n") == b"ok\n"
    assert [one.size for one in skipped] == [40 * 65536 + 1] * 3


def test_the_end_of_the_stream_within_a_frame_beyond_the_limit():
    reader, skipped = frames(MIB)
    for _ in range(40):
        reader.feed(b"y" * 65536)
    assert reader.rest() == b""
    assert len(skipped) == 1


def test_memory_is_bounded_while_a_frame_is_skipped():
    reader, skipped = frames(2 * MIB)
    chunk = b"z" * 65536
    tracemalloc.start()
    for _ in range(64 * 16):
        reader.feed(chunk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    reader.feed(b"\n")
    assert skipped[0].size == 64 * MIB + 1
    assert peak < 8 * MIB


def test_memory_is_bounded_when_bytes_come_one_by_one():
    reader, skipped = frames()
    tracemalloc.start()
    for n in range(50_000):
        reader.feed(bytes((97 + n % 26,)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    got = reader.feed(b"\n")
    assert len(got) == 50_001
    assert got[:27] == b"abcdefghijklmnopqrstuvwxyza"
    assert skipped == []
    assert peak < MIB // 2


def test_the_limit_is_not_asked_for_small_frames():
    asked = []
    reader = Frames(lambda: asked.append(1) or 64 * MIB, lambda one: None)
    reader.feed(b"x" * 65536)
    reader.feed(b"\n")
    assert asked == []
    for _ in range(17):
        reader.feed(b"x" * 65536)
    assert asked == [1]
