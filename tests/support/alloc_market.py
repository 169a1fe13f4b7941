"""What allocates on the side of market data, as scenes for alloc_faults.py: books, bars, feeds,
storage, the simulated exchange.
"""

import gzip
import random
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from alloc_scene import Scene
from book_records import add, book_level, delete, execute
from feed_records import NS, START, trade
from sim_scene import BUY, SELL, free
from sim_scene import Scene as SimScene

from tectra.book.features import OrderFlow
from tectra.book.image import ImageStamp, l3_image, restore
from tectra.book.l2 import L2Book
from tectra.book.l3 import L3Book
from tectra.book.metrics import MetricsPublisher
from tectra.core.columns import RecordColumns
from tectra.core.errors import OutOfMemoryError
from tectra.core.msg import Side
from tectra.feed.arbiter import Arbiter, ArbiterSettings
from tectra.feed.bar import BarBuilder, prints_of
from tectra.feed.batch import LaneMerger, scan
from tectra.feed.flow_gen import FlowGenerator, Regime
from tectra.feed.itch import ItchFeed, LocateMap
from tectra.feed.itch_encode import encode as itch
from tectra.feed.itch_stream import ItchStream
from tectra.feed.quality.book_watch import BookWatch
from tectra.feed.storage import MarketDataStorage
from tectra.feed.watch import FeedWatch
from tectra.protocol.mold import PacketBuilder

__all__ = ["SCENES"]


def _flow() -> list[bytes]:
    """Orders that make every part of a book set grow: many, far apart in price and in number, of
    instruments with small and large ids.
    """
    rng = random.Random(9)
    out, live = [], []
    for number in range(1, 5_000):
        instrument = rng.choice((1, 2, 3, rng.randrange(1 << 20, 1 << 30)))
        far = rng.random() < 0.3
        ref = rng.getrandbits(62) if number % 3 == 0 else number
        px = rng.randrange(1, 1 << 40) if far else 1_000_000 + rng.randrange(4_000)
        out.append(add(ref, rng.choice((1, 2)), px, 10, instrument, ring_seq=number))
        live.append((ref, instrument))
        if number % 50 == 0:
            ref, instrument = live.pop(rng.randrange(len(live)))
            out.append(rng.choice((delete(ref, instrument), execute(ref, 3, instrument))))
    return out


FLOW = _flow()
FLOW_BYTES = np.frombuffer(b"".join(FLOW), np.uint8)


COLUMN_ADDS = add(1, 1, 100, 10, 1) * (1 << 14)


def _columns() -> RecordColumns:
    made = RecordColumns(numbered=True)
    made.add(FLOW_BYTES)
    return made


def _add(columns: RecordColumns) -> list[tuple[str, bytes]]:
    """All of a batch that makes columns grow, and none without room."""
    columns.add(COLUMN_ADDS * 20)
    taken = columns.take()
    return [(n, c.tobytes()) for fields in taken.values() for n, c in fields.items()]


def _column_state(columns: RecordColumns) -> tuple[int, dict[Any, int]]:
    return columns.records, columns.rows


def _prefix(slots: int) -> str:
    """Digest of a book set that took the first slots."""
    book = L3Book()
    book.apply(FLOW_BYTES[: slots * 64])
    return book.digest()


def _l3_state(made: Any) -> tuple[bool, bool]:
    """Is the book that of the records it took, and is it sound?"""
    return made.book.digest() == _prefix(made.at), made.book.check()


def _by_record(made: Any) -> str:
    while made.at < len(FLOW):
        made.book.apply_record(FLOW[made.at])
        made.at += 1
    return made.book.digest()


