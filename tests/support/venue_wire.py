"""Venues that write: plain books in dicts, and the messages that a venue would send about them,
with checksums over their text by zlib. Knows nothing of the code under test.
"""

import json
import zlib
from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Any

from tectra.core.rng import Random

__all__ = ["CoinbaseWire", "KrakenV1Wire", "KrakenV2Wire", "OkxWire", "Wire"]


class Wire(ABC):
    """One book of a venue: prices and quantities are integers at fixed places."""

    symbol = "BTC/USD"
    px_places = 2
    qty_places = 4
    depth = 10

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.seq = 100
        for i in range(30):
            self.bids[100_000 - 10 * i] = rng.integers(1, 100_000)
            self.asks[100_010 + 10 * i] = rng.integers(1, 100_000)
        self.cut()

    def best(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """All levels, best first."""
        return sorted(self.bids.items(), reverse=True), sorted(self.asks.items())

    def cut(self) -> None:
        """Forget what lies beyond the depth."""
        if self.depth:
            bids, asks = self.best()
            self.bids, self.asks = dict(bids[: self.depth]), dict(asks[: self.depth])

    def px(self, raw: int) -> str:
        return f"{Decimal(raw).scaleb(-self.px_places):.{self.px_places}f}"

    def qty(self, raw: int) -> str:
        return f"{Decimal(raw).scaleb(-self.qty_places):.{self.qty_places}f}"

    def change(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """One to four levels change; the book stays uncrossed and never empty."""
        rng, out = self.rng, ([], [])
        for _ in range(rng.integers(1, 5)):
            is_bid = rng.chance(0.5)
            side, sign = (self.bids, -1) if is_bid else (self.asks, 1)
            if rng.chance(0.3) and len(side) > 5:
                px = list(side)[rng.integers(0, len(side))]
                qty = 0
            else:
                other = min(self.asks) if is_bid else max(self.bids)
                px, qty = other + sign * rng.integers(1, 150), rng.integers(1, 100_000)
            side.pop(px, None)
            if qty:
                side[px] = qty
            out[0 if is_bid else 1].append((px, qty))
        self.cut()
        return out

    @abstractmethod
    def snapshot(self) -> bytes:
        """The whole book as the venue says it."""

    @abstractmethod
    def update(self) -> bytes:
        """Some changes as the venue says them."""


class KrakenV2Wire(Wire):
    """JSON numbers, zeros at the end kept."""

    def checksum(self) -> int:
        bids, asks = self.best()
        text = "".join(str(px) + str(qty) for side in (asks, bids) for px, qty in side[:10])
        return zlib.crc32(text.encode())

    def _rows(self, rows: Any) -> str:
        return ",".join(f'{{"price":{self.px(p)},"qty":{self.qty(q)}}}' for p, q in rows)

    def _message(self, kind: str, bids: Any, asks: Any) -> bytes:
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{self.symbol}",'
            f'"bids":[{self._rows(bids)}],"asks":[{self._rows(asks)}],'
            f'"checksum":{self.checksum()},"timestamp":"2026-01-01T00:00:00.000001Z"}}]}}'
        ).encode()

    def snapshot(self) -> bytes:
        return self._message("snapshot", *self.best())

    def update(self) -> bytes:
        return self._message("update", *self.change())


class KrakenV1Wire(KrakenV2Wire):
    """Arrays of text, with two places more than the price needs."""

    symbol = "XBT/USD"

    def checksum(self) -> int:
        bids, asks = self.best()
        text = "".join(f"{px}00{qty}" for side in (asks, bids) for px, qty in side[:10])
        return zlib.crc32(text.encode())

    def px(self, raw: int) -> str:
        return super().px(raw) + "00"

    def _v1(self, rows: Any) -> list[list[str]]:
        return [[self.px(p), self.qty(q), "1534614248.765567"] for p, q in rows]

    def snapshot(self) -> bytes:
        bids, asks = self.best()
        levels = {"as": self._v1(asks), "bs": self._v1(bids)}
        return json.dumps([1, levels, f"book-{self.depth}", self.symbol]).encode()

    def update(self) -> bytes:
        bids, asks = self.change()
        parts: list[dict[str, Any]] = []
        if asks:
            parts.append({"a": self._v1(asks)})
        if bids:
            parts.append({"b": self._v1(bids)})
        parts[-1]["c"] = str(self.checksum())
        return json.dumps([1, *parts, f"book-{self.depth}", self.symbol]).encode()


class OkxWire(Wire):
    """No zero too many, numbered with holes, a signed checksum."""

    symbol = "BTC-USDT"
    depth = 0

    def _text(self, raw: int, places: int) -> str:
        text = f"{Decimal(raw).scaleb(-places):f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def px(self, raw: int) -> str:
        return self._text(raw, self.px_places)

    def qty(self, raw: int) -> str:
        return self._text(raw, self.qty_places)

    def checksum(self) -> int:
        bids, asks = self.best()
        parts: list[str] = []
        for i in range(25):
            for side in (bids, asks):
                if i < len(side):
                    parts += [self.px(side[i][0]), self.qty(side[i][1])]
        crc = zlib.crc32(":".join(parts).encode())
        return crc - (1 << 32) if crc >> 31 else crc

    def _message(self, action: str, prev: int, bids: Any, asks: Any) -> bytes:
        def rows(side: Any) -> list[list[str]]:
            return [[self.px(p), self.qty(q), "0", "1"] for p, q in side]

        data = {"asks": rows(asks), "bids": rows(bids), "ts": "1597026383085",
                "checksum": self.checksum(), "prevSeqId": prev, "seqId": self.seq}  # fmt: skip
        arg = {"channel": "books", "instId": self.symbol}
        return json.dumps({"arg": arg, "action": action, "data": [data]}).encode()

    def snapshot(self) -> bytes:
        return self._message("snapshot", -1, *self.best())

    def update(self) -> bytes:
        changed = self.change()
        prev, self.seq = self.seq, self.seq + self.rng.integers(1, 9)
        return self._message("update", prev, *changed)


class CoinbaseWire(Wire):
    """Advanced Trade: the connection's messages are numbered from 0."""

    symbol = "BTC-USD"
    depth = 0

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self.seq = -1

    def envelope(self, channel: str, *events: dict[str, Any]) -> bytes:
        self.seq += 1
        return json.dumps(
            {"channel": channel, "timestamp": "2026-01-01T00:00:00Z", "sequence_num": self.seq,
             "events": list(events)}
        ).encode()  # fmt: skip

    def _l2(self, kind: str, bids: Any, asks: Any) -> bytes:
        updates = [
            {"side": side, "event_time": "2026-01-01T00:00:00Z", "price_level": self.px(p),
             "new_quantity": self.qty(q) if q else "0"}
            for side, rows in (("bid", bids), ("offer", asks))
            for p, q in rows
        ]  # fmt: skip
        event = {"type": kind, "product_id": self.symbol, "updates": updates}
        return self.envelope("l2_data", event)

    def snapshot(self) -> bytes:
        return self._l2("snapshot", *self.best())

    def update(self) -> bytes:
        return self._l2("update", *self.change())
