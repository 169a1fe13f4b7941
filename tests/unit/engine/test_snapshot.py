"""Durable snapshots: whole or not there, on a schedule of records, kept by number, packed."""

import os
import random
import shutil
from pathlib import Path

import pytest
from engine_scene import Engine, Quiet

from tectra.core.errors import FileFormatError, InputError, StateError, SystemCallError
from tectra.core.msg import SessionKind, Side, Template
from tectra.engine import load_state, save_state, state_digest
from tectra.engine.snapshot import (
    SnapshotKeeper,
    SnapshotSchedule,
    SnapshotStore,
    snapshots_of,
)
from tectra.engine.snapshot_file import HEAD_BYTES, encode_snapshot, read_snapshot
from tectra.journal.writer import JournalWriter


class Counts(Quiet):
    def on_start(self, ctx):
        self.n = 0

    def on_book_update(self, ctx, book):
        self.n += 1


def engine_of(*adds: int, **options) -> Engine:
    engine = Engine(Counts(), **options)
    for ref in adds:
        engine.add(ref, Side.BUY, 100 + ref, 1)
    return engine


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_snapshot_comes_back(tmp_path, compression):
    engine = engine_of(1, 2, 3)
    image = save_state(engine.pipeline)
    with SnapshotStore(tmp_path / "s", epoch=7, compression=compression) as store:
        path = store.write(image)
        assert path.name == f"engine-{engine.pipeline.ring_seq:020d}.tts"
        found = store.read(path)
        assert store.paths() == [path]
    assert found.image == image and found.compression == compression
    assert found.ring_seq == engine.pipeline.ring_seq and found.epoch == 7
    assert found.ts_ns == engine.pipeline.now_ns
    assert found.output_digest == engine.pipeline.summary.output_digest
    assert found.input_digest == engine.pipeline.summary.input_digest
    other = Engine(Counts(), limits=None, start=False)
    load_state(other.pipeline, found.image)
    assert save_state(other.pipeline) == image
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, "snapshots.lock"]


def test_every_flip_and_every_cut_is_found(tmp_path):
    image = save_state(engine_of(1).pipeline)
    for compression in ("none", "zstd"):
        raw = b"".join(encode_snapshot(image, epoch=1, compression=compression))
        path = tmp_path / f"engine-{compression}.tts"
        chooser = random.Random(2)
        places = [*range(160), *chooser.sample(range(HEAD_BYTES, len(raw)), 100)]
        for at in places:
            bad = bytearray(raw)
            bad[at] ^= 1 << chooser.randrange(8)
            path.write_bytes(bad)
            with pytest.raises(FileFormatError):
                read_snapshot(path)
        for size in (0, 1, HEAD_BYTES - 1, HEAD_BYTES, len(raw) - 1):
            path.write_bytes(raw[:size])
            with pytest.raises(FileFormatError):
                read_snapshot(path)
        path.write_bytes(raw + b"x")
        with pytest.raises(FileFormatError):
            read_snapshot(path)
    with pytest.raises(SystemCallError, match="nowhere"):
        read_snapshot(tmp_path / "nowhere.tts")
    with pytest.raises(SystemCallError):
        read_snapshot(tmp_path)


def test_snapshots_of_others_are_refused(tmp_path):
    engine = engine_of(1)
    with SnapshotStore(tmp_path, epoch=7) as store:
        path = store.write(save_state(engine.pipeline))
    with pytest.raises(FileFormatError, match="another journal"):
        SnapshotStore(tmp_path, epoch=8).read(path)
    moved = path.with_name(f"engine-{999:020d}.tts")
    shutil.copy(path, moved)
    with pytest.raises(FileFormatError, match="stands behind record"):
        SnapshotStore(tmp_path, epoch=7).read(moved)


def test_the_newest_are_kept(tmp_path):
    engine = engine_of()
    with SnapshotStore(tmp_path, epoch=1, keep=2) as store:
        for ref in range(1, 6):
            engine.add(ref, Side.BUY, 100, 1)
            store.write(save_state(engine.pipeline))
        assert [store.read(p).ring_seq for p in store.paths()] == [
            engine.pipeline.ring_seq,
            engine.pipeline.ring_seq - 1,
        ]


