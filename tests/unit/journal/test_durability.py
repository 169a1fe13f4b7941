"""Durability modes, the thread that finishes segments, the reserve, and what the writer tells."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from journal_records import as_slots, record, stream

from tectra.core.errlog import Place
from tectra.core.errors import JournalError, StateError
from tectra.core.kill import KillReason, KillWord
from tectra.core.msg import Template
from tectra.journal import (
    DURABILITY,
    RESERVE_BYTES,
    JournalOptions,
    JournalReader,
    JournalWriter,
    Manifest,
    SegmentFile,
    verify,
)
from tectra.journal.commit import Commit
from tectra.journal.merkle import CHAIN_START, chain_head, merkle_root

MODES = tuple(DURABILITY)
DAY_NS = 86_400 * 10**9


def files(directory: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in directory.iterdir()}


# ---- modes ----


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_says_what_it_promises(tmp_path: Path, mode: str) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=8, durability=mode) as writer:
        writer.append(record(1))
        assert writer.durability.startswith(f"{mode}: {DURABILITY[mode]}")
        assert writer.sends_wait == (mode == "sync")
    report = verify(tmp_path)
    assert report.durability == Manifest.load(tmp_path).promise()
    assert f"durability {report.durability}" in report.lines()


def test_the_manifest_and_the_names_above_are_synced_where_records_are_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    fsync, replace = os.fsync, Path.replace
    unsynced: list[Path] = []

    def note(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink())
        fsync(fd)

    def named(path: Path, target: Path) -> Path:
        if synced.count(path) <= unsynced.count(path):
            unsynced.append(path)
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(Path, "replace", named)
    run = tmp_path / "run"
    for mode in ("group-commit", "sync"):
        journal = run / mode
        with JournalWriter(journal, session={}, segment_slots=8, durability=mode) as writer:
            for number in range(1, 40):
                writer.append(record(number))
                if number % 8 == 0:
                    writer.flush()
        temporary = journal / "manifest.json.tmp"
        assert temporary not in unsynced
        assert synced.count(temporary) > 4
        assert run in synced
    assert tmp_path in synced


def test_a_wait_that_may_take_no_time_or_any(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=8, durability="group-commit") as writer:
        writer.append(record(1))
        assert writer.wait_durable(1, float("inf"))
        assert all(writer.wait_durable(1, timeout) for timeout in (0, -1, 1e300))


def test_what_others_named_tmp_is_not_removed(tmp_path: Path) -> None:
    mine = [tmp_path / name for name in ("notes.tmp", "segment-1.tmp", "reserve-x.tmp")]
    left = [tmp_path / f"{n}.tmp" for n in ("segment-000003.ttj", "reserve-2", "spare")]
    for path in (*mine, *left):
        path.write_text("x")
    with JournalWriter(tmp_path, session={}, segment_slots=8) as writer:
        assert all(path.exists() for path in mine)
        assert not any(path.exists() for path in left)
        writer.append(record(1))
    assert all(path.exists() for path in mine)


def test_a_journal_file_is_not_inherited(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=8, durability="group-commit") as writer:
        writer.append(record(1))
        writer.rotate()
        for fd in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                if tmp_path in fd.readlink().parents:
                    assert not os.get_inheritable(int(fd.name))


def test_the_loss_window_of_group_commit_is_said(tmp_path: Path) -> None:
    options = {"durability": "group-commit", "commit_us": 2500, "commit_records": 10_000}
    JournalWriter(tmp_path, session={}, segment_slots=8, **options).close()
    assert Manifest.load(tmp_path).promise().endswith("(here 2,500 us or 10,000 records)")


@pytest.mark.parametrize("mode", MODES)
def test_durable_behind_commit_and_after_close(tmp_path: Path, mode: str) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=16, durability=mode) as writer:
        assert writer.durable_seq == 0
        for seq in range(1, 100):
            writer.append(record(seq))
            if seq % 30 == 0:
                writer.commit()
                assert writer.durable_seq == seq
        assert writer.wait_durable(99, 30)
        assert writer.durable_seq == 99
        with pytest.raises(JournalError, match="ring_seq 100 was not appended yet"):
            writer.wait_durable(100)
        writer.append(record(100))
    assert writer.durable_seq == 100
    assert JournalReader(tmp_path).record_count == 100


def test_group_commit_catches_up_by_itself(tmp_path: Path) -> None:
    """Nobody asks for a commit; another thread waits for it."""
    options = {"durability": "group-commit", "commit_us": 500}
    with JournalWriter(tmp_path, session={}, segment_slots=64, **options) as writer:
        for seq in range(1, 1001):
            writer.append(record(seq))
        seen: list[bool] = []
        waiter = threading.Thread(target=lambda: seen.append(writer.wait_durable(1000, 30)))
        waiter.start()
        waiter.join()
        assert seen == [True]
        stats = writer.stats()
        assert 0 < stats["syncs"] < 1000
        assert 0 < stats["sync_p50_ns"] <= stats["sync_p99_ns"]


def test_a_wait_without_an_end_hears_a_signal(tmp_path: Path) -> None:
    """As on a disk whose sync does not return: nobody commits here."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    def wait() -> None:
        sender.start()
        commit.wait(1, None)

    commit = Commit(JournalOptions(durability="group-commit"), tmp_path)
    sender = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            wait()
    finally:
        sender.join()
        signal.signal(signal.SIGUSR1, before)