def _by_batch(call: str) -> Callable[[Any], Any]:
    """Apply the rest; what failed says how many slots are in the book."""

    def act(made: Any) -> str:
        rest = FLOW_BYTES[made.at * 64 :]
        target = made.book if made.other is None else made.other
        apply = getattr(target, call)
        try:
            if call in ("apply", "level_updates"):
                apply(rest)
            elif call == "record_changes":
                apply(rest, 1)
            else:
                apply(made.book, rest, instrument_id=1)
        except MemoryError as error:
            made.at += error.slots_done
            raise
        made.at = len(FLOW)
        return made.book.digest()

    return act


def _l3(other: Callable[[L3Book], Any] | None = None) -> Callable[[], Any]:
    def make() -> Any:
        book = L3Book()
        return SimpleNamespace(book=book, at=0, other=other(book) if other else None)

    return make


def _prints(made: Any) -> str:
    try:
        prints_of(FLOW_BYTES[made.at * 64 :], book=made.book)
    except MemoryError as error:
        made.at += error.slots_done
        raise
    made.at = len(FLOW)
    return made.book.digest()


def _l2_updates(made: Any) -> str:
    for px in range(made.at, 600):
        made.book.apply_update(Side.BUY, 1_000 - px, px + 1)
        made.at = px + 1
    return made.book.digest()


def _l2_state(made: Any) -> tuple[list[tuple[int, int]], bool]:
    want = [(1_000 - px, px + 1) for px in range(made.at)]
    return made.book.depth_at(1_000)[0] == want, made.book.check()


_LEVELS = b"".join(book_level(1, 1_000 - n, n + 1, ring_seq=n + 1) for n in range(600))


def _l2_batch(made: Any) -> str:
    try:
        made.book.apply(_LEVELS[made.at * 64 :])
    except MemoryError as error:
        made.at += error.slots_done
        raise
    made.at = 600
    return made.book.digest()


def _bars() -> Any:
    return SimpleNamespace(bars=BarBuilder(["1s", "2t"], instruments_max=65536), at=0, got=[])


