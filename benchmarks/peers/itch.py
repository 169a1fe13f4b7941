"""ITCH 5.0 decoded and booked, beside a C++ parser under Python objects, over the same file.

    python benchmarks/peers/itch.py [--messages N] [--symbols N] [--rounds N] [--cache DIR]

Rounds are interleaved; each figure is the median. What itchcpp gives as objects, tectra gives as
objects, as arrays of records and as columns: time of itchcpp over time of tectra is printed.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

import numpy as np
from run import DEFAULT_CACHE, TIMEOUT_S, environment

from tectra.book import L3Book
from tectra.core.msg import DTYPES, HEAD, Template
from tectra.core.record import iter_records
from tectra.feed.itch import ItchFeed
from tectra.feed.itch_day import write_market_day
from tectra.journal.scan import walk

HERE = Path(__file__).resolve().parent
REQUIREMENT = "itchcpp==1.6.4"
BATCH_SLOTS = 1 << 14


def records(path: Path) -> None:
    with ItchFeed(path) as feed:
        out = np.empty(BATCH_SLOTS * 64, np.uint8)
        while feed.next_batch_into(out):
            pass


def columns(path: Path) -> None:
    """Time, instrument and, for adds, px and qty as arrays of their own."""
    with ItchFeed(path) as feed:
        while (batch := feed.next_batch(BATCH_SLOTS)) is not None:
            starts, _ = walk(batch)
            rows = batch.reshape(-1, 64)[starts].view(HEAD).reshape(-1)
            adds = batch.reshape(-1, 64)[starts].view(DTYPES[Template.BOOK_ADD]).reshape(-1)
            adds = adds[adds["template_id"] == Template.BOOK_ADD]
            for name in ("ts_event_ns", "instrument_id", "template_id"):
                np.ascontiguousarray(rows[name])
            for name in ("px", "qty", "order_ref"):
                np.ascontiguousarray(adds[name])


def objects(path: Path) -> None:
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
    "objects": objects,
    "books": books,
}
# What of itchcpp each case of tectra is held against.
AGAINST = {"records": "objects", "columns": "objects", "objects": "objects", "books": "books"}


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
            start = perf_counter_ns()
            run(path)
            times["tectra", case].append(perf_counter_ns() - start)
    with ItchFeed(path) as feed:
        while feed.next_batch(BATCH_SLOTS) is not None:
            pass
        messages = feed.messages
    print(f"{messages:,} messages, {args.symbols} symbols, medians of {args.rounds}")
    for (engine, case), each in sorted(times.items()):
        ns = statistics.median(each) / messages
        against = times["itchcpp", AGAINST[case]]
        ratio = statistics.median(against) / statistics.median(each)
        note = f"  itchcpp takes {ratio:.1f} times as long" if engine == "tectra" else ""
        print(f"{engine:8} {case:8} {ns:8.1f} ns a message{note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