def test_a_wait_ends_in_time(tmp_path: Path) -> None:
    options = {"durability": "group-commit", "commit_us": 10**9, "commit_records": 2**32}
    with JournalWriter(tmp_path, session={}, segment_slots=64, **options) as writer:
        writer.append(record(1))
        assert writer.wait_durable(0, 0)
        assert writer.wait_durable(1, 30)  # who waits does not have to wait for the interval


def test_a_journal_that_continues_another_is_durable_behind_its_base(tmp_path: Path) -> None:
    options = {"durability": "sync", "base_ring_seq": 500}
    with JournalWriter(tmp_path, session={}, segment_slots=8, **options) as writer:
        assert writer.durable_seq == 500
        writer.append(record(501))
        writer.commit()
        assert writer.durable_seq == 501
    assert verify(tmp_path).ok


# ---- finishing ----


def test_roots_and_chain_are_those_of_the_plain_functions(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=150) as writer:
        writer.append_many(as_slots(stream(700)))
        writer.rotate()
        writer.rotate()  # an empty one in between
        writer.append(record(701))
    before = CHAIN_START
    for entry in Manifest.load(tmp_path).segments:
        file = SegmentFile(tmp_path / entry.file)
        root = merkle_root(file.slots.tobytes())
        before = chain_head(before, file.head.epoch, entry.segment_id, root)
        assert (entry.merkle_root, entry.chain) == (root.hex(), before.hex())
        assert (file.head.merkle_root, file.head.chain) == (root.hex(), before.hex())
    assert hashlib.sha256().hexdigest() in {e.merkle_root for e in Manifest.load(tmp_path).segments}


@pytest.mark.parametrize("slots", [1, 2, 63, 64, 65, 128, 129, 191, 193, 4096, 4097])
def test_the_root_of_any_number_of_slots(tmp_path: Path, slots: int) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=5000) as writer:
        writer.append_many(as_slots([record(i) for i in range(1, slots + 1)]))
    (entry,) = Manifest.load(tmp_path).segments
    want = merkle_root(b"".join(record(i) for i in range(1, slots + 1)))
    assert entry.merkle_root == want.hex()


def test_without_a_seal_there_is_no_root(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=8, seal=False) as writer:
        writer.append_many(as_slots(stream(30)))
    assert {(e.merkle_root, e.chain) for e in Manifest.load(tmp_path).segments} == {(None, None)}
    assert verify(tmp_path).ok


@pytest.mark.parametrize("mode", MODES)
def test_equal_runs_write_equal_directories(tmp_path: Path, mode: str) -> None:
    for name in "ab":
        with JournalWriter(
            tmp_path / name, session={"x": 1}, segment_slots=20, durability=mode
        ) as writer:
            for part in (stream(300), stream(200, first=301)):
                writer.append_many(as_slots(part))
                writer.prepare()
            writer.close({"pnl": 1})
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_many_rotations_beside_a_slow_reader_keep_order(tmp_path: Path) -> None:
    """More full segments than may wait: the writer stalls and nothing is lost."""
    records = [record(i) for i in range(1, 4001)]
    with JournalWriter(tmp_path, session={}, segment_slots=16) as writer:
        writer.append_many(as_slots(records))
        stats = writer.stats()
    assert stats["rotations"] == 249 and stats["stalls"] > 0
    assert [bytes(v) for _, v in JournalReader(tmp_path).records()] == records
    assert verify(tmp_path).ok


