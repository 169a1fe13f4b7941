"""An ITCH 5.0 decoder in plain Python, written from the layout tables with `struct` and sharing
nothing with the library: what the compiled decoder is compared with.
"""

import struct
from collections.abc import Iterator

# Body formats after type, locate, tracking and the timestamp (which is read as 6 bytes).
BODIES = {
    "S": "c",
    "R": "8sccIcc2scccccIc",
    "H": "8scc4s",
    "Y": "8sc",
    "L": "4s8sccc",
    "V": "QQQ",
    "W": "c",
    "K": "8sIcI",
    "J": "8sIIII",
    "h": "8scc",
    "A": "QcI8sI",
    "F": "QcI8sI4s",
    "E": "QIQ",
    "C": "QIQcI",
    "X": "QI",
    "D": "Q",
    "U": "QQII",
    "P": "QcI8sIQ",
    "Q": "Q8sIQc",
    "B": "Q",
    "I": "QQc8sIIIcc",
    "N": "8sc",
    "O": "8scIIIQII",
}
SIZES = {code: 11 + struct.calcsize(">" + body) for code, body in BODIES.items()}
NO_PX = -(1 << 63)
I64_MAX = (1 << 63) - 1
SIDES = {b"B": 1, b"S": 2}


class Bad(Exception):
    """`kind` is type, length or range."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def _qty(value: int) -> int:
    if value > I64_MAX:
        raise Bad("range")
    return value


def _side(letter: bytes) -> int:
    if letter not in SIDES:
        raise Bad("range")
    return SIDES[letter]


def _order(code: str, body: tuple) -> tuple[str, dict]:
    if code in "AF":
        ref, side, qty, _, px, *rest = body
        fields = {"side": _side(side), "order_ref": ref, "px": px, "qty": qty}
        if rest:
            return "book_add_attributed", {**fields, "attribution": rest[0]}
        return "book_add", fields
    if code == "E":
        return "book_execute", dict(zip(("order_ref", "qty", "match_id"), body, strict=True))
    if code == "C":
        ref, qty, match, printable, px = body
        flags = 32 if printable == b"N" else 0
        fields = {"order_ref": ref, "qty": qty, "match_id": match, "exec_px": px, "flags": flags}
        return "book_execute_priced", fields
    if code == "X":
        return "book_cancel", dict(zip(("order_ref", "qty"), body, strict=True))
    if code == "D":
        return "book_delete", {"order_ref": body[0]}
    names = ("order_ref", "new_order_ref", "qty", "px")
    return "book_replace", dict(zip(names, body, strict=True))


def _trade(code: str, body: tuple) -> tuple[str, dict]:
    if code == "P":
        ref, side, qty, _, px, match = body
        aggressor = 3 - _side(side) if ref else 0
        fields = {"side": aggressor, "qty": qty, "px": px, "match_id": match, "flags": 4}
    elif code == "Q":
        fields = {"qty": _qty(body[0]), "px": body[2], "match_id": body[3], "flags": 8}
        _qty(body[0])
    else:
        fields = {"qty": 0, "px": NO_PX, "match_id": body[0], "flags": 16}
    return "trade", fields


def _status(code: str, body: tuple) -> tuple[str, dict]:
    kind = {"S": 1, "H": 2, "h": 3, "Y": 4, "W": 5, "N": 6}[code]
    if code in "SW":
        fields = {"state": body[0], "code": b"", "symbol": b""}
    elif code == "H":
        fields = {"state": body[1], "code": body[3].rstrip(b" "), "symbol": body[0].rstrip(b" ")}
    elif code == "h":
        fields = {"state": body[2], "code": body[1], "symbol": body[0].rstrip(b" ")}
    else:
        fields = {"state": body[1], "code": b"", "symbol": body[0].rstrip(b" ")}
    return "status", {"kind": kind, **fields}


def _other(code: str, body: tuple, message: bytes) -> tuple[str, dict]:
    if code == "R":
        fields = {"px_exponent": -4, "qty_exponent": 0, "symbol": body[0].rstrip(b" "), "tick": 1}
        more = {"lot": 1, "qty_min": 1, "qty_max": (1 << 32) - 1, "round_lot": body[3]}
        return "instrument", {**fields, **more, "details": message[19:39]}
    if code == "I":
        paired, imbalance, direction, _, far, near, reference, cross, variation = body
        return "auction", {
            "direction": direction, "cross_type": cross, "paired_qty": _qty(paired),
            "imbalance_qty": _qty(imbalance), "far_px": far, "near_px": near,
            "reference_px": reference, "price_variation": variation,
        }  # fmt: skip
    fields = {"protocol": 1, "msg_type": code.encode(), "msg_length": len(message)}
    return "venue_message", {**fields, "payload": message}


def decode(message: bytes, midnight_ns: int = 0) -> tuple[str, dict]:
    """Record name and all its fields. Raises Bad."""
    code = chr(message[0]) if message else ""
    if code not in BODIES:
        raise Bad("length" if not message else "type")
    if len(message) != SIZES[code]:
        raise Bad("length")
    locate = int.from_bytes(message[1:3], "big")
    ts = midnight_ns + int.from_bytes(message[5:11], "big")
    body = struct.unpack_from(">" + BODIES[code], message, 11)
    if code in "AFECXDU":
        name, fields = _order(code, body)
    elif code in "PQB":
        name, fields = _trade(code, body)
    elif code in "SWHhYN":
        name, fields = _status(code, body)
    else:
        name, fields = _other(code, body, message)
    return name, {"ts_event_ns": ts, "ts_recv_ns": ts, "instrument_id": locate, **fields}


def frames(data: bytes) -> Iterator[bytes]:
    """Whole messages of a BinaryFILE, up to its end or the end of session."""
    at = 0
    while at + 2 <= len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        if size == 0 or at + 2 + size > len(data):
            return
        yield data[at + 2 : at + 2 + size]
        at += 2 + size


def random_message(code: str, noise: bytes, *, side: bytes = b"B") -> bytes:
    """A valid message of a type with its other bytes taken from `noise` (at least 50 bytes)."""
    raw = bytearray(noise[: SIZES[code]].ljust(SIZES[code], b"\x20"))
    raw[0] = ord(code)
    if code in "AFP":
        raw[19:20] = side
    if code in "QI":
        raw[11] &= 0x7F
    if code == "I":
        raw[19] &= 0x7F
    return bytes(raw)
