"""Records that carry a number, for tests of rings and buses."""

import numpy as np

from tectra.core.msg import DTYPES, Template


def record(number: int, template: Template = Template.BOOK_ADD, instrument: int = 0) -> bytes:
    """A record that carries `number` as its time and in its last word."""
    row = np.zeros(1, DTYPES[template])
    row["block_length"] = row.dtype.itemsize - 8
    row["template_id"] = template
    row["ts_event_ns"] = number
    row["instrument_id"] = instrument
    raw = bytearray(row.tobytes())
    raw[-8:] = number.to_bytes(8, "little")
    return bytes(raw)


def wide(number: int) -> bytes:
    return record(number, Template.BOOK_ADD_ATTRIBUTED)


def seq_of(rec: bytes) -> int:
    """What the ring wrote into ring_seq."""
    return int.from_bytes(rec[8:16], "little")


def number_of(rec: bytes) -> int:
    assert rec[-8:] == rec[16:24]
    return int.from_bytes(rec[16:24], "little")


def template_of(rec: bytes) -> int:
    return int.from_bytes(rec[2:4], "little")


def gap_of(rec: bytes) -> tuple[int, int]:
    row = np.frombuffer(rec, DTYPES[Template.GAP])[0]
    assert int(row["template_id"]) == Template.GAP
    return int(row["first_seq"]), int(row["last_seq"])
