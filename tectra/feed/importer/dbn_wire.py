"""The Databento Binary Encoding, versions 1 to 3: metadata, record layouts, codes.

Little-endian; prices are int64 in units of 1e-9. Source: the layouts of the dbn crate.
"""

import struct
from dataclasses import dataclass, field

import numpy as np

from tectra.core.errors import FileFormatError, InputError, TruncatedInputError

__all__ = [
    "FLAG_LAST",
    "FLAG_SNAPSHOT",
    "HEADER",
    "LAYOUTS",
    "NO_PRICE",
    "NO_SIZE",
    "NO_TIME",
    "OHLCV_NS",
    "RTYPES",
    "SCHEMAS",
    "Mapping",
    "Metadata",
    "definition_layout",
    "encode_metadata",
    "read_metadata",
]

NO_PRICE = (1 << 63) - 1
NO_SIZE = (1 << 32) - 1
NO_TIME = (1 << 64) - 1
FLAG_LAST, FLAG_SNAPSHOT = 128, 32

SCHEMAS = {
    "mbo": 0,
    "mbp-1": 1,
    "mbp-10": 2,
    "tbbo": 3,
    "trades": 4,
    "ohlcv-1s": 5,
    "ohlcv-1m": 6,
    "ohlcv-1h": 7,
    "ohlcv-1d": 8,
    "definition": 9,
    "statistics": 10,
    "status": 11,
    "imbalance": 12,
    "ohlcv-eod": 13,
    "cmbp-1": 14,
    "cbbo-1s": 15,
    "cbbo-1m": 16,
    "tcbbo": 17,
    "bbo-1s": 18,
    "bbo-1m": 19,
}
RTYPES = {
    0x00: "trades",
    0x01: "mbp-1",
    0x0A: "mbp-10",
    0x12: "status",
    0x13: "definition",
    0x14: "imbalance",
    0x15: "error",
    0x16: "symbol_mapping",
    0x17: "system",
    0x18: "statistics",
    0x20: "ohlcv",
    0x21: "ohlcv",
    0x22: "ohlcv",
    0x23: "ohlcv",
    0x24: "ohlcv",
    0xA0: "mbo",
    0xB1: "cmbp-1",
    0xC0: "cbbo",
    0xC1: "cbbo",
    0xC2: "tcbbo",
    0xC3: "bbo",
    0xC4: "bbo",
}
_SECOND = 1_000_000_000
OHLCV_NS = {
    0x20: _SECOND,
    0x21: 60 * _SECOND,
    0x22: 3600 * _SECOND,
    0x23: 86_400 * _SECOND,
    0x24: 86_400 * _SECOND,
}
_FIXED = 100
_PREFIX = 8


def _layout(size: int, /, **fields: tuple[str, int]) -> np.dtype[np.void]:
    head = {
        "length": ("u1", 0),
        "rtype": ("u1", 1),
        "publisher_id": ("<u2", 2),
        "instrument_id": ("<u4", 4),
        "ts_event": ("<u8", 8),
    }
    every = {**head, **fields}
    return np.dtype(
        {
            "names": list(every),
            "formats": [f[0] for f in every.values()],
            "offsets": [f[1] for f in every.values()],
            "itemsize": size,
        }
    )


def _levels(count: int) -> dict[str, tuple[str, int]]:
    out = {}
    for i in range(count):
        at = 48 + 32 * i
        for name, form, offset in (
            ("bid_px", "<i8", 0),
            ("ask_px", "<i8", 8),
            ("bid_sz", "<u4", 16),
            ("ask_sz", "<u4", 20),
            ("bid_ct", "<u4", 24),
            ("ask_ct", "<u4", 28),
        ):
            out[f"{name}_{i}"] = (form, at + offset)
    return out


_TRADE = {
    "price": ("<i8", 16),
    "size": ("<u4", 24),
    "action": ("S1", 28),
    "side": ("S1", 29),
    "flags": ("u1", 30),
    "depth": ("u1", 31),
    "ts_recv": ("<u8", 32),
    "ts_in_delta": ("<i4", 40),
    "sequence": ("<u4", 44),
}
HEADER = _layout(16)
LAYOUTS = {
    "mbo": _layout(
        56,
        order_id=("<u8", 16),
        price=("<i8", 24),
        size=("<u4", 32),
        flags=("u1", 36),
        channel_id=("u1", 37),
        action=("S1", 38),
        side=("S1", 39),
        ts_recv=("<u8", 40),
        ts_in_delta=("<i4", 48),
        sequence=("<u4", 52),
    ),
    "trades": _layout(48, **_TRADE),
    "mbp-1": _layout(80, **_TRADE, **_levels(1)),
    "mbp-10": _layout(368, **_TRADE, **_levels(10)),
    "ohlcv": _layout(
        56,
        open=("<i8", 16),
        high=("<i8", 24),
        low=("<i8", 32),
        close=("<i8", 40),
        volume=("<u8", 48),
    ),
    "status": _layout(
        40,
        ts_recv=("<u8", 16),
        action=("<u2", 24),
        reason=("<u2", 26),
        trading_event=("<u2", 28),
        is_trading=("S1", 30),
        is_quoting=("S1", 31),
        is_short_sell_restricted=("S1", 32),
    ),
}
LAYOUTS |= dict.fromkeys(("cmbp-1", "cbbo", "tcbbo", "bbo"), LAYOUTS["mbp-1"])


