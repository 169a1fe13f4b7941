"""ITCH 5.0 decoded and booked, beside a C++ parser under Python objects, over the same file.

    python benchmarks/peers/itch.py [--messages N] [--symbols N] [--rounds N] [--cache DIR]

Rounds are interleaved; each figure is the median, in CPU time of the process. What itchcpp gives as
objects, tectra gives as objects, as arrays of records and as columns. Printed is the time of
itchcpp over that of tectra: objects against objects with the same fields read; columns against
objects that nothing is read of, that two fields are read of, and that are appended to arrays.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from time import process_time_ns

import numpy as np
from run import DEFAULT_CACHE, TIMEOUT_S, environment

from tectra.book import L3Book
from tectra.core.record import iter_records
from tectra.feed.columns import iter_columns, read_columns
from tectra.feed.itch import ItchFeed
from tectra.feed.itch_day import write_market_day

HERE = Path(__file__).resolve().parent
REQUIREMENT = "itchcpp==1.6.4"
BATCH_SLOTS = 1 << 14
BOOK_FIELDS = ("ts_event_ns", "instrument_id", "side", "order_ref", "px", "qty")


def records(path: Path) -> None:
    with ItchFeed(path) as feed:
        out = np.empty(BATCH_SLOTS * 64, np.uint8)
        while feed.next_batch_into(out):
            pass


def columns(path: Path) -> None:
    """Every field of every message as columns, 16,384 messages at a time."""
    with ItchFeed(path) as feed:
        for _ in iter_columns(feed):
            pass


def six_columns(path: Path) -> None:
    """The same with what a book needs."""
    with ItchFeed(path) as feed:
        for _ in iter_columns(feed, fields=BOOK_FIELDS):
            pass


def whole_day(path: Path) -> None:
    """The same six, one array each for the whole day, in memory."""
    with ItchFeed(path) as feed:
        read_columns(feed, fields=BOOK_FIELDS)


def iterate(path: Path) -> None:
    with ItchFeed(path) as feed:
        while (batch := feed.next_batch(BATCH_SLOTS)) is not None:
            for _ in iter_records(batch):
                pass


def two_fields(path: Path) -> None:
    with ItchFeed(path) as feed:
        while (batch := feed.next_batch(BATCH_SLOTS)) is not None:
            for record in iter_records(batch):
                if record.ts_event_ns < 0 or record.instrument_id < 0:
                    raise AssertionError(record)


def books(path: Path) -> None:
    book = L3Book()
    with ItchFeed(path) as feed:
        while (batch := feed.next_batch(BATCH_SLOTS)) is not None:
            book.apply(batch)


CASES: dict[str, Callable[[Path], None]] = {
    "records": records,
    "columns": columns,
    "six columns": six_columns,
    "whole day": whole_day,
    "iterate": iterate,
    "two fields": two_fields,
    "books": books,
}
# What of itchcpp each case of tectra is held against.
AGAINST = {
    "records": ("two fields",),
    "columns": ("iterate", "two fields", "columns"),
    "six columns": ("iterate", "two fields", "columns"),
    "whole day": ("iterate", "two fields", "columns"),
    "iterate": ("iterate",),
    "two fields": ("two fields",),
    "books": ("books",),
}


def ratio(peer: list[float], mine: list[float]) -> float:
    """Median of the ratios of the rounds: what loads the machine loads both of a round."""
    return statistics.median(p / m for p, m in zip(peer, mine, strict=True))


def measure_peer(python: Path, path: Path) -> list[dict[str, object]]:
    command = [str(python), str(HERE / "itchcpp_side.py"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=2_000_000)
    parser.add_argument("--symbols", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    args = parser.parse_args()
    python = environment(args.cache.resolve(), "itchcpp", REQUIREMENT)
    if python is None:
        return 1
    path = args.cache.resolve() / f"itch-{args.messages}-{args.symbols}.itch"
    if not path.exists():
        write_market_day(path, messages=args.messages, symbols=args.symbols, seed=1)
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    for _ in range(args.rounds):
        for row in measure_peer(python, path):
            times["itchcpp", str(row["case"])].append(int(str(row["ns"])))
        for case, run in CASES.items():
            start = process_time_ns()
            run(path)
            times["tectra", case].append(process_time_ns() - start)
    with ItchFeed(path) as feed:
        while feed.next_batch(BATCH_SLOTS) is not None:
            pass
        messages = feed.messages
    print(f"{messages:,} messages, {args.symbols} symbols, medians of {args.rounds}")
    for (engine, case), each in sorted(times.items()):
        ns = statistics.median(each) / messages
        note = ""
        if engine == "tectra":
            note = "  itchcpp takes, times as long: " + ", ".join(
                f"{name} {ratio(times['itchcpp', name], each):.1f}" for name in AGAINST[case]
            )
        print(f"{engine:8} {case:12} {ns:8.1f} ns a message{note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
