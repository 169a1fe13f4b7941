"""Records for book tests: made by hand, from ITCH bytes by a decoder of its own, and from LOBSTER
rows.
"""

import csv
import gzip
import io
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from tectra.core.msg import Side, Template
from tectra.core.record import encode

__all__ = [
    "add",
    "book_level",
    "cancel",
    "clear",
    "delete",
    "execute",
    "execute_priced",
    "itch_records",
    "lobster_rows",
    "replace",
    "seed_records",
]

LOBSTER_ID = 1
FIRST_SEED_REF = 1 << 40


def add(ref: int, side: int, px: int, qty: int, instrument_id: int = 1, **more: int) -> bytes:
    return encode(
        Template.BOOK_ADD,
        order_ref=ref,
        side=side,
        px=px,
        qty=qty,
        instrument_id=instrument_id,
        **more,
    )


def execute(ref: int, qty: int, instrument_id: int = 1, **more: int) -> bytes:
    return encode(
        Template.BOOK_EXECUTE, order_ref=ref, qty=qty, instrument_id=instrument_id, **more
    )


def execute_priced(ref: int, qty: int, exec_px: int, instrument_id: int = 1, **more: int) -> bytes:
    return encode(
        Template.BOOK_EXECUTE_PRICED,
        order_ref=ref,
        qty=qty,
        exec_px=exec_px,
        instrument_id=instrument_id,
        **more,
    )


def cancel(ref: int, qty: int, instrument_id: int = 1, **more: int) -> bytes:
    return encode(Template.BOOK_CANCEL, order_ref=ref, qty=qty, instrument_id=instrument_id, **more)


def delete(ref: int, instrument_id: int = 1, **more: int) -> bytes:
    return encode(Template.BOOK_DELETE, order_ref=ref, instrument_id=instrument_id, **more)


def replace(
    ref: int, new_ref: int, px: int, qty: int, instrument_id: int = 1, **more: int
) -> bytes:
    return encode(
        Template.BOOK_REPLACE,
        order_ref=ref,
        new_order_ref=new_ref,
        px=px,
        qty=qty,
        instrument_id=instrument_id,
        **more,
    )


def clear(instrument_id: int = 1, **more: int) -> bytes:
    return encode(Template.BOOK_CLEAR, instrument_id=instrument_id, **more)


def book_level(side: int, px: int, qty: int, instrument_id: int = 1, **more: int) -> bytes:
    return encode(
        Template.BOOK_LEVEL, side=side, px=px, qty=qty, instrument_id=instrument_id, **more
    )


def itch_messages(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 2 <= len(data):
        (size,) = struct.unpack_from(">H", data, at)
        yield data[at + 2 : at + 2 + size]
        at += 2 + size


def itch_records(path: Path) -> list[bytes]:
    """The book messages of a gzipped ITCH 5.0 file as records.

    Ring_seq counts all messages from 1.
    """
    out = []
    for seq, m in enumerate(itch_messages(gzip.decompress(path.read_bytes())), start=1):
        locate, ts = struct.unpack_from(">H", m, 1)[0], int.from_bytes(m[5:11], "big")
        head = {"instrument_id": locate, "ring_seq": seq, "ts_event_ns": ts}
        if m[:1] not in (b"A", b"F", b"E", b"C", b"X", b"D", b"U"):
            continue
        (ref,) = struct.unpack_from(">Q", m, 11)
        if m[:1] in (b"A", b"F"):
            side, qty = (
                (Side.BUY if m[19:20] == b"B" else Side.SELL),
                int.from_bytes(m[20:24], "big"),
            )
            out.append(add(ref, side, int.from_bytes(m[32:36], "big"), qty, **head))
        elif m[:1] == b"E":
            out.append(execute(ref, int.from_bytes(m[19:23], "big"), **head))
        elif m[:1] == b"C":
            qty, px = int.from_bytes(m[19:23], "big"), int.from_bytes(m[32:36], "big")
            out.append(execute_priced(ref, qty, px, **head))
        elif m[:1] == b"X":
            out.append(cancel(ref, int.from_bytes(m[19:23], "big"), **head))
        elif m[:1] == b"D":
            out.append(delete(ref, **head))
        else:
            new, qty, px = struct.unpack_from(">QII", m, 19)
            out.append(replace(ref, new, px, qty, **head))
    return out


def lobster_rows(path: Path) -> list[list[str]]:
    raw = path.read_bytes()
    text = gzip.decompress(raw).decode() if path.suffix == ".gz" else raw.decode()
    return [row for row in csv.reader(io.StringIO(text)) if row]


def seed_records(row: Iterable[int]) -> list[bytes]:
    """One order for each level of a LOBSTER book row: what rested before the file began has no
    reference.
    """
    cells = list(row)
    out = []
    for n in range(0, len(cells), 4):
        ask_px, ask_qty, bid_px, bid_qty = cells[n : n + 4]
        for side, px, qty in ((Side.SELL, ask_px, ask_qty), (Side.BUY, bid_px, bid_qty)):
            if qty > 0:
                out.append(add(FIRST_SEED_REF + len(out), side, px, qty, LOBSTER_ID))
    return out
