"""Crashes and full disks, for real: SIGKILL of a writing process, file size limits, a tiny disk."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from journal_records import as_slots, record, stream

from tectra.core.errors import JournalError, JournalFullError
from tectra.journal import Cause, JournalReader, JournalWriter, SegmentFile, verify

KILLS = int(os.environ.get("TECTRA_TEST_KILLS", "20"))
MODES = ("page-cache", "group-commit", "sync")
ROOT = Path(__file__).resolve().parents[3]


def write_and_tell(directory: Path, records: list[bytes], pipe: int, mode: str) -> None:
    """The child: append, then acknowledge each record by its number."""
    writer = JournalWriter(directory, session={"kill": True}, segment_slots=256, durability=mode)
    for number, body in enumerate(records):
        os.write(pipe, writer.append(body).to_bytes(8, "little"))
        if number % 50 == 0:
            writer.commit()


def killed_run(directory: Path, records: list[bytes], acks: int, mode: str) -> int:
    """Kill a writer once it acknowledged `acks` records; returns the last number it gave."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        try:
            write_and_tell(directory, records, send, mode)
        finally:
            os._exit(0)
    os.close(send)
    told = b""
    while len(told) < 8 * acks:
        part = os.read(receive, 8 * acks - len(told))
        if not part:
            break
        told += part
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while part := os.read(receive, 1 << 16):  # what it still said before it died
        told += part
    os.close(receive)
    return int.from_bytes(told[-8:], "little")


def kill_many(root: Path, kills: int, seed: int) -> None:
    """Each time another mode and another moment."""
    rng = random.Random(seed)
    records = stream(4000, seed=seed)
    for kill in range(kills):
        directory, mode = root / str(kill), MODES[kill % 3]
        last = killed_run(directory, records, rng.randrange(1, 3500), mode)
        reader = JournalReader(directory)
        got = [bytes(view) for _, view in reader.records()]
        assert got == records[: len(got)], f"seed {seed}, kill {kill}, {mode}"
        assert len(got) >= last, f"seed {seed}, kill {kill}: {last} acknowledged, {len(got)} back"
        report = verify(directory)
        assert report.ok, list(report.lines())
        assert not report.closed
        assert Cause.NOT_CLOSED in {w.cause for w in report.warnings}
        with pytest.raises(JournalError, match="holds the journal of an earlier run"):
            JournalWriter(directory, session={})
        shutil.rmtree(directory)


@pytest.mark.e2e
@pytest.mark.timeout(60)
def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    kill_many(tmp_path, KILLS, 20)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_hundreds_of_sigkills(tmp_path: Path) -> None:
    kill_many(tmp_path, max(KILLS, 500), 21)


@pytest.mark.soak
@pytest.mark.timeout(36_000)
def test_ten_thousand_sigkills(tmp_path: Path) -> None:
    kill_many(tmp_path, max(KILLS, 10_000), 22)


@pytest.mark.e2e
def test_verify_and_read_beside_a_writer_at_work(tmp_path: Path) -> None:
    records = stream(30_000, seed=6)
    directory, whole = tmp_path / "live", b"".join(records)
    with JournalWriter(directory, session={}, segment_slots=2048) as writer:
        child = os.fork()
        if child == 0:
            code = 0
            for _ in range(60):
                report = verify(directory)
                got = b"".join(s.tobytes() for s in JournalReader(directory).slots())
                if not report.ok or not whole.startswith(got):
                    os.write(2, "\n".join(report.lines()).encode())
                    code = 1
            os._exit(code)
        for body in records:
            writer.append(body)
    assert os.waitpid(child, 0)[1] == 0


def test_record_written_but_not_counted_is_found(tmp_path: Path) -> None:
    """The states a kill between slot, checksum and count can leave, made by hand."""
    writer = JournalWriter(tmp_path / "j", session={}, segment_slots=64)
    for body in stream(12, seed=4):
        writer.append(body)
    path = tmp_path / "j" / "segment-000001.ttj"
    before = path.read_bytes()
    writer.append(record(13))
    after = path.read_bytes()
    writer.close()
    path.write_bytes(before)
    file = SegmentFile(path)
    slot_at, sum_at = file.offset_of(file.claimed), 4096 + 4 * file.claimed
    slot, crc = after[slot_at : slot_at + 64], after[sum_at : sum_at + 4]
    (tmp_path / "j" / "manifest.json").unlink()
    for slot_bytes, with_sum, found, cause in (
        (17, False, 12, Cause.TORN),
        (64, False, 12, Cause.TORN),
        (64, True, 13, Cause.UNPUBLISHED),
    ):
        image = bytearray(before)
        image[slot_at : slot_at + slot_bytes] = slot[:slot_bytes]
        if with_sum:
            image[sum_at : sum_at + 4] = crc
        path.write_bytes(image)
        assert JournalReader(tmp_path / "j", strict=False).record_count == found
        report = verify(tmp_path / "j")
        assert [f.cause for f in report.faults] == [Cause.MANIFEST]
        assert [w.cause for w in report.warnings] == [cause]