def definition_layout(size: int) -> np.dtype[np.void] | None:
    """Layout of an instrument definition by its size, which differs from version to version."""
    known = {360: (200, 22), 400: (200, 71), 520: (238, 71)}
    if size not in known:
        return None
    at, width = known[size]
    return _layout(
        size,
        ts_recv=("<u8", 16),
        min_price_increment=("<i8", 24),
        raw_symbol=(f"S{width}", at),
    )


@dataclass(frozen=True, slots=True)
class Mapping:
    """A symbol of the metadata and what it stood for: (start, end, symbol) with dates YYYYMMDD."""

    raw_symbol: str
    intervals: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True)
class Metadata:
    """What stands ahead of the records. `size` counts its bytes, prefix and padding included."""

    version: int
    dataset: str
    schema: int
    start_ns: int
    end_ns: int
    ts_out: bool = False
    stype_in: int = 255
    stype_out: int = 0
    symbols: tuple[str, ...] = ()
    mappings: tuple[Mapping, ...] = field(default_factory=tuple)
    size: int = 0

    @property
    def schema_name(self) -> str:
        """Name of the schema; "mixed" for records of several."""
        return {n: name for name, n in SCHEMAS.items()}.get(self.schema, "mixed")


class _Cursor:
    def __init__(self, data: bytes, at: int, width: int) -> None:
        self.data = data
        self.at = at
        self.width = width

    def u32(self) -> int:
        if self.at + 4 > len(self.data):
            raise FileFormatError("metadata: a count lies outside of it")
        (value,) = struct.unpack_from("<I", self.data, self.at)
        self.at += 4
        return int(value)

    def count(self, least: int) -> int:
        found = self.u32()
        if found * least > len(self.data) - self.at:
            raise FileFormatError(f"metadata: found a list of {found:,}, more than it has room for")
        return found

    def text(self) -> str:
        raw = self.data[self.at : self.at + self.width]
        if len(raw) < self.width:
            raise FileFormatError("metadata: a symbol lies outside of it")
        self.at += self.width
        return raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def read_metadata(data: bytes) -> Metadata:
    """Metadata from the first bytes of a file. FileFormatError, TruncatedInputError."""
    if len(data) < _PREFIX or data[:3] != b"DBN":
        raise FileFormatError(f"found {data[:8]!r}; allowed: DBN and its version")
    version = data[3]
    if version not in (1, 2, 3):
        raise FileFormatError(f"found DBN version {version}; allowed: 1, 2, 3")
    size = int.from_bytes(data[4:8], "little") + _PREFIX
    if size < _PREFIX + _FIXED + 20:
        raise FileFormatError(
            f"metadata of {size} bytes; allowed: at least {_PREFIX + _FIXED + 20}"
        )
    if len(data) < size:
        raise TruncatedInputError(f"metadata of {size:,} bytes, of which {len(data):,} are there")
    dataset = data[8:24].split(b"\0", 1)[0].decode("ascii", "backslashreplace")
    schema, start, end, _limit = struct.unpack_from("<HQQQ", data, 24)
    at = 58 if version == 1 else 50
    stype_in, stype_out, ts_out = struct.unpack_from("<BBB", data, at)
    width = 22 if version == 1 else struct.unpack_from("<H", data, 53)[0]
    if not 1 <= width <= 4096:
        raise FileFormatError(f"metadata: symbols of {width} bytes; allowed: 1 to 4,096")
    if struct.unpack_from("<I", data, _PREFIX + _FIXED)[0] != 0:
        raise FileFormatError("metadata: a schema definition, which no version has")
    cursor = _Cursor(data[:size], _PREFIX + _FIXED + 4, width)
    lists = [tuple(cursor.text() for _ in range(cursor.count(width))) for _ in range(3)]
    mappings = []
    for _ in range(cursor.count(width + 4)):
        raw = cursor.text()
        intervals = tuple(
            (cursor.u32(), cursor.u32(), cursor.text()) for _ in range(cursor.count(width + 8))
        )
        mappings.append(Mapping(raw, intervals))
    return Metadata(
        version,
        dataset,
        schema,
        start,
        end,
        bool(ts_out),
        stype_in,
        stype_out,
        lists[0],
        tuple(mappings),
        size,
    )


def encode_metadata(meta: Metadata) -> bytes:
    """Version 3 metadata, padded so that the records begin at a multiple of 8. InputError."""

    def text(value: str) -> bytes:
        raw = value.encode()
        if len(raw) >= 71:
            raise InputError(f"dbn: symbol {value!r} has {len(raw)} bytes; allowed: up to 70")
        return raw.ljust(71, b"\0")

    dataset = meta.dataset.encode("ascii", "replace")[:15].ljust(16, b"\0")
    out = bytearray(dataset)
    out += struct.pack("<HQQQ", meta.schema, meta.start_ns, meta.end_ns, 0)
    out += struct.pack("<BBBH", meta.stype_in, meta.stype_out, int(meta.ts_out), 71)
    out += bytes(_FIXED - len(out))
    out += struct.pack("<I", 0)
    out += struct.pack("<I", len(meta.symbols)) + b"".join(map(text, meta.symbols))
    out += struct.pack("<II", 0, 0)
    out += struct.pack("<I", len(meta.mappings))
    for one in meta.mappings:
        out += text(one.raw_symbol) + struct.pack("<I", len(one.intervals))
        for start, end, symbol in one.intervals:
            out += struct.pack("<II", start, end) + text(symbol)
    out += bytes(-(len(out) + _PREFIX) % 8)
    return b"DBN\x03" + struct.pack("<I", len(out)) + bytes(out)
