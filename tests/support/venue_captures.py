"""Recorded WebSocket and REST messages of venues, as the bytes that came."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

__all__ = [
    "Line",
    "binance_depth",
    "binance_lines",
    "bybit_books",
    "bybit_lines",
    "lines",
    "listing_answers",
    "received",
]

# Files whose lines are a receive time in nanoseconds and a message.
BINANCE_RAW = (
    "hbt_spot_btcusdt_20240808.jsonl.gz",
    "hbt_usdm_btcusdt_20240808.jsonl.gz",
    "hbt_cm_btcusd_perp_20240809.jsonl.gz",
)
# Files whose lines are JSON objects around a message.
BINANCE_WRAPPED = ("cf_binance_spot_20211012.jsonl.zst", "cf_binance_usdm_20210722.jsonl.zst")
BYBIT_WRAPPED = ("cf_bybit_v5_linear_20260809.jsonl.gz",)


class Line(NamedTuple):
    """One message: when it came, its bytes, and the symbol of the REST request that it answers."""

    ts_ns: int
    native: str
    raw: bytes


def lines(path: Path) -> Iterator[bytes]:
    """Lines of a compressed file."""
    if path.suffix == ".gz":
        with gzip.open(path) as f:
            yield from f
    else:
        with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as f:
            yield from f.read().splitlines()


def _wrapped(path: Path) -> Iterator[tuple[str, bytes]]:
    """URL and message of every received message."""
    for line in lines(path):
        entry = json.loads(line)
        if entry["t"] in ("http", "recv"):
            yield entry.get("url", ""), entry["data"].encode()


def received(path: Path) -> Iterator[bytes]:
    """Every message that came over a stream."""
    for url, raw in _wrapped(path):
        if not url:
            yield raw


def binance_depth(folder: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """Symbol (for messages that name none) and bytes of every depth message of a capture."""
    if name in BINANCE_RAW:
        for line in lines(folder / "binance" / name):
            raw = line.partition(b" ")[2]
            if b'"depthUpdate"' in raw or b'"lastUpdateId"' in raw:
                yield "BTCUSDT", raw
        return
    for url, raw in _wrapped(folder / "binance" / name):
        if "/depth?" in url or (not url and b'"depthUpdate"' in raw):
            yield url.partition("symbol=")[2].partition("&")[0], raw


def bybit_books(folder: Path) -> Iterator[bytes]:
    """Every order book message of the captures."""
    for name in BYBIT_WRAPPED:
        for url, raw in _wrapped(folder / "bybit" / name):
            if not url and b'"topic":"orderbook.' in raw:
                yield raw


def _entries(path: Path) -> Iterator[Line]:
    for line in lines(path):
        entry = json.loads(line)
        url = entry.get("url", "")
        if entry["t"] == "recv" or (entry["t"] == "http" and "/depth?" in url):
            native = url.partition("symbol=")[2].partition("&")[0]
            yield Line(int(entry["ts"] * 1e9), native, entry["data"].encode())


def binance_lines(folder: Path, name: str) -> list[Line]:
    """Every market data message of a capture, in the order in which they came."""
    path = folder / "binance" / name
    if name in BINANCE_WRAPPED:
        return sorted(_entries(path), key=lambda line: line.ts_ns)
    out = []
    for line in lines(path):
        ts, _, raw = line.partition(b" ")
        native = "BTCUSDT" if raw.startswith(b'{"lastUpdateId"') else ""
        out.append(Line(int(ts), native, raw))
    return out


def bybit_lines(folder: Path) -> list[Line]:
    """Every message of the streams of the capture."""
    return list(_entries(folder / "bybit" / BYBIT_WRAPPED[0]))


def listing_answers(path: Path) -> list[tuple[str, bytes]]:
    """URL and bytes of the answers that say what a venue lists."""
    return [(u, raw) for u, raw in _wrapped(path) if "exchangeInfo" in u or "instruments-info" in u]