def test_kill_while_closing_and_while_making_a_segment(tmp_path: Path) -> None:
    with JournalWriter(tmp_path, session={}, segment_slots=64) as writer:
        writer.append_many(as_slots(stream(20)))
        full = (tmp_path / "segment-000001.ttj").stat().st_size
    path = tmp_path / "segment-000001.ttj"
    with path.open("r+b") as file:  # closed, not yet cut
        file.truncate(full)
    (tmp_path / "segment-000002.ttj.tmp").write_bytes(bytes(100))
    report = verify(tmp_path)
    assert report.ok
    assert {w.cause for w in report.warnings} == {Cause.NOT_CLOSED, Cause.EXTRA_FILE}
    assert JournalReader(tmp_path).record_count == 20


def test_leftovers_of_a_writer_that_died_at_once_do_not_block(tmp_path: Path) -> None:
    (tmp_path / "journal.lock").write_text("999999\n")
    (tmp_path / "segment-000001.ttj.tmp").write_bytes(b"half")
    with JournalWriter(tmp_path, session={}, segment_slots=8) as writer:
        writer.append(record(1))
    assert verify(tmp_path).ok


# ---- full disks ----


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The largest file this process may write; Python ignores the signal of it.

    Lifted within the test: the runner reports a result before fixtures end, and its own output may
    be a larger file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_room_for_the_first_segment_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    with file_size_limit(100_000):
        with pytest.raises(JournalFullError, match=r"no space for a segment of .* free disk"):
            JournalWriter(tmp_path / "new", session={}, segment_slots=4096)
        with pytest.raises(JournalFullError, match=r"smaller segments$"):  # nothing was written
            JournalWriter(tmp_path / "old", session={}, segment_slots=4096)
    assert not (tmp_path / "new").exists()
    assert list((tmp_path / "old").iterdir()) == []


def test_no_room_on_rotation_closes_what_was_written(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, session={}, segment_slots=1024)
    records = [record(i) for i in range(1, 2049)]
    writer.prepare()
    with file_size_limit(50_000):  # the second segment is there, the third cannot be made
        for body in records:
            writer.append(body)
        with pytest.raises(JournalFullError, match=r"\. The open segment goes on$"):
            writer.prepare()
        full = "Everything written before is closed and valid"
        with pytest.raises(JournalFullError, match=full):
            writer.append(record(2049))
    with pytest.raises(JournalError, match="is closed"):
        writer.append(record(2049))
    with file_size_limit(50_000):
        writer.close({"halted": "disk full"})
    report = verify(tmp_path)
    assert report.ok
    assert report.closed
    assert not report.warnings
    reader = JournalReader(tmp_path)
    assert [bytes(v) for _, v in reader.records()] == records
    assert reader.result == {"halted": "disk full"}


TINY_DISK = textwrap.dedent(
    """
    import json, sys
    from pathlib import Path
    from journal_records import record
    from tectra.core.errors import JournalFullError
    from tectra.journal import JournalReader, JournalWriter, verify

    where = Path(sys.argv[1])
    writer = JournalWriter(where / "j", session={}, segment_slots=2000)
    seq = 0
    try:
        while seq < 100_000:
            writer.append(record(seq + 1))
            seq += 1
    except JournalFullError as error:
        message = str(error)
    report = verify(where / "j")
    print(json.dumps({
        "seq": seq, "message": message, "ok": report.ok, "closed": report.closed,
        "read": JournalReader(where / "j").record_count,
        "files": sorted(p.name for p in (where / "j").iterdir()),
    }))
    """
)


@pytest.mark.e2e
@pytest.mark.timeout(30)
def test_disk_full_for_real(tmp_path: Path, fresh_env: dict[str, str]) -> None:
    """On a file system of 1 MiB, mounted for one process, or on TECTRA_TEST_FULL_DISK."""
    given = os.environ.get("TECTRA_TEST_FULL_DISK")
    env = fresh_env | {"PYTHONPATH": f"{fresh_env['PYTHONPATH']}:{ROOT / 'tests' / 'support'}"}
    run = [sys.executable, "-P", "-c", TINY_DISK, given or str(tmp_path)]
    if not given:
        unshare = shutil.which("unshare")
        mount = f"mount -t tmpfs -o size=1m tmpfs {tmp_path}"
        if unshare is None:
            pytest.skip("no unshare(1) to mount a tiny disk; set TECTRA_TEST_FULL_DISK to one")
        probe = subprocess.run([unshare, "-rm", "sh", "-c", mount], capture_output=True, text=True)
        if probe.returncode:
            pytest.skip(
                f"cannot mount a tiny disk ({probe.stderr.strip()}); set TECTRA_TEST_FULL_DISK"
            )
        run = [unshare, "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh", *run]
    done = subprocess.run(run, capture_output=True, text=True, env=env, timeout=25)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "No space left on device" in found["message"]
    assert found["seq"] == found["read"] > 2000
    assert found["ok"]
    assert not [name for name in found["files"] if name.endswith(".tmp")]