def test_snapshots_of_an_earlier_journal_are_not_counted(tmp_path):
    """A directory that had a longer run before: what is written now is not dropped for it."""
    earlier = engine_of(*range(1, 9))
    with SnapshotStore(tmp_path, epoch=1) as store:
        for ref in range(9, 12):
            earlier.add(ref, Side.BUY, 100, 1)
            store.write(save_state(earlier.pipeline))
        theirs = store.paths()
    assert len(theirs) == 3
    engine = engine_of()
    with SnapshotStore(tmp_path, epoch=2, keep=2) as store:
        for ref in range(1, 4):
            engine.add(ref, Side.BUY, 100, 1)
            made = store.write(save_state(engine.pipeline))
            assert store.read(made).ring_seq == engine.pipeline.ring_seq
        assert store.paths()[:3] == theirs and len(store.paths()) == 5
        store.compact()
        assert store.paths() == [*theirs, made]
    # Equal sessions have one epoch: what stands behind a later record goes first.
    engine = engine_of()
    with SnapshotStore(tmp_path, epoch=1, keep=2) as store:
        for ref in range(1, 3):
            engine.add(ref, Side.BUY, 100, 1)
            kept = [p for p in store.paths() if store.directory / p.name not in theirs]
            made = store.write(save_state(engine.pipeline))
            assert made.exists() and all(p.exists() for p in kept)
        assert not any(p.exists() for p in theirs)


def test_the_names_above_are_durable(tmp_path, monkeypatch):
    synced, fsync = [], os.fsync

    def note(fd):
        synced.append(Path(f"/proc/self/fd/{fd}").readlink())
        fsync(fd)

    monkeypatch.setattr(os, "fsync", note)
    with SnapshotStore(tmp_path / "snapshots" / "journal", epoch=1) as store:
        store.write(save_state(engine_of(1).pipeline))
    assert synced[:2] == [tmp_path, tmp_path / "snapshots"]
    assert synced[-1] == tmp_path / "snapshots" / "journal"


def test_compaction_keeps_the_state(tmp_path):
    """JW-17."""
    engine = engine_of()
    with SnapshotStore(tmp_path, epoch=1, keep=9) as store:
        for ref in range(1, 5):
            engine.add(ref, Side.BUY, 100, 1)
            newest = store.write(save_state(engine.pipeline))
        image = save_state(engine.pipeline)
        torn = tmp_path / f"engine-{10**9:020d}.tts"
        torn.write_bytes(newest.read_bytes()[:-5])
        done = store.compact()
        assert done.path == newest and done.dropped == 4
        assert done.bytes_after < done.bytes_before // 4
        found = store.read(newest)
        assert found.compression == "zstd" and found.image == image
        assert state_digest(found.image) == state_digest(image)
        assert store.paths() == [newest]
        assert store.compact().dropped == 0
    with pytest.raises(StateError, match="no whole snapshot"):
        SnapshotStore(tmp_path / "none", epoch=1).compact()


def test_one_writer(tmp_path):
    image = save_state(engine_of(1).pipeline)
    one, two = SnapshotStore(tmp_path, epoch=1), SnapshotStore(tmp_path, epoch=1)
    one.write(image)
    with pytest.raises(StateError, match="another process"):
        two.write(image)
    one.close()
    one.close()
    (tmp_path / "engine-00000000000000000001.tts.part").write_bytes(b"left by a kill")
    two.write(image)
    assert not list(tmp_path.glob("*.part"))
    two.close()


class Killed(BaseException):
    """The process ends here: nothing after it runs, nothing is cleaned up."""


def test_a_kill_at_any_step_leaves_the_whole_ones(tmp_path, monkeypatch):
    """Every call that changes the disk, in turn, is the last one."""
    engine = engine_of(1)
    first = save_state(engine.pipeline)
    engine.add(2, Side.BUY, 100, 1)
    second = save_state(engine.pipeline)
    steps = 0
    for stop in range(1, 100):
        directory = tmp_path / str(stop)
        with SnapshotStore(directory, epoch=1, keep=1) as store:
            store.write(first)
        left = stop

        def dies(call):
            def counted(*args, **kwargs):
                nonlocal left
                left -= 1
                if left == 0:
                    raise Killed
                return call(*args, **kwargs)

            return counted

        store = SnapshotStore(directory, epoch=1, keep=1)
        with monkeypatch.context() as m:
            for owner, name in (
                (os, "open"),
                (os, "fsync"),
                (Path, "open"),
                (Path, "replace"),
                (Path, "unlink"),
            ):
                m.setattr(owner, name, dies(getattr(owner, name)))
            try:
                store.write(second)
                steps = stop
            except Killed:
                pass
        store.close()
        found = [read_snapshot(p).image for p in SnapshotStore(directory, epoch=1).paths()]
        assert found and set(found) <= {first, second}
        with SnapshotStore(directory, epoch=1, keep=1) as store:
            store.write(second)
            assert [store.read(p).image for p in store.paths()] == [second]
        if steps:
            break
    assert steps > 6


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path, monkeypatch):
    engine = engine_of(1)
    store = SnapshotStore(tmp_path, epoch=1)
    path = store.write(save_state(engine.pipeline))
    engine.add(2, Side.BUY, 100, 1)

    def full(fd):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as m:
        m.setattr(os, "fsync", full)
        with pytest.raises(SystemCallError, match="No space left"):
            store.write(save_state(engine.pipeline))
    assert store.paths() == [path] and not list(tmp_path.glob("*.part"))
    store.close()
    (tmp_path / "file").write_text("x")
    with pytest.raises(SystemCallError):
        SnapshotStore(tmp_path / "file", epoch=1).write(save_state(engine.pipeline))


