"""Repair: what it keeps, what it names, that it is whole or not there, and what it refuses."""

import fcntl
import os
import resource
import shutil
import sys
from pathlib import Path

import pytest
from journal_damage import CAPACITY, SLOTS_AT, Scene, make_scene, segment, write_at
from journal_records import as_slots, record, stream

from tectra.core.errors import JournalError, JournalFullError
from tectra.core.msg import Template
from tectra.journal import (
    Cause,
    JournalReader,
    JournalWriter,
    Manifest,
    SegmentFile,
    repair,
    verify,
)
from tectra.journal.checkpoint import sign_journal
from tectra.journal.options import epoch_of
from tectra.journal.retention import compact_journal, prune_journals, unpack_journal
from tectra.journal.scan import crc32c
from tectra.journal.sign import SigningKey


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("repair") / "j")


@pytest.fixture
def copy(scene: Scene, tmp_path: Path) -> Path:
    return Path(shutil.copytree(scene.path, tmp_path / "copy"))


def tree(path: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    found = (p for p in path.rglob("*") if p.is_file())
    return {str(p.relative_to(path)): p.read_bytes() for p in found}


def records_of(path: Path) -> list[bytes]:
    return [bytes(view) for _, view in JournalReader(path).records()]


def hurt(path: Path) -> None:
    """Damage of three kinds, one in each of three segments."""
    write_at(segment(path, 2), SLOTS_AT + 64 * 7, bytes(64 * 3))
    write_at(segment(path, 3), 0, bytes(4096))
    segment(path, 4).write_bytes(segment(path, 4).read_bytes()[: SLOTS_AT + 64 * 30])


def test_a_sound_journal_is_copied(copy: Path, tmp_path: Path) -> None:
    report = repair(copy, tmp_path / "out")
    assert tree(tmp_path / "out") == tree(copy)
    assert not report.changed
    assert report.kept_as_is == report.segments == 5
    assert not report.holes


def test_holes_are_named_and_declared(copy: Path, scene: Scene, tmp_path: Path) -> None:
    hurt(copy)
    report = repair(copy, tmp_path / "out")
    two, four = report.holes
    assert (two.segment_id, two.offset, two.bytes) == (2, SLOTS_AT + 64 * 7, 64 * 3)
    assert (two.cause, four.cause) == ("crc", "truncated")
    got = records_of(tmp_path / "out")
    seqs = {int.from_bytes(b[8:16], "little") for b in got}
    missing = sorted(set(range(100, 250)) - seqs)
    assert [*range(two.after + 1, two.before), *range(four.after + 1, four.before)] == missing
    assert report.lost == len(missing) == two.records + four.records
    again = verify(tmp_path / "out")
    assert again.ok
    assert again.closed
    said = [str(w) for w in again.warnings]
    assert [w.cause for w in again.warnings] == [Cause.REPAIRED] * 2
    assert f"{two.records} record" in said[0]
    assert f"missing between {two.after} and {two.before} (crc)" in said[0]
    loaded = Manifest.load(tmp_path / "out")
    assert loaded.repair is not None
    assert loaded.repair.was_closed
    assert loaded.session == {"seed": 3}


def test_repair_of_the_repaired_is_the_same(copy: Path, tmp_path: Path) -> None:
    hurt(copy)
    repair(copy, tmp_path / "once")
    assert not repair(tmp_path / "once", tmp_path / "twice").changed
    assert tree(tmp_path / "once") == tree(tmp_path / "twice")


def test_damage_to_a_repaired_journal_adds_to_its_holes(copy: Path, tmp_path: Path) -> None:
    hurt(copy)
    first = repair(copy, tmp_path / "once")
    write_at(segment(tmp_path / "once", 1), SLOTS_AT + 64 * 3, bytes(64))
    second = repair(tmp_path / "once", tmp_path / "twice")
    assert [h for h in second.holes if h in first.holes] == first.holes
    assert len(second.holes) == 3
    assert verify(tmp_path / "twice").ok


def test_an_undeclared_gap_beside_a_declared_one_is_a_fault(copy: Path, tmp_path: Path) -> None:
    hurt(copy)
    repair(copy, tmp_path / "out")
    manifest = Manifest.load(tmp_path / "out")
    body = manifest.text().replace(b'"after": 1', b'"after": 2', 1)
    fixed = body.replace(manifest_sum(body), b'"00000000"')
    (tmp_path / "out" / "manifest.json").write_bytes(
        body.replace(manifest_sum(body), b'"%08x"' % crc32c(fixed))
    )
    report = verify(tmp_path / "out")
    assert Cause.GAP in {f.cause for f in report.faults}, list(report.lines())


def manifest_sum(body: bytes) -> bytes:
    return body.rsplit(b'"crc32c": ', 1)[1].split(b"\n")[0]


# ---- what is recovered ----


def test_manifest_made_anew_proves_its_session(copy: Path, scene: Scene, tmp_path: Path) -> None:
    path = copy / "manifest.json"
    body = path.read_bytes()
    for n, (text, session) in enumerate(
        (
            (body.replace(b'"slots": 4', b'"slots": 5', 1), {"seed": 3}),
            (body.replace(b'"seed": 3', b'"seed": 4'), {}),
            (body[:-30], {}),
            (b"", {}),
        )
    ):
        path.write_bytes(text)
        report = repair(copy, tmp_path / str(n))
        made = Manifest.load(tmp_path / str(n))
        assert made.session == session
        assert (made.closed, made.run_seed, made.segment_slots) == (True, 0, CAPACITY)
        assert report.kept_as_is == 5
        assert records_of(tmp_path / str(n)) == scene.records


def test_epoch_follows_from_the_session_as_the_writer_has_it(tmp_path: Path) -> None:
    session = {"b": [1, "ü", None], "a": {"y": 0.5}}
    with JournalWriter(tmp_path, session=session) as writer:
        assert writer.epoch == epoch_of(session)


def test_block_moved_to_another_segment_with_its_sums(
    copy: Path, scene: Scene, tmp_path: Path
) -> None:
    """The seed of the sums tells where four slots belong that lie behind another segment's end."""
    body = segment(copy, 2).read_bytes()
    target = segment(copy, 5)
    used = scene.used[4]
    write_at(target, SLOTS_AT + 64 * used, body[SLOTS_AT + 640 : SLOTS_AT + 640 + 256])
    write_at(target, 4096 + 4 * used, body[4096 + 40 : 4096 + 56])
    write_at(segment(copy, 2), SLOTS_AT + 640, bytes(256))
    write_at(segment(copy, 2), 4096 + 40, bytes(16))
    report = repair(copy, tmp_path / "out")
    assert report.recovered == 4
    assert records_of(tmp_path / "out") == scene.records
    assert not report.holes


def test_segments_under_wrong_names_and_twice(copy: Path, scene: Scene, tmp_path: Path) -> None:
    """What a header says counts; a copy under another name helps where the other is damaged."""
    segment(copy, 2).rename(copy / "x")
    segment(copy, 3).rename(segment(copy, 2))
    (copy / "x").rename(segment(copy, 3))
    shutil.copy(segment(copy, 4), copy / "segment-000004 (copy).ttj")
    write_at(segment(copy, 4), SLOTS_AT, bytes(64 * 10))
    report = repair(copy, tmp_path / "out")
    assert records_of(tmp_path / "out") == scene.records
    assert not report.holes
    assert sorted(tree(tmp_path / "out")) == sorted(tree(scene.path))


def test_every_header_lost_but_the_manifest_there(copy: Path, scene: Scene, tmp_path: Path) -> None:
    for number in range(1, 6):
        write_at(segment(copy, number), 0, bytes(4096))
    segment(copy, 1).rename(copy / "segment-000009.ttj")
    report = repair(copy, tmp_path / "out")
    assert records_of(tmp_path / "out") == scene.records
    assert not report.holes


def test_checksums_lost_but_the_digest_right(copy: Path, scene: Scene, tmp_path: Path) -> None:
    write_at(segment(copy, 2), 4096, bytes(4 * CAPACITY))
    assert not repair(copy, tmp_path / "out").holes
    assert records_of(tmp_path / "out") == scene.records


def test_open_journal_with_torn_tail_and_uncounted_records(tmp_path: Path) -> None:
    records = stream(60, seed=8)
    writer = JournalWriter(tmp_path / "j", session={}, segment_slots=32)
    for body in records:
        writer.append(body)
    writer.flush()
    shutil.copytree(tmp_path / "j", tmp_path / "crash", ignore=shutil.ignore_patterns("*.tmp"))
    writer.close()
    last = max((tmp_path / "crash").glob("*.ttj"))
    file = SegmentFile(last)
    write_at(last, file.offset_of(file.claimed), b"\1" * 40)
    write_at(
        last,
        64,
        (file.claimed - 1 | (~(file.claimed - 1) & 0xFFFFFFFF) << 32).to_bytes(8, "little"),
    )
    report = repair(tmp_path / "crash", tmp_path / "out")
    assert records_of(tmp_path / "out") == records
    assert not report.holes
    found = Manifest.load(tmp_path / "out")
    assert found.closed
    assert found.repair is not None
    assert not found.repair.was_closed
    assert found.result is None


def test_second_half_that_looks_like_a_record(tmp_path: Path) -> None:
    """A wide record whose second half carries the bytes of a record: when the first half is lost,
    they are not taken for one.
    """
    wide = bytearray(record(5, Template.ORDER_EVENT))
    wide[64:128] = record(900, Template.BOOK_ADD)
    records = [record(i) for i in range(1, 5)] + [bytes(wide)] + [record(i) for i in range(6, 12)]
    with JournalWriter(tmp_path / "j", session={}, segment_slots=64) as writer:
        writer.append_many(as_slots(records))
    write_at(segment(tmp_path / "j", 1), SLOTS_AT + 4 * 64 + 30, b"\xff\xff")
    report = repair(tmp_path / "j", tmp_path / "out")
    assert records_of(tmp_path / "out") == records[:4] + records[5:]
    assert [(h.after, h.before) for h in report.holes] == [(4, 6)]


def test_gaps_that_were_written_are_declared(tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "j", session={}, segment_slots=8) as writer:
        for seq in (1, 2, 3, 7, 8, 9, 10, 11, 20, 21):
            writer.append(record(seq))
    report = repair(tmp_path / "j", tmp_path / "out")
    assert [(h.after, h.before, h.cause) for h in report.holes] == [
        (3, 7, Cause.GAP),
        (11, 20, Cause.GAP),
    ]
    assert report.records == 10
    assert verify(tmp_path / "out").ok


# ---- in place ----


def test_in_place_keeps_every_original_byte(copy: Path, scene: Scene, tmp_path: Path) -> None:
    hurt(copy)
    (copy / "notes.txt").write_text("mine")
    before = tree(copy)
    repair(copy, tmp_path / "out")
    report = repair(copy, in_place=True)
    assert report.out == str(copy)
    assert tree(copy / "damaged-1") == before
    now = {k: v for k, v in tree(copy).items() if not k.startswith("damaged-")}
    assert now == tree(tmp_path / "out")
    assert verify(copy).ok
    assert not copy.with_name("copy.part").exists()
    assert not repair(copy, in_place=True).changed
    assert not (copy / "damaged-2").exists()
    write_at(segment(copy, 1), SLOTS_AT, bytes(64))
    second = {k: v for k, v in tree(copy).items() if not k.startswith("damaged-")}
    repair(copy, in_place=True)
    assert tree(copy / "damaged-1") == before
    assert tree(copy / "damaged-2") == second


# ---- whole or not there ----

DIES = ("open", "os.rename", "os.remove", "os.mkdir", "os.link", "os.rmdir", "os.truncate")


def dies_at(step: int, path: Path, out: Path | None) -> bool:
    """Repair in a child that ends at its step-th change of the file system; did it end there?"""
    child = os.fork()
    if child == 0:
        left = step

        def count(event: str, args: tuple[object, ...]) -> None:
            nonlocal left
            if event not in DIES:
                return
            if event == "open" and not (isinstance(args[2], int) and args[2] & 3):
                return
            left -= 1
            if left == 0:
                os._exit(9)

        try:
            sys.addaudithook(count)
            repair(path, out, in_place=out is None)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_killed_at_any_change_it_is_whole_or_not_there(copy: Path, tmp_path: Path) -> None:
    hurt(copy)
    source = tree(copy)
    repair(copy, tmp_path / "want")
    want = tree(tmp_path / "want")
    out, steps = tmp_path / "out", 0
    while dies_at(steps + 1, copy, out):
        steps += 1
        assert tree(copy) == source
        if out.exists():
            assert tree(out) == want, f"step {steps}"
            shutil.rmtree(out)
    assert steps >= 8
    assert tree(out) == want
    assert not out.with_name("out.part").exists()


def test_killed_in_place_at_any_change(copy: Path, tmp_path: Path) -> None:
    hurt(copy)
    source = tree(copy)
    repair(copy, tmp_path / "want")
    want = tree(tmp_path / "want")
    steps = 0
    while dies_at(steps + 1, copy, None):
        steps += 1
        now = tree(copy)
        if now != source:
            plain = {k: v for k, v in now.items() if "/" not in k}
            assert plain == want, f"step {steps}"
            assert tree(copy / "damaged-1") == source, f"step {steps}"
            shutil.rmtree(copy)
            shutil.rmtree(copy.with_name("copy.part"), ignore_errors=True)
            for name, body in source.items():
                copy.mkdir(exist_ok=True)
                (copy / name).write_bytes(body)
    assert steps >= 15
    assert tree(copy / "damaged-1") == source


# ---- refusals ----


def test_refused_without_a_trace(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "x").write_text("x")
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine.part").mkdir()
    (tmp_path / "mine.part" / "letter.txt").write_text("dear")
    segment(copy, 2).unlink()
    before = tree(tmp_path)
    for source, out, message in (
        (copy, tmp_path / "taken", "exists; give a new or empty directory"),
        (copy, tmp_path / "file", "exists; give a new or empty directory"),
        (copy, copy / "below", "lies in the journal itself"),
        (copy, copy / ".." / "copy", "lies in the journal itself"),
        (copy, tmp_path / "no" / "where", "No such file or directory"),
        (copy, tmp_path / "mine", "which is not of a repair; move it away"),
        (tmp_path / "none", tmp_path / "out", "it does not exist"),
        (tmp_path / "file", tmp_path / "out", "is not a directory"),
        (tmp_path / "empty", tmp_path / "out", r"has no manifest\.json"),
    ):
        with pytest.raises(JournalError, match=message):
            repair(source, out)
        assert tree(tmp_path) == before
    with pytest.raises(JournalError, match="either a directory"):
        repair(copy)
    with pytest.raises(JournalError, match="either a directory"):
        repair(copy, tmp_path / "out", in_place=True)


def test_nothing_tells_which_run_it_is(copy: Path, tmp_path: Path) -> None:
    (copy / "manifest.json").unlink()
    for number in range(1, 6):
        write_at(segment(copy, number), 0, bytes(4096))
    with pytest.raises(JournalError, match="nothing tells which run this is"):
        repair(copy, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_refused_while_a_writer_or_another_repair_is_at_work(copy: Path, tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "live", session={}) as writer:
        writer.append(record(1))
        with pytest.raises(JournalError, match="is being written by another process; wait"):
            repair(tmp_path / "live", tmp_path / "out")
    part = tmp_path / "out.part"
    part.mkdir()
    with (part / "journal.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(JournalError, match="another repair"):
            repair(copy, tmp_path / "out")
    repair(copy, tmp_path / "out")


def test_nobody_changes_files_while_it_repairs_in_place(copy: Path, tmp_path: Path) -> None:
    hurt(copy)
    os.utime(copy / "manifest.json", ns=(0, 0))
    key = SigningKey.create(tmp_path / "key.pem")
    tried = []

    def others(*_: int) -> None:
        for work in (
            lambda: compact_journal(copy),
            lambda: unpack_journal(copy),
            lambda: sign_journal(copy, key, now_ns=1),
        ):
            with pytest.raises(JournalError, match="is being repaired or removed by another"):
                work()
        (pruned,) = (p for p in prune_journals(tmp_path, before_ns=1) if p.path == copy)
        assert not pruned.remove and "compacted, unpacked, signed or repaired" in pruned.reason
        with pytest.raises(JournalError, match="signed or repaired by another process; wait"):
            repair(copy, in_place=True)
        tried.append(1)

    repair(copy, in_place=True, progress=others)
    assert len(tried) > 1
    assert verify(copy).ok
    for path in (copy, copy / "damaged-1"):
        assert not {"checkpoints.jsonl", "compact.lock"} & {p.name for p in path.iterdir()}
    assert sign_journal(copy, key, now_ns=1).records


def test_no_repair_in_place_while_others_change_files(copy: Path, tmp_path: Path) -> None:
    """They do not hinder each other where they did not before: a journal is signed as it is
    compacted, and repaired elsewhere."""
    key = SigningKey.create(tmp_path / "key.pem")
    tried = []

    def others(*_: int) -> None:
        with pytest.raises(JournalError, match="being compacted, unpacked, signed or repaired"):
            repair(copy, in_place=True)
        sign_journal(copy, key, now_ns=1)
        tried.append(repair(copy, dry_run=True))

    compact_journal(copy, progress=others)
    assert len(tried) > 1
    assert len((copy / "checkpoints.jsonl").read_text().splitlines()) == len(tried)
    assert not repair(copy, in_place=True).changed


def test_no_room_leaves_nothing(copy: Path, tmp_path: Path) -> None:
    hurt(copy)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, hard))
    try:
        with pytest.raises(JournalFullError, match="free disk space"):
            repair(copy, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy"]


def test_names_of_segments_that_are_none(copy: Path, scene: Scene, tmp_path: Path) -> None:
    """Garbage under a far number is left out, and neither verify nor repair counts up to it."""
    (copy / "segment-999999999.ttj").write_bytes(b"junk" * 5000)
    (copy / "segment-000007.ttj").mkdir()
    (copy / "segment-000000.ttj").write_bytes(b"")
    (copy / "link").symlink_to(copy / "nowhere")
    report = verify(copy)
    assert report.faults_dropped > 900_000_000
    done = repair(copy, tmp_path / "out")
    assert sum("left out" in note for note in done.notes) == 4
    assert records_of(tmp_path / "out") == scene.records
    body = segment(copy, 2).read_bytes()
    page = bytearray(body[:4096])
    page[16:20] = (4_000_000_000).to_bytes(4, "little")
    page[60:64] = crc32c(bytes(page[:60])).to_bytes(4, "little")
    segment(copy, 2).write_bytes(bytes(page) + body[4096:])
    with pytest.raises(JournalError, match="says it is number 4000000000"):
        repair(copy, tmp_path / "far")
    assert not (tmp_path / "far.part").exists()


def test_dry_run_writes_nothing_and_says_the_same(copy: Path, tmp_path: Path) -> None:
    hurt(copy)
    before = tree(tmp_path)
    dry = repair(copy, dry_run=True)
    assert tree(tmp_path) == before
    wet = repair(copy, tmp_path / "out")
    assert dry.as_dict() | {"out": None} == wet.as_dict() | {"out": None}
    assert list(dry.lines())[-1] == "nothing written (dry run)"


# ---- packed segments and indexes ----


def test_packed_segments_stay_packed_and_keep_their_index(
    copy: Path, scene: Scene, tmp_path: Path
) -> None:
    compact_journal(copy)
    repair(copy, tmp_path / "same")
    assert tree(tmp_path / "same") == {k: v for k, v in tree(copy).items() if "lock" not in k}
    packed = copy / "segment-000002.ttj.zst"
    size = packed.stat().st_size
    write_at(packed, size - 300, bytes(20))
    report = repair(copy, tmp_path / "out")
    assert verify(tmp_path / "out").ok
    names = sorted(tree(tmp_path / "out"))
    assert {"segment-000001.ttj.zst", "segment-000002.ttj", "segment-000001.tti"} <= set(names)
    assert "segment-000002.tti" not in names
    assert len(report.holes) == 1
    assert report.kept_as_is >= 1  # the first; the chain behind the hole goes through other roots
    expect = [b for b, p in zip(scene.records, scene.places, strict=True) if p[0][0] != 2]
    assert records_of(tmp_path / "out") == expect


def test_packed_segment_whose_head_is_lost(copy: Path, scene: Scene, tmp_path: Path) -> None:
    compact_journal(copy)
    write_at(copy / "segment-000003.ttj.zst", 10, b"\0" * 20)
    assert not repair(copy, tmp_path / "out").holes
    assert records_of(tmp_path / "out") == scene.records