def test_a_writer_that_was_dropped_leaves_no_thread(tmp_path: Path) -> None:
    before = set(threading.enumerate())  # those of other dropped writers may end at any time
    writer = JournalWriter(tmp_path, session={}, segment_slots=64, durability="group-commit")
    writer.append(record(1))
    (thread,) = set(threading.enumerate()) - before
    assert thread.name == "tectra-journal"
    del writer
    thread.join(10)
    assert not thread.is_alive()
    assert JournalReader(tmp_path).record_count == 1


def test_midnight_in_the_times_of_the_records(tmp_path: Path) -> None:
    """The day is that of ts_recv_ns; a record that comes late stays in the open segment."""
    midnight = 20_000 * DAY_NS
    times = [midnight - 1, midnight, midnight - 5, midnight + 1, midnight + DAY_NS]
    with JournalWriter(tmp_path, session={}, segment_slots=64, daily=True) as writer:
        writer.append_many(as_slots([record(i, ts_recv_ns=t) for i, t in enumerate(times, 1)]))
    found = [(e.first_ring_seq, e.last_ring_seq) for e in Manifest.load(tmp_path).segments]
    assert found == [(1, 1), (2, 4), (5, 5)]
    assert verify(tmp_path).ok


# ---- figures ----


def test_stats_count_what_was_written(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=32) as writer:
        records = stream(100, templates=(Template.BOOK_ADD, Template.ORDER_EVENT))
        writer.append_many(as_slots(records))
        writer.flush()
        stats = writer.stats()
    assert stats["records"] == 100
    assert stats["bytes"] == sum(map(len, records))
    assert stats["segments"] == stats["rotations"] + 1 == writer.segment_id
    assert stats["duration_ns"] > 0 and stats["records_per_s"] > 0
    assert stats["durable_seq"] == 100 and stats["low_space"] is False
    assert json.loads(json.dumps(stats)) == stats
    assert writer.stats()["records"] == 100


# ---- reserve ----


def test_a_run_in_real_time_has_a_reserve(tmp_path: Path) -> None:
    assert JournalOptions().reserve == 0
    assert JournalOptions(clock_domain="realtime").reserve == RESERVE_BYTES == 64 << 20
    with JournalWriter(tmp_path, session={}, segment_slots=4096, reserve_bytes=1) as writer:
        size = (tmp_path / "segment-000001.ttj").stat().st_size
        assert (tmp_path / "reserve-1.tmp").stat().st_size == size  # at least one segment
        assert (tmp_path / "reserve-1.tmp").stat().st_blocks * 512 >= size
        writer.append(record(1))
    assert {p.name for p in tmp_path.iterdir()} == {"manifest.json", "segment-000001.ttj"}


FULL_DISK = """
import json, resource, sys
from pathlib import Path
from journal_records import record
from tectra.core.errlog import ErrorLog
from tectra.core.errors import JournalFullError
from tectra.core.kill import KillWord
from tectra.journal import JournalReader, JournalWriter, verify

where, kill, errors = Path(sys.argv[1]), KillWord.private(), ErrorLog.private()
writer = JournalWriter(where, session={}, segment_slots=1000, reserve_bytes=150_000, kill=kill,
                       errors=errors)
writer.prepare()
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
out = {"before": [kill.is_set, writer.low_space], "seen": {}}
for seq in range(1, 10_000):
    try:
        writer.append(record(seq))
    except JournalFullError as error:
        out["message"] = str(error)
        break
    if kill.is_set and "segment" not in out:
        out["segment"] = writer.segment_id
if "message" not in out:
    raise SystemExit("never full")
out |= {"reason": kill.reason.name, "low": writer.low_space, "last": seq - 1,
        "segments": writer.segment_id, "places": [e.place for e in errors.entries()],
        "closed": writer.closed, "ok": verify(where).ok, "read": JournalReader(where).record_count,
        "files": sorted(p.name for p in where.iterdir())}
print(json.dumps(out))
"""


