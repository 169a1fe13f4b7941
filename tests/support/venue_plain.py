"""Venues' market data read the plain way, with json and decimal: what the decoders must agree with.

A book message is ("book", whole, ids, bids, asks), a record a dict of its fields; mantissas are
Decimals scaled by the instrument's exponents.
"""

import json
from decimal import Decimal
from typing import Any

from tectra.core.record import iter_records
from tectra.feed.assembly import BookDelta
from tectra.refdata.instrument import Instrument

__all__ = ["NO_PX", "binance_plain", "bybit_plain", "same"]

NO_PX = -(1 << 63)
MS = 1_000_000


class Plain:
    """Numbers of one instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self.it = instrument

    def px(self, text: str) -> int:
        return self._whole(Decimal(text).scaleb(-self.it.px_exponent))

    def qty(self, text: str) -> int:
        return self._whole(Decimal(text).scaleb(-self.it.qty_exponent))

    @staticmethod
    def _whole(value: Decimal) -> int:
        assert value == value.to_integral_value()
        return int(value)

    def rows(self, rows: list[list[str]]) -> list[tuple[int, int]]:
        return [(self.px(px), self.qty(qty)) for px, qty in rows]

    def best(self, px: str | None, qty: str | None) -> tuple[int, int]:
        if not px or not qty or not Decimal(px) or not Decimal(qty):
            return NO_PX, 0
        return self.px(px), self.qty(qty)


def _book(p: Plain, *, whole: bool, covers: Any, ts: int, rows: Any, prev: Any = None) -> Any:
    return ("book", whole, (*covers, prev, ts), p.rows(rows[0]), p.rows(rows[1]))


def binance_plain(raw: bytes, instruments: dict[str, Instrument], recv: int, native: str = ""):
    """One message of Binance; None for what says nothing about a market."""
    message = json.loads(raw)
    stream = message.get("stream", "")
    m = message.get("data", message)
    event = m.get("e") or ("bookTicker" if "B" in m else "")
    if "lastUpdateId" in m:
        p = Plain(instruments[native or stream.partition("@")[0].upper()])
        ts = m.get("T", m.get("E", 0)) * MS
        last = m["lastUpdateId"]
        return _book(p, whole=True, covers=(last, last), ts=ts, rows=(m["bids"], m["asks"]))
    if event not in ("depthUpdate", "bookTicker", "trade", "aggTrade", "24hrTicker", "kline"):
        return None
    p = Plain(instruments[m["s"]])
    ts = m.get("T", m.get("E", 0)) * MS or recv
    if event == "depthUpdate":
        ids = (m["U"], m["u"])
        return _book(p, whole=False, covers=ids, ts=ts, rows=(m["b"], m["a"]), prev=m.get("pu"))
    if event == "bookTicker":
        bid, ask = p.best(m["b"], m["B"]), p.best(m["a"], m["A"])
        return [quote_fields(ts, m["u"], bid, ask)]
    if event in ("trade", "aggTrade"):
        number = m["t"] if event == "trade" else m["a"]
        side = 2 if m["m"] else 1
        return [trade_fields(m["T"] * MS, side, number, p.px(m["p"]), p.qty(m["q"]))]
    if event == "24hrTicker":
        bid, ask = p.best(m.get("b"), m.get("B")), p.best(m.get("a"), m.get("A"))
        return [
            {
                "ts_event_ns": m["E"] * MS,
                **quoted(bid, ask),
                "last_px": p.px(m["c"]),
                "last_qty": p.qty(m["Q"]),
                "high_px": p.px(m["h"]),
                "low_px": p.px(m["l"]),
                "volume_qty": p.qty(m["v"]),
                "turnover": float(m["q"]),
            }
        ]
    k = m["k"]
    names = {"open": "o", "high": "h", "low": "l", "close": "c", "turnover": "q"}
    times = (k["t"], k["T"], m["E"], k["x"])
    return [bar_fields(times, {n: k[v] for n, v in names.items()}, p.qty(k["v"]), k["n"])]


def quoted(bid: tuple[int, int], ask: tuple[int, int]) -> dict[str, Any]:
    return {"bid_px": bid[0], "bid_qty": bid[1], "ask_px": ask[0], "ask_qty": ask[1]}


def quote_fields(ts: int, seq: int, bid: tuple[int, int], ask: tuple[int, int]) -> dict[str, Any]:
    return {"ts_event_ns": ts, "seq": seq, **quoted(bid, ask)}


def trade_fields(ts: int, side: int, number: int, px: int, qty: int) -> dict[str, Any]:
    return {"ts_event_ns": ts, "side": side, "match_id": number, "px": px, "qty": qty}


def bar_fields(times: Any, prices: dict[str, str], volume: int, trades: int) -> dict[str, Any]:
    first, last, now, closed = times
    return {
        "ts_event_ns": ((last + 1) if closed else now) * MS,
        "ts_open_ns": first * MS,
        "interval": (last + 1 - first) * MS,
        "flags": 0 if closed else 1,
        "volume_qty": volume,
        "trades": trades,
        **{name: float(text) for name, text in prices.items()},
    }


BYBIT_TICKER = {
    "last_px": "lastPrice",
    "high_px": "highPrice24h",
    "low_px": "lowPrice24h",
}


def bybit_plain(raw: bytes, instruments: dict[str, Instrument], recv: int, said: dict[str, Any]):
    """One message of Bybit; `said` is what tickers have said so far."""
    m = json.loads(raw)
    if "topic" not in m:
        return None
    topic, native = m["topic"].split(".")[0], m["topic"].split(".")[-1]
    if topic not in ("orderbook", "publicTrade", "kline", "tickers"):
        return None
    p, data = Plain(instruments[native]), m["data"]
    if topic == "orderbook":
        whole = m["type"] == "snapshot" or data["u"] == 1
        ts = m.get("cts", m["ts"]) * MS
        covers = (data["u"], data["u"])
        return _book(p, whole=whole, covers=covers, ts=ts, rows=(data["b"], data["a"]))
    if topic == "publicTrade":
        return [
            trade_fields(
                t["T"] * MS,
                {"Buy": 1, "Sell": 2}[t["S"]],
                int(t["i"]) if t["i"].isdigit() else int(t["i"].replace("-", ""), 16) % (1 << 64),
                p.px(t["p"]),
                p.qty(t["v"]),
            )
            for t in data
        ]
    if topic == "kline":
        names = ("open", "high", "low", "close", "turnover")
        return [
            bar_fields(
                (k["start"], k["end"], k["timestamp"], k["confirm"]),
                {n: k[n] for n in names},
                p.qty(k["volume"]),
                0,
            )
            for k in data
        ]
    if m["type"] == "snapshot":
        said[native] = {}
    now = said[native] = {**said[native], **data}
    pairs = {"bid": ("bid1Price", "bid1Size"), "ask": ("ask1Price", "ask1Size")}
    out = {"ts_event_ns": m["ts"] * MS, "seq": m.get("cs", 0)}
    for side, (px, qty) in pairs.items():
        out[f"{side}_px"] = p.px(now[px]) if now.get(px) and Decimal(now[px]) else NO_PX
        out[f"{side}_qty"] = p.qty(now[qty]) if now.get(qty) else 0
    for field, name in BYBIT_TICKER.items():
        out[field] = p.px(now[name]) if now.get(name) else NO_PX
    out["volume_qty"] = p.qty(now["volume24h"]) if now.get("volume24h") else 0
    out["turnover"] = float(now["turnover24h"]) if now.get("turnover24h") else 0.0
    return [out]


def same(found: Any, plain: Any) -> None:
    """Fail unless a decoder's answer says what the plain reading says."""
    if plain is None:
        assert found is None
    elif isinstance(plain, tuple):
        assert isinstance(found, BookDelta), found
        _, whole, ids, bids, asks = plain
        ours = (found.first_seq, found.last_seq, found.prev_seq, found.ts_event_ns)
        assert (found.is_snapshot, ours) == (whole, ids)
        assert (list(found.bids), list(found.asks)) == (bids, asks)
    else:
        assert isinstance(found, bytes), found
        records = list(iter_records(found))
        assert len(records) == len(plain)
        for record, fields in zip(records, plain, strict=True):
            assert {name: record[name] for name in fields} == fields