def test_what_is_not_allowed():
    for bad in ({"every_records": -1}, {"every_ns": -1}, {}):
        with pytest.raises(InputError, match="above 0"):
            SnapshotSchedule(**bad)
    with pytest.raises(InputError, match="keep 0"):
        SnapshotStore("x", epoch=1, keep=0)
    with pytest.raises(InputError, match="lz4"):
        SnapshotStore("x", epoch=1, compression="lz4")


def test_the_schedule_counts_records_and_engine_time():
    """JW-15: the same records give the same snapshots, whatever the machine's clock says."""
    by_records = SnapshotSchedule(every_records=10)
    assert not by_records.is_due((5, 0), (14, 10**18))
    assert by_records.is_due((5, 0), (15, 0))
    by_time = SnapshotSchedule(every_ns=1_000)
    assert not by_time.is_due((5, 500), (10**9, 1_499)) and by_time.is_due((5, 500), (5, 1_500))
    both = SnapshotSchedule(every_records=10, every_ns=1_000)
    assert both.is_due((0, 0), (1, 1_000)) and both.is_due((0, 0), (10, 1))


def test_the_keeper_writes_beside_the_journal(tmp_path):
    made = []
    for name in ("a", "b"):
        directory = tmp_path / name / "journal"
        writer = JournalWriter(directory, session={"run": 1}, segment_slots=4096)
        engine = Engine(Counts(), limits=None, start=False)
        engine.pipeline.attach_journal(writer)
        engine.step(Template.SESSION, kind=SessionKind.START, mode=b"b")
        keeper = SnapshotKeeper.beside(
            engine.pipeline, SnapshotSchedule(every_records=5, every_ns=1_000), keep=99
        )
        written = []
        for ref in range(1, 31):
            engine.add(ref, Side.BUY, 100, 1)
            if ref == 20:
                engine.now_ns += 5_000
            if (path := keeper.offer()) is not None:
                written.append((ref, path.name, path.read_bytes()))
        keeper.close()
        writer.close()
        assert keeper.store.directory == snapshots_of(directory)
        assert keeper.store.directory == tmp_path.resolve() / name / "snapshots" / "journal"
        made.append(written)
    assert made[0] == made[1]
    assert [ref for ref, _, _ in made[0]] == [6, 11, 16, 21, 26]
    with pytest.raises(InputError, match="no journal"):
        SnapshotKeeper.beside(engine_of(1).pipeline, SnapshotSchedule(every_records=1))


def test_a_snapshot_is_never_ahead_of_its_journal(tmp_path, monkeypatch):
    """The journal is synced first."""
    writer = JournalWriter(tmp_path / "journal", session={"run": 1}, segment_slots=4096)
    engine = Engine(Counts(), limits=None, start=False)
    engine.pipeline.attach_journal(writer)
    engine.step(Template.SESSION, kind=SessionKind.START, mode=b"b")
    engine.add(1, Side.BUY, 100, 1)
    keeper = SnapshotKeeper.beside(engine.pipeline, SnapshotSchedule(every_records=1))
    durable = []
    real = os.fsync

    def noted(fd):
        if Path(f"/proc/self/fd/{fd}").readlink().name.endswith(".part"):
            durable.append(writer.durable_seq)
        real(fd)

    assert writer.durable_seq < engine.pipeline.ring_seq
    monkeypatch.setattr(os, "fsync", noted)
    keeper.write()
    keeper.close()
    assert durable == [engine.pipeline.ring_seq]
    writer.close()
