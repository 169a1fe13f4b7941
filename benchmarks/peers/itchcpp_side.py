"""itchcpp: a C++ ITCH parser and book under Python objects. Run by its own environment.

usage: itchcpp_side.py DAY.itch    prints a JSON row for each case; the file is in memory before.
"""

import json
import sys
from pathlib import Path
from time import perf_counter_ns

from itchcpp.book import BookManager
from itchcpp.parser import MessageParser


def each_object(data: bytes) -> int:
    count = 0
    for message in MessageParser().parse_stream(data):
        if message.timestamp >= 0 and message.stock_locate >= 0:
            count += 1
    return count


def all_books(data: bytes) -> int:
    BookManager().process_stream(data)
    return 0


def main(path: Path) -> None:
    data = path.read_bytes()
    messages = 0
    for case, run in {"objects": each_object, "books": all_books}.items():
        start = perf_counter_ns()
        messages = run(data) or messages
        row = {"engine": "itchcpp", "case": case, "ns": perf_counter_ns() - start}
        print(json.dumps({**row, "messages": messages}))


main(Path(sys.argv[1]))
