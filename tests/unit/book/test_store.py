"""Durable snapshots: equal books come back, damage is passed over, no kill loses one."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from book_records import add, book_level, cancel, delete, execute, itch_records, replace

from tectra.book import (
    BookStore,
    ImageStamp,
    L2Book,
    L3Book,
    Trust,
    l2_image,
    l3_image,
    read_snapshot,
)
from tectra.core.crc32c import crc32c
from tectra.core.errors import (
    FileFormatError,
    InputError,
    LayoutVersionError,
    StateError,
    SystemCallError,
)
from tectra.core.msg import BookReason, BookStatus, MarketFlag, Side, Template
from tectra.core.record import iter_records

BUY, SELL = Side.BUY, Side.SELL
STAMP = ImageStamp(1_000, 5_000)


def some_l3() -> L3Book:
    """Three instruments and an empty one; partial fills, a replace, references of every kind."""
    book = L3Book(8)
    for n in range(1, 60):
        ref = n if n % 7 else 2**63 + n
        book.apply(add(ref, BUY if n % 2 else SELL, 100 + (n % 2 == 0) * 20 + n % 6, n, 1 + n % 3))
    book.apply(execute(5, 2, 3) + cancel(8, 1, 3) + delete(9, 1) + replace(10, 900, 121, 5, 2))
    assert book.fault_report().total == 0
    book.add_instrument(70_000)
    return book


def some_l2(instrument_id: int = 5) -> L2Book:
    book = L2Book(instrument_id)
    book.apply(b"".join(book_level(BUY, 100 - n, n, instrument_id) for n in range(1, 9)))
    book.apply(b"".join(book_level(SELL, 100 + n, n, instrument_id) for n in range(1, 5)))
    return book


def queues(book: L3Book) -> dict:
    return {i: [book.orders(i, side).tolist() for side in (BUY, SELL)] for i in book.instrument_ids}


def test_what_is_written_comes_back(tmp_path):
    book, levels = some_l3(), some_l2()
    empty = L2Book(6)
    trust = {2: Trust(BookStatus.STALE, BookReason.STALE, 77), 5: Trust(seq=12)}
    path = BookStore(tmp_path).write(
        STAMP, l3=book, l2=[levels, empty], trust=trust, session="s1", symbols={1: "AAPL"}
    )
    assert path.name == "books-000000000001.tts"
    found = BookStore(tmp_path).load()
    assert found is not None
    assert (found.ring_seq, found.ts_ns) == (1_000, 5_000)
    assert (found.about.session, found.about.symbols) == ("s1", {1: "AAPL"})
    warm = found.l3_book(instruments_max=8)
    assert warm.instrument_ids == book.instrument_ids == [2, 3, 1, 70_000]
    assert queues(warm) == queues(book)
    assert warm.digest() == book.digest() and warm.check()
    assert found.trust == {
        1: Trust(),
        2: trust[2],
        3: Trust(),
        5: trust[5],
        6: Trust(),
        70_000: Trust(),
    }
    books = found.l2_books()
    assert {i: b.digest() for i, b in books.items()} == {5: levels.digest(), 6: empty.digest()}
    # later life is the same as well: the next order gets the same number
    for b in (warm, book):
        b.apply(add(5_000, BUY, 100, 1, 1) + execute(900, 5, 2))
    assert warm.digest() == book.digest()


def test_the_digest_sees_what_matters():
    book, other = some_l3(), some_l3()
    assert book.digest() == other.digest()
    other.apply(add(9_000, BUY, 1, 1, 1) + delete(9_000, 1))
    assert book.digest() == other.digest()
    first, second = L3Book(2), L3Book(2)
    first.apply(add(1, BUY, 5, 5) + add(2, BUY, 5, 5))
    second.apply(add(2, BUY, 5, 5) + add(1, BUY, 5, 5))
    assert first.digest(priorities=False) != second.digest(priorities=False)
    third = L3Book(2)
    third.apply(add(7, BUY, 5, 5) + delete(7) + add(1, BUY, 5, 5) + add(2, BUY, 5, 5))
    assert third.digest() != first.digest()
    assert third.digest(priorities=False) == first.digest(priorities=False)
    assert some_l2().digest() == some_l2().digest() != some_l2(6).digest()


def test_records_are_what_any_reader_understands(tmp_path):
    book, levels = some_l3(), some_l2()
    found = read_snapshot(BookStore(tmp_path).write(STAMP, l3=book, l2=[levels]))
    names = [r.template for r in iter_records(found.records)]
    assert names[0] is Template.BOOK_CLEAR and names[-1] is Template.BOOK_STATUS
    assert names.count(Template.BOOK_ADD) == book.live_orders
    flags = {
        r.get_int("flags") for r in iter_records(found.records) if r.template is Template.BOOK_ADD
    }
    assert flags == {int(MarketFlag.SNAPSHOT)}
    plain = some_l3()  # full of what is about to be cleared
    plain.apply(found.records)
    assert plain.fault_report().total == 0
    assert plain.digest(priorities=False) == book.digest(priorities=False)
    again = some_l2()
    again.apply(found.records)
    assert again.digest() == levels.digest()
    assert not found.records.flags.writeable


def test_a_faulty_book_is_invalid_unless_told(tmp_path):
    book = some_l3()
    book.apply(execute(12_345, 1, 1))
    found = read_snapshot(BookStore(tmp_path).write(STAMP, l3=book))
    assert found.trust[1] == Trust(BookStatus.INVALID, BookReason.MALFORMED)
    assert found.trust[2] == Trust()


@pytest.mark.parametrize("cut", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_warm_start_and_tail_equal_the_cold_build(test_data, tmp_path, cut: float):
    """OB-22, OB-23 on half an hour of recorded order flow."""
    name = "itch/derived_AAPL_2012-06-21_0930-1000_from_lobster.itch.gz"
    records = itch_records(test_data / name)
    at = int(len(records) * cut)
    cold = L3Book(4)
    cold.apply(b"".join(records[:at]))
    BookStore(tmp_path).write(ImageStamp(at, 0), l3=cold)
    found = BookStore(tmp_path).load()
    assert found is not None and found.ring_seq == at
    warm = found.l3_book(instruments_max=4)
    assert warm.digest() == cold.digest()
    step = max(1, (len(records) - at) // 5)
    for start in range(at, len(records), step):
        part = b"".join(records[start : start + step])
        assert warm.apply(part) == cold.apply(part)
        assert warm.digest() == cold.digest()
    assert warm.fault_report().total == 0 and warm.check()


def test_cadence_and_what_is_kept(tmp_path):
    store = BookStore(tmp_path, every_records=100, every_ns=1_000, keep=2)
    book = some_l3()
    written = [
        bool(store.offer(ImageStamp(seq, ts), l3=book))
        for seq, ts in [(50, 0), (100, 1), (150, 2), (160, 900), (161, 1_002), (261, 1_003)]
    ]
    assert written == [False, False, True, False, True, True]
    assert [p.name for p in store.paths()] == ["books-000000000002.tts", "books-000000000003.tts"]
    assert not BookStore(tmp_path / "x", every_records=0).offer(STAMP, l3=book)
    assert BookStore(tmp_path / "x").load() is None


@pytest.mark.parametrize("options", [{"keep": 0}, {"every_records": -1}, {"every_ns": -1}])
def test_refused_options(tmp_path, options):
    with pytest.raises(InputError, match="allowed"):
        BookStore(tmp_path, **options)


def damage_cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def damage_bit(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def damage_header(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[24] ^= 1
    path.write_bytes(raw)


def damage_empty(path: Path) -> None:
    path.write_bytes(b"")


def damage_other(path: Path) -> None:
    path.write_bytes(b"\0" * 4096)


def damage_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [
    damage_cut,
    damage_bit,
    damage_header,
    damage_empty,
    damage_other,
    damage_directory,
]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda f: f.__name__)
def test_a_damaged_one_is_reported_and_the_one_before_taken(tmp_path, damage):
    store = BookStore(tmp_path)
    book = some_l3()
    store.write(ImageStamp(1, 1), l3=book)
    damage(store.write(ImageStamp(2, 2), l3=book))
    found = store.load()
    assert found is not None and found.ring_seq == 1
    ((path, reason),) = store.damaged
    assert path.name == "books-000000000002.tts" and reason
    damage(store.paths()[0])
    with pytest.raises(FileFormatError, match="none of 2 snapshots is whole"):
        store.load()


def test_every_bit_of_a_small_file_counts(tmp_path):
    book = L3Book(1)
    book.apply(add(1, BUY, 5, 5))
    path = BookStore(tmp_path).write(STAMP, l3=book)
    raw = path.read_bytes()
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 0x10]) + raw[at + 1 :])
        with pytest.raises(FileFormatError):
            read_snapshot(path)
    for size in range(len(raw)):
        path.write_bytes(raw[:size])
        with pytest.raises(FileFormatError):
            read_snapshot(path)


def test_a_newer_version_says_so(tmp_path):
    path = BookStore(tmp_path).write(STAMP)
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, 8, 2)
    struct.pack_into("<I", raw, 124, crc32c(bytes(raw[:124])))
    path.write_bytes(raw)
    with pytest.raises(LayoutVersionError, match="found version 2"):
        read_snapshot(path)


def test_only_one_writer(tmp_path):
    BookStore(tmp_path).write(STAMP, l3=some_l3())
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:  # holds the lock as a writer would, until told
        fd = BookStore(tmp_path)._lock()
        os.write(ready[1], b"x")
        os.read(go[0], 1)
        os._exit(fd < 0)
    os.read(ready[0], 1)
    with pytest.raises(StateError, match="another writer"):
        BookStore(tmp_path).write(STAMP)
    os.write(go[1], b"x")
    assert os.waitpid(child, 0)[1] == 0
    assert len(BookStore(tmp_path).paths()) == 1
    BookStore(tmp_path).write(STAMP)


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SystemCallError, match="no snapshot in"):
        BookStore(tmp_path / "file").write(STAMP)
    with pytest.raises(SystemCallError, match="give a directory"):
        BookStore(tmp_path / "file").load()
    with pytest.raises(SystemCallError):
        read_snapshot(tmp_path / "nothing")


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    store = BookStore(tmp_path)
    store.write(ImageStamp(1, 1), l3=some_l3())
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data) if len(data) < 200 else full())

    def full():
        raise OSError(28, "No space left on device")

    with pytest.raises(SystemCallError, match="No space left"):
        store.write(ImageStamp(2, 2), l3=some_l3())
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".lock"] == ["books-000000000001.tts"]
    found = store.load()
    assert found is not None and found.ring_seq == 1


def test_two_books_of_one_instrument_are_refused(tmp_path):
    with pytest.raises(InputError, match="2 books of 1 instruments"):
        BookStore(tmp_path).write(STAMP, l2=[some_l2(), some_l2()])
    assert BookStore(tmp_path).paths() == []


CALLS = ("open", "write", "fsync", "close", "unlink", "rename", "replace")


def killed_writer(directory: Path, step: int) -> bool:
    """A process that is killed at the `step`-th system call of a write, inside it where it writes;
    False when it came to its end.
    """
    book, store = some_l3(), BookStore(directory, keep=2)
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    left = [step]

    def dies(name, real):
        def call(*args, **kwargs):
            left[0] -= 1
            if left[0] == 0:
                if name == "write":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                os._exit(9)
            return real(*args, **kwargs)

        return call

    for name in CALLS:
        setattr(os, name, dies(name, getattr(os, name)))
    store.write(ImageStamp(100 + step, 0), l3=book)
    os._exit(0)


def test_a_kill_at_every_step_leaves_a_loadable_state(tmp_path):
    store = BookStore(tmp_path, keep=2)
    for seq in (1, 2):
        store.write(ImageStamp(seq, 0), l3=some_l3())
    steps = 0
    while killed_writer(tmp_path, steps + 1):
        steps += 1
        found = store.load()
        assert found is not None and store.damaged == ()
        assert found.l3_book(instruments_max=8).digest() == some_l3().digest()
        # the one before, or the one that was being written
        assert found.ring_seq in (2, 100 + steps, *range(101, 101 + steps))
    assert steps >= 10
    found = store.load()
    assert found is not None and found.ring_seq == 101 + steps
    assert len(store.paths()) == 2 and not list(tmp_path.glob("*.tmp"))


def test_images_of_nothing():
    image = l3_image(L3Book(1), STAMP)
    assert len(image.records) == len(image.priorities) == 0 and image.next_priority == 1
    assert len(l2_image(L2Book(1), STAMP)) == 128
    assert isinstance(image.records, np.ndarray)
