"""A file is replaced whole or not at all, as the same user's same file, and never over somebody else's change."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading

import pytest

from mcpwatch.clients import write
from mcpwatch.clients.write import KEPT_BACKUPS, NotWritten, alone, replace_file

BEFORE, AFTER = b'{"a": 1}\r\n', b'{"a": 2}\r\n'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "folder" / "mcp.json"
    path.parent.mkdir()
    path.write_bytes(BEFORE)
    return path


def left(file):
    return sorted(path.name for path in file.parent.iterdir())


def test_replaced_with_a_copy_beside_it(file):
    copy = replace_file(file, BEFORE, AFTER)
    assert file.read_bytes() == AFTER and copy.read_bytes() == BEFORE
    assert copy.parent == file.parent and copy.name.startswith("mcp.json.mcpwatch-20") and copy.suffix == ".bak"
    assert left(file) == ["mcp.json", copy.name]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640])
def test_mode_stays_and_the_copy_is_as_secret(file, mode):
    file.chmod(mode)
    copy = replace_file(file, BEFORE, AFTER)
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(copy.stat().st_mode) == mode


def test_extended_attributes_stay(file):
    try:
        os.setxattr(file, "user.note", b"mine")
    except OSError:
        assert not os.listxattr(file)  # this file system has none to lose
        return
    replace_file(file, BEFORE, AFTER)
    assert os.getxattr(file, "user.note") == b"mine"


def test_time_of_change_is_now(file):
    os.utime(file, (0, 0))
    replace_file(file, BEFORE, AFTER)
    assert file.stat().st_mtime > 1_000_000


def test_a_link_stays_one_and_its_target_is_replaced(tmp_path, file):
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir()
    target = dotfiles / "cursor.json"
    file.rename(target)
    middle = dotfiles / "middle.json"
    middle.symlink_to("cursor.json")
    file.symlink_to(middle)
    copy = replace_file(file, BEFORE, AFTER)
    assert file.is_symlink() and middle.is_symlink() and not target.is_symlink()
    assert target.read_bytes() == AFTER
    assert copy.parent == file.parent and sorted(p.name for p in dotfiles.iterdir()) == ["cursor.json", "middle.json"]


def refused(file, words, before=BEFORE):
    names, data = left(file), file.read_bytes() if file.is_file() else None
    with pytest.raises(NotWritten, match=words):
        replace_file(file, before, AFTER)
    assert left(file) == names and (data is None or file.read_bytes() == data)


def test_changed_since_the_preview(file):
    refused(file, "changed by another program", before=b"{}")


def test_changed_while_being_written(file, monkeypatch):
    """The other editor saves after the first look and before the replacement."""
    original = write._temporary

    def slow(*args):
        made = original(*args)
        file.write_bytes(b"theirs")
        return made

    monkeypatch.setattr(write, "_temporary", slow)
    with pytest.raises(NotWritten, match="changed by another program"):
        replace_file(file, BEFORE, AFTER)
    assert file.read_bytes() == b"theirs" and left(file) == ["mcp.json"]


def test_read_only_file(file):
    file.chmod(0o444)
    refused(file, "read-only")


def test_hard_link(file, tmp_path):
    os.link(file, tmp_path / "other.json")
    refused(file, "second name")


def test_gone_a_folder_a_loop(file):
    file.unlink()
    refused(file, "no longer there")
    file.mkdir()
    refused(file, "not a regular file")
    file.rmdir()
    file.symlink_to(file)
    with pytest.raises(NotWritten, match="cannot be written"):
        replace_file(file, BEFORE, AFTER)


def test_a_full_disk_leaves_the_file(file, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match="No space left"):
        replace_file(file, BEFORE, AFTER)
    assert file.read_bytes() == BEFORE


def test_only_the_latest_copies_are_kept(file):
    mine = file.with_name("mcp.json.bak")
    mine.write_bytes(b"not ours")
    for i in range(KEPT_BACKUPS + 3):
        replace_file(file, file.read_bytes(), b"%d" % i)
    copies = [name for name in left(file) if ".mcpwatch-" in name]
    assert len(copies) == KEPT_BACKUPS and mine.exists()


def test_two_at_once_one_waits_its_turn(tmp_path):
    lock = tmp_path / "lock"
    holder = (
        "import sys\nfrom pathlib import Path\nfrom mcpwatch.clients.write import alone\n"
        "with alone(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", holder, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(NotWritten, match="another mcpwatch"), alone(lock):
            pass
        other.stdin.close()
    with alone(lock):
        pass


def test_two_writers_never_mix(file):
    """Whoever finds the file as it was wins; the other is told, and the file is one of the two."""
    outcomes: list[str] = []
    gate = threading.Barrier(2)

    def writer(data: bytes) -> None:
        gate.wait()
        try:
            with alone(file.parent.parent / "lock"):
                replace_file(file, BEFORE, data)
            outcomes.append("written")
        except NotWritten:
            outcomes.append("refused")

    threads = [threading.Thread(target=writer, args=(data,)) for data in (b"one" * 10_000, b"two" * 10_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "written"]
    assert file.read_bytes() in (b"one" * 10_000, b"two" * 10_000)
