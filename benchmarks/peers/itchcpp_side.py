"""itchcpp: a C++ ITCH parser and book under Python objects. Run by its own environment.

usage: itchcpp_side.py DAY.itch    prints a JSON row for each case; the file is in memory before.
"""

import json
import sys
from array import array
from pathlib import Path
from time import process_time_ns

from itchcpp.book import BookManager
from itchcpp.parser import MessageParser


def each_object(data: bytes) -> int:
    """Every message as an object, nothing of it read."""
    count = 0
    for _ in MessageParser().parse_stream(data):
        count += 1
    return count


def two_fields(data: bytes) -> int:
    """Every message as an object, two fields read."""
    count = 0
    for message in MessageParser().parse_stream(data):
        if message.timestamp >= 0 and message.stock_locate >= 0:
            count += 1
    return count


def columns(data: bytes) -> int:
    """Two fields of every message and three more of adds, appended to arrays."""
    times, locates, refs, prices, shares = (array(t) for t in "qHQqq")
    for message in MessageParser().parse_stream(data):
        times.append(message.timestamp)
        locates.append(message.stock_locate)
        if message.message_type == b"A":
            refs.append(message.order_reference_number)
            prices.append(message.price)
            shares.append(message.shares)
    return len(times)


def all_books(data: bytes) -> int:
    BookManager().process_stream(data)
    return 0


CASES = {
    "iterate": each_object,
    "two fields": two_fields,
    "columns": columns,
    "books": all_books,
}


def main(path: Path) -> None:
    data = path.read_bytes()
    messages = 0
    for case, run in CASES.items():
        start = process_time_ns()
        messages = run(data) or messages
        row = {"engine": "itchcpp", "case": case, "ns": process_time_ns() - start}
        print(json.dumps({**row, "messages": messages}))


main(Path(sys.argv[1]))
