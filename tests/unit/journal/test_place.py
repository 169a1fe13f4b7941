"""Where a journal may lie: file systems, links, directories that go away, two writers at once."""

import logging
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from journal_records import as_slots, record

from tectra.core.errors import JournalError, JournalFullError
from tectra.core.kill import KillReason, KillWord
from tectra.journal import JournalReader, JournalWriter, place, verify
from tectra.journal.claim import Claim
from tectra.journal.outlet import Outlet
from tectra.journal.place import fresh_directory, judge_file_system


@pytest.mark.parametrize(
    ("f_type", "mounted", "kind"),
    [
        (0xEF53, "ext4", "disk"),
        (0x58465342, "xfs", "disk"),
        (0x9123683E, "btrfs", "disk"),
        (0x794C7630, "overlay", "disk"),
        (0x01021994, "tmpfs", "memory"),
        (-0x7A7BA70A, "ramfs", "memory"),
        (0x6969, "nfs4", "network"),
        (0xFF534D42, "cifs", "network"),
        (-0x00ACB2BE, "cifs", "network"),
        (0xFE534D42, "smb3", "network"),
        (0x01021997, "9p", "doubtful"),
        (0x00C36400, "ceph", "network"),
        (0x65735546, "fuse.sshfs", "network"),
        (0x65735546, "fuseblk", "disk"),
        (0x65735546, "fuse.fuse-overlayfs", "doubtful"),
        (0x65735546, "", "doubtful"),
    ],
)
def test_the_verdict_on_a_file_system(f_type: int, mounted: str, kind: str) -> None:
    assert judge_file_system(f_type, mounted).kind == kind


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "file_system_type", lambda _: 0x6969)
    with pytest.raises(JournalError, match=r"network file system \(NFS\).*local disk") as caught:
        JournalWriter(tmp_path / "a" / "j", session={})
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_a_promise_that_memory_does_not_keep_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(place, "file_system_type", lambda _: 0x01021994)
    with caplog.at_level(logging.WARNING):
        JournalWriter(tmp_path / "a", session={}).close()
        assert not caplog.messages
        JournalWriter(tmp_path / "b", session={}, durability="sync").close()
    assert any("lies in memory (tmpfs)" in line for line in caplog.messages)


@pytest.mark.parametrize("target", ["nowhere", "file"])
def test_a_link_that_leads_to_no_directory(tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("precious")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / target)
    with pytest.raises(JournalError, match="not a directory"):
        JournalWriter(link, session={})
    JournalWriter(tmp_path / "j", session={}).close()
    with pytest.raises(JournalError), Outlet(tmp_path / "j", link):
        pytest.fail("let in")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "j", "link"]


@pytest.mark.parametrize("number", [28, 30])
def test_what_cannot_be_claimed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """No inode for the lock, or a file system that is only read: the directories go again."""

    def refused(path: Path, *_: object) -> int:
        if str(path).endswith("journal.lock"):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *_)

    real = os.open
    monkeypatch.setattr(os, "open", refused)
    kind = JournalFullError if number == 28 else JournalError
    with pytest.raises(kind, match=os.strerror(number)):
        JournalWriter(tmp_path / "a" / "b" / "j", session={})
    assert not list(tmp_path.iterdir())


def test_a_name_that_no_directory_can_have(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"cannot make a journal in .*: File name too long"):
        JournalWriter(tmp_path / ("b" * 300) / "j", session={})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_directory_that_goes_away_below_the_writer(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """New orders stop, the run ends with the reason, another run in its place is not touched."""
    kill = KillWord.private()
    target = tmp_path / "j"
    writer = JournalWriter(target, session={}, segment_slots=64, reserve_bytes=1, kill=kill)
    writer.append(record(1))
    writer.prepare()
    target.rename(tmp_path / "moved") if how == "moved" else shutil.rmtree(target)
    before: dict[str, bytes] = {}
    if how == "replaced":
        with JournalWriter(target, session={"other": 1}, segment_slots=64) as other:
            other.append(record(1))
        before = {p.name: p.read_bytes() for p in target.iterdir()}
    with pytest.raises(JournalError, match="deleted, moved, or another is in its place"):
        writer.append_many(as_slots([record(i) for i in range(2, 400)]))
    assert kill.reason == KillReason.JOURNAL
    writer.close()
    assert writer.closed
    left = {p.name: p.read_bytes() for p in target.iterdir()} if target.exists() else {}
    assert left == before
    if how == "moved":
        read = JournalReader(tmp_path / "moved", strict=False)
        assert read.record_count > 30


def test_one_of_many_writers_is_let_in(tmp_path: Path) -> None:
    """All at once on one new directory, again and again: one each time."""
    for turn in range(30):
        start = threading.Barrier(6)

        def claim(_: int, target: Path = tmp_path / str(turn), start: Any = start) -> Claim | str:
            start.wait()
            try:
                return Claim(target)
            except JournalError as error:
                return str(error)

        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(claim, range(6)))
        held = [one for one in found if isinstance(one, Claim)]
        assert len(held) == 1, found
        assert sum("being written" in str(one) for one in found) == 5
        held[0].release()


def test_the_directory_of_what_failed_goes_with_all_above_it(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), fresh_directory(tmp_path / "a" / "b"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())

    def half() -> None:
        with fresh_directory(tmp_path / "a" / "b") as made:
            (made / "file").touch()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert (tmp_path / "a" / "b" / "file").exists()


def test_a_sound_journal_beside_all_that(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with JournalWriter(tmp_path / "link", session={}) as writer:
        writer.append(record(1))
    assert verify(tmp_path / "real").ok
