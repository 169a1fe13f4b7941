"""The synthetic day: the same for the same seed, with books in which everything is there."""

import hashlib
from collections import Counter
from pathlib import Path

import itch_model
import pytest

from tectra.core.errors import InputError
from tectra.feed import BinaryFile, ItchFeed
from tectra.feed.itch_stats import collect
from tectra.feed.synthetic import SYMBOLS, generate_day, generate_messages, main
from tectra.paths import sample_day

SMALL = "94f56c5cdda92c205794362e4af64e4ed29b50cf4f5808791d2e3569b58fd304"
BUNDLED = "b7e51fbb1541ba70bc30806d78b2a12e8f884b9cfef2813732f02a368886ca1e"


class Book:
    """Orders and level sums of the whole market, in plain Python."""

    def __init__(self) -> None:
        self.orders: dict[int, list[int]] = {}
        self.levels: dict[int, tuple[Counter[int], Counter[int]]] = {}

    def change(self, locate: int, side: int, px: int, qty: int) -> None:
        level = self.levels.setdefault(locate, (Counter(), Counter()))[side]
        level[px] += qty
        assert level[px] >= 0
        if level[px] == 0:
            del level[px]

    def add(self, ref: int, locate: int, side: int, px: int, qty: int) -> None:
        assert ref not in self.orders
        assert qty > 0
        assert px > 0
        self.orders[ref] = [locate, side, px, qty]
        self.change(locate, side, px, qty)

    def take(self, ref: int, qty: int | None = None) -> list[int]:
        order = self.orders[ref]
        qty = order[3] if qty is None else qty
        assert 0 < qty <= order[3]
        order[3] -= qty
        self.change(*order[:3], -qty)
        if order[3] == 0:
            del self.orders[ref]
        return order

    def best(self, locate: int) -> tuple[int | None, int | None]:
        bids, asks = self.levels.get(locate, (Counter(), Counter()))
        return max(bids, default=None), min(asks, default=None)

    def apply(self, name: str, r: dict) -> None:
        if name.startswith("book_add"):
            self.add(r["order_ref"], r["instrument_id"], r["side"] - 1, r["px"], r["qty"])
        elif name == "book_execute":
            order = self.orders[r["order_ref"]]
            assert order[2] == self.best(order[0])[order[1]], "executed behind the best price"
            self.take(r["order_ref"], r["qty"])
        elif name in ("book_execute_priced", "book_cancel"):
            self.take(r["order_ref"], r["qty"])
        elif name == "book_delete":
            self.take(r["order_ref"])
        elif name == "book_replace":
            locate, side, *_ = self.take(r["order_ref"])
            self.add(r["new_order_ref"], locate, side, r["px"], r["qty"])


def content(path: Path) -> bytes:
    with BinaryFile(path) as file:
        return b"".join(file.chunks())


def audit(data: bytes) -> Counter[str]:
    """Replay a day in the plain book; returns messages by type."""
    book, last, seen = Book(), 0, Counter()
    halted: set[int] = set()
    for message in itch_model.frames(data):
        name, r = itch_model.decode(message)
        code, locate = chr(message[0]), r["instrument_id"]
        assert r["ts_event_ns"] >= last
        last = r["ts_event_ns"]
        seen[code] += 1
        if code == "H":
            (halted.discard if r["state"] == b"T" else halted.add)(locate)
        assert not (code in "EP" and locate in halted), "a trade in a halted symbol"
        book.apply(name, r)
        bid, ask = book.best(locate)
        assert bid is None or ask is None or bid < ask, "a crossed book"
    assert not book.orders
    return seen


def test_small_day(tmp_path: Path) -> None:
    done = generate_day(tmp_path / "day.itch.gz", seed=7, messages=8000)
    data = content(done.path)
    assert hashlib.sha256(data).hexdigest() == done.sha256 == SMALL
    seen = audit(data)
    assert seen == done.by_type
    assert seen.total() == done.messages
    assert set(seen) == set("SRHYLVIQADEXUFCPB")
    events = [m[11:12] for m in itch_model.frames(data) if m[:1] == b"S"]
    assert b"".join(events) == b"OSQMEC"
    assert seen["H"] == len(SYMBOLS) + 3
    assert seen["Q"] == 2 * len(SYMBOLS) + 1


def test_seed_decides(tmp_path: Path) -> None:
    days = [
        generate_day(tmp_path / name, seed, ("A", "B"), 2000, "2020-02-03")
        for name, seed in (("a.itch.gz", 1), ("b.itch.gz", 1), ("c.itch.gz", 2))
    ]
    a, b, c = (day.path.read_bytes() for day in days)
    assert a == b
    assert a != c
    with ItchFeed(days[0].path) as feed:
        assert (str(feed.date), feed.instruments) == ("2020-02-03", {1: "A", 2: "B"})


def test_refuses(tmp_path: Path) -> None:
    path = tmp_path / "x.itch"
    for bad in ({"symbols": ()}, {"symbols": ("A", "A")}, {"messages": 10}, {"date": "today"}):
        with pytest.raises(InputError):
            generate_day(path, **bad)
    assert not path.exists()


def test_bundled_day(capsys: pytest.CaptureFixture[str]) -> None:
    stats = collect(sample_day())
    assert hashlib.sha256(content(sample_day())).hexdigest() == BUNDLED
    assert stats.symbols == tuple(sorted(SYMBOLS))
    assert (stats.unknown, stats.malformed, stats.trailing_bytes) == (0, 0, 0)
    assert stats.end_of_session
    assert 200_000 < stats.total < 400_000
    assert 2 << 20 < stats.disk_bytes < 4 << 20
    with ItchFeed(sample_day()) as feed:
        assert str(feed.date) == "2026-01-05"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_bundled_day_is_what_the_command_makes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "sample.itch.gz"), "--seed", "1"]) == 0
    assert BUNDLED in capsys.readouterr().out
    assert audit(content(tmp_path / "sample.itch.gz")).total() == collect(sample_day()).total


def test_fast_stream() -> None:
    data = generate_messages(20_000, seed=5, locates=100)
    messages = list(itch_model.frames(data))
    assert len(messages) == 20_000
    assert sum(len(m) + 2 for m in messages) == len(data)
    locates = {itch_model.decode(m)[1]["instrument_id"] for m in messages}
    assert locates <= set(range(101))
    assert data == generate_messages(20_000, seed=5, locates=100)
    share = Counter(chr(m[0]) for m in messages)
    assert 0.41 < share["A"] / 20_000 < 0.45