_BAR_FLOW = np.frombuffer(
    b"".join(
        [
            r
            for n, row in enumerate(FLOW)
            for r in (row, trade(START + n * NS // 50, 1_000 + n, 5, i=1 + n % 3))
        ]
    ),
    np.uint8,
)


def _bar_update(made: Any) -> str:
    try:
        got = made.bars.update(_BAR_FLOW[made.at * 64 :])
    except MemoryError as error:
        made.at += error.slots_done
        raise
    made.got.append(got)
    made.at = len(_BAR_FLOW) // 64
    return b"".join(part.tobytes() for part in made.got).hex()[-2000:]


_GROUPS = b"".join([trade(START + n, n + 1, i=1 + n % 200) for n in range(400)] + FLOW)


def _watched(_: Any) -> list[Any]:
    slots = np.frombuffer(_GROUPS, np.uint8)
    rows = scan(slots)
    ids, first, index = np.unique(rows.instrument_id, return_index=True, return_inverse=True)
    dense = np.empty(len(ids), np.uint32)
    dense[np.argsort(first)] = np.arange(len(ids), dtype=np.uint32)
    watch = BookWatch(4, 10)
    watch.update(slots, rows, dense[index].astype(np.uint32), 0)
    return [watch.counts, len(watch), watch.events[:3]]


def _push(made: Any) -> bytes:
    for number in range(40):
        if made.storage.total(f"S{number}") == 0:
            made.storage.push(f"S{number}", trade(START + number, number + 1))
    return made.storage.snapshot()


def _storage_state(made: Any) -> bool:
    """Every symbol that is there has its record."""
    return all(made.storage.total(s) == 1 for s in made.storage.symbols())


def _snapshot() -> bytes:
    storage = MarketDataStorage(8)
    for number in range(20):
        storage.push(f"S{number}", trade(START + number, number + 1))
    return storage.snapshot()


SNAPSHOT = _snapshot()


def _messages(orders: int) -> list[bytes]:
    """A directory of five symbols, and orders of them."""
    fixed = "Q", "N", 100, "N", "C", "Z", "P", "N", "N", "1", "N", 0, "N"
    out = [itch("R", n, n, f"A{n}", *fixed) for n in range(1, 6)]
    return out + [
        itch("A", 1 + n % 5, 10 + n, n + 1, "B", 100, f"A{1 + n % 5}", 10_000 + n)
        for n in range(orders)
    ]


def _packet(sequence: int, messages: list[bytes]) -> bytes:
    body = b"".join(struct.pack(">H", len(m)) + m for m in messages)
    return b"SESSION000" + struct.pack(">QH", sequence, len(messages)) + body


def _packets() -> list[bytes]:
    """Enough for the room of records to grow, with a gap that is filled late."""
    messages = _messages(12_000)
    parts = [messages[at : at + 30] for at in range(0, len(messages), 30)]
    packets = [_packet(1 + 30 * n, part) for n, part in enumerate(parts)]
    packets.insert(390, packets.pop(2))
    return packets


PACKETS = _packets()


def _stream() -> Any:
    settings = ArbiterSettings(lines=1, window=1 << 14, message_bytes=56)
    stream = ItchStream(settings, date="2024-01-02", histograms=4)
    return SimpleNamespace(stream=stream, at=0)


def _offer(made: Any) -> tuple[int, int]:
    while made.at < len(PACKETS):
        made.stream.offer(0, PACKETS[made.at], START, START + made.at)
        made.at += 1
    return made.stream.waiting, made.stream.expected


_COUNTED = ("waiting", "expected", "highest", "messages", "packets", "malformed")


def _stream_state(made: Any) -> bool:
    """Has the stream what was offered, and nothing else?"""
    plain = _stream()
    for number in range(made.at):
        plain.stream.offer(0, PACKETS[number], START, START + number)
    return all(getattr(made.stream, n) == getattr(plain.stream, n) for n in _COUNTED)


def _stream_close(made: Any) -> None:
    """Its records are those of the stream that nothing happened to."""
    plain = _stream()
    _offer(plain)
    assert made.stream.records(1 << 20).tobytes() == plain.stream.records(1 << 20).tobytes()


def _itch_file() -> Path:
    path = Path(tempfile.mkdtemp(prefix="tectra_test_alloc_")) / "day.itch.gz"
    raw = b"".join(struct.pack(">H", len(m)) + m for m in _messages(50))
    path.write_bytes(gzip.compress(raw, mtime=0))
    return path


def _drop_file(path: Path) -> None:
    path.unlink()
    path.parent.rmdir()


def _read_itch(path: Path) -> int:
    total = 0
    feed = ItchFeed(path, symbols=["A1", "A2"], date="2024-01-02")
    while (batch := feed.next_batch(64)) is not None:
        total += len(batch)
    feed.close()
    return total


def _sim() -> Any:
    return SimpleNamespace(scene=SimScene(free()), calls=_sim_calls(), at=0)


def _sim_calls() -> list[Callable[[SimScene], None]]:
    """Displayed and own orders on many instruments, and trades through both: every table of the
    exchange grows. Each call is one of its own.
    """
    calls: list[Callable[[SimScene], None]] = []
    for n in range(1, 1_200):
        i, px = 1 + n % 90, 1_000 + n % 600

        def show(s: SimScene, n: int = n, i: int = i, px: int = px) -> None:
            s.add(n, SELL, 2_000 + px, 10, instrument_id=i)

        def ask(s: SimScene, n: int = n, i: int = i, px: int = px) -> None:
            side, at = (BUY, px) if n % 3 else (BUY, 9_999)
            request = s.request(n, side=side, px=at, qty=15, instrument_id=i)
            s.sim.submit(request, now_ns=s.now_ns)

        def arrive(s: SimScene) -> None:
            s.sim.arrive()

        def through(s: SimScene, n: int = n, i: int = i) -> None:
            s.add(1_000_000 + n, SELL, 500, 10_000, instrument_id=i)

        calls += [show, ask]
        if n % 7 == 0:
            calls += [arrive] * 7
        if n % 40 == 0:
            calls.append(through)
    return calls


def _trade(made: Any) -> str:
    while made.at < len(made.calls):
        now = made.scene.now_ns
        try:
            made.calls[made.at](made.scene)
        except MemoryError:
            made.scene.now_ns = now
            raise
        made.at += 1
    made.scene.sim.check()
    return _sim_said(made.scene)


def _sim_said(scene: SimScene) -> str:
    sim = scene.sim
    return f"{sim.stats()} {sim.open_orders()} {sim.next_report_ns} {sim.book.digest()}"


def _sim_state(made: Any) -> bool:
    """Is the exchange where the calls made so far leave it?"""
    plain = SimScene(free())
    for call in made.calls[: made.at]:
        call(plain)
    made.scene.sim.check()
    return _sim_said(made.scene) == _sim_said(plain)


def _imaged() -> Any:
    book = L3Book()
    book.apply(FLOW_BYTES)
    return book.digest(), l3_image(book, ImageStamp(1, 2, 3))


DIGEST, IMAGE = _imaged()


def _restored(_: Any) -> bool:
    book = restore(IMAGE.records, IMAGE.priorities, next_priority=IMAGE.next_priority)
    return book.digest() == DIGEST


def _generated(_: Any) -> int:
    gen = FlowGenerator(["A", "B"], [100, 200], [Regime()], seed=1, start_ns=0)
    return len(gen.symbols)


def _merged(_: Any) -> int:
    merger = LaneMerger(40)
    for lane in range(40):
        merger.end(lane)
    return len(merger.take(64)[0])


SCENES = [
    Scene("columns", _columns, _add, _column_state, errors=(OutOfMemoryError,)),
    Scene("L2 new", lambda: None, lambda _: L2Book(1).digest()),
    Scene("L2 updates", lambda: SimpleNamespace(book=L2Book(1), at=0), _l2_updates, _l2_state),
    Scene("L2 batch", lambda: SimpleNamespace(book=L2Book(1), at=0), _l2_batch, _l2_state),
    Scene("L3 new", lambda: None, lambda _: L3Book(1 << 20).digest()),
    Scene("L3 records", _l3(), _by_record, _l3_state),
    Scene("L3 batch", _l3(), _by_batch("apply"), _l3_state),
    Scene("L3 changes", _l3(), _by_batch("record_changes"), _l3_state),
    Scene("L3 levels", _l3(), _by_batch("level_updates"), _l3_state),
    Scene("L3 flow", _l3(lambda _: OrderFlow(2)), _by_batch("follow"), _l3_state),
    Scene("L3 metrics", _l3(lambda book: MetricsPublisher(book, 2)), _by_batch("apply"), _l3_state),
    Scene("L3 prints", _l3(), _prints, _l3_state),
    Scene("L3 image", lambda: None, _restored),
    Scene("bars", _bars, _bar_update),
    Scene("book watch", lambda: None, _watched),
    Scene("feed watch", lambda: None, lambda _: len(FeedWatch(histograms=9).entries)),
    Scene("merger", lambda: None, _merged),
    Scene("storage", lambda: SimpleNamespace(storage=MarketDataStorage(8)), _push, _storage_state),
    Scene("storage restore", lambda: None, lambda _: MarketDataStorage.restore(SNAPSHOT).symbols()),
    Scene("flow generator", lambda: None, _generated),
    Scene("arbiter", lambda: None, lambda _: Arbiter(ArbiterSettings(lines=2)).settings.lines),
    Scene("packet builder", lambda: None, lambda _: PacketBuilder("S", sequence=1).next_sequence),
    Scene("locates", lambda: None, lambda _: LocateMap(["A", "B"]).missing()),
    Scene("ITCH file", _itch_file, _read_itch, close=_drop_file),
    Scene("ITCH stream", _stream, _offer, _stream_state, _stream_close),
    Scene("exchange", _sim, _trade, _sim_state),
]