def test_a_full_disk_halts_orders_and_the_reserve_takes_the_rest(
    tmp_path: Path, fresh_env: dict[str, str], root: Path
) -> None:
    env = fresh_env | {"PYTHONPATH": f"{fresh_env['PYTHONPATH']}:{root / 'tests' / 'support'}"}
    command = [sys.executable, "-P", "-c", FULL_DISK, str(tmp_path / "j")]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=30)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["before"] == [False, False]
    assert found["reason"] == KillReason.JOURNAL.name
    assert found["low"] and found["closed"] and found["ok"]
    assert found["places"] == [Place.JOURNAL]
    # The first, the prepared one, and three of the reserve (150,000 bytes).
    assert found["segments"] == 5 and found["last"] == found["read"] == 5000
    assert found["segment"] <= 3, "halted when the disk was found full, not when the reserve was"
    assert "Everything written before is closed and valid" in found["message"]
    assert "orders are stopped" in done.stderr and "free disk space" in done.stderr
    assert not [name for name in found["files"] if name.endswith(".tmp")]


# ---- places that are no good ----


def test_options_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    target = tmp_path / "j"
    for options, message in (
        ({"durability": "always"}, "durability is 'always'; allowed are page-cache, group-commit"),
        ({"commit_us": 0}, "commit_us is 0; allowed are 1 to"),
        ({"commit_records": 0}, "commit_records is 0; allowed are 1 to"),
        ({"reserve_bytes": -1}, "reserve_bytes is -1"),
    ):
        with pytest.raises(JournalError, match=message):
            JournalWriter(target, session={}, **options)
    with pytest.raises(TypeError, match="flush"):
        JournalWriter(target, session={}, flush=True)
    assert not target.exists()


def test_a_closed_kill_word_is_refused(tmp_path: Path) -> None:
    kill = KillWord.private()
    kill.close()
    with pytest.raises(StateError, match="kill word: used after close"):
        JournalWriter(tmp_path / "j", session={}, kill=kill)
    assert not (tmp_path / "j").exists()


def test_a_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot make a journal in /proc/nowhere") as caught:
        JournalWriter("/proc/nowhere", session={})
    assert "\n" not in str(caught.value)
    if os.geteuid() != 0:  # root may write anywhere
        tmp_path.chmod(0o500)
        with pytest.raises(JournalError, match="give a directory that can be written"):
            JournalWriter(tmp_path / "j", session={})


def test_a_directory_that_is_deleted_below_the_writer(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "j", session={}, segment_slots=64)
    writer.append(record(1))
    writer.prepare()
    shutil.rmtree(tmp_path / "j")
    with pytest.raises(JournalError, match=r"cannot make the next segment .* No such file"):
        writer.append_many(as_slots([record(i) for i in range(2, 200)]))
    assert writer.closed
    writer.close()
    assert not (tmp_path / "j").exists()


def test_links_name_the_same_journal(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    with pytest.raises(JournalError, match="not a directory"):
        JournalWriter(tmp_path / "link", session={})  # it leads nowhere
    with JournalWriter(tmp_path / "real", session={}, segment_slots=8) as writer:
        writer.append(record(1))
        with pytest.raises(JournalError, match="being written by another process"):
            JournalWriter(tmp_path / "link", session={})
    assert JournalReader(tmp_path / "link").record_count == 1


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    """Where the names of our files are taken by links, they are refused or replaced."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    for name in ("segment-000001.ttj.tmp", "reserve-1.tmp", "spare.tmp", "manifest.json.tmp"):
        target = tmp_path / name
        target.mkdir()
        (target / name).symlink_to(victim)
        JournalWriter(target, session={}, segment_slots=8, reserve_bytes=1).close()
        assert verify(target).ok
    (tmp_path / "lock").mkdir()
    (tmp_path / "lock" / "journal.lock").symlink_to(victim)
    with pytest.raises(JournalError, match="cannot make a journal in"):
        JournalWriter(tmp_path / "lock", session={})
    assert victim.read_bytes() == b"precious"


def test_a_forked_child_does_not_touch_the_journal(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=8) as writer:
        writer.append(record(1))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                writer.rotate()
            except JournalError as error:
                code = 0 if "after a fork" in str(error) else 2
            writer.close()
            os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        writer.append(record(2))
    assert verify(tmp_path).ok and JournalReader(tmp_path).record_count == 2
