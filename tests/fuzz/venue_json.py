"""Book messages of venues, cut at every byte and with damaged values: the decoders refuse, or say
what a plain reading with the decimal module says.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tectra.core.errors import FileFormatError
from tectra.core.rng import Random
from tectra.feed.said import MessageKind
from tectra.venue import coinbase, kraken, okx
from tectra.venue.binance import decode_depth
from tectra.venue.bybit import decode_book

Decode = Callable[[bytes], Any]
TEXTS = ['""', '"-1"', '"1e5"', '"1_0"', '" 1"', '"nan"', '"0x1"', '"1e999"', '"9" ', '"+1.5"']
PLAIN = ["null", "true", "-1", "1.5", "1e3", "0", str(1 << 64), str(1 << 80), "[]", "{}", '[["1"]]']


def rows(rng: Random) -> list[list[str]]:
    out = []
    for _ in range(rng.integers(0, 5)):
        px, qty = rng.integers(0, 10**9), rng.integers(0, 10**6)
        out.append([f"{px // 100}.{px % 100:02d}", f"{qty / 1000:.3f}"])
    return out


def binance(rng: Random) -> dict[str, Any]:
    last = rng.integers(1, 1 << 40)
    if rng.chance(0.2):
        return {"lastUpdateId": last, "bids": rows(rng), "asks": rows(rng)}
    out: dict[str, Any] = {"e": "depthUpdate", "E": rng.integers(0, 1 << 41), "s": "BTCUSDT"}
    out |= {"U": last, "u": last + rng.integers(0, 50), "b": rows(rng), "a": rows(rng)}
    if rng.chance(0.5):
        out |= {"T": rng.integers(0, 1 << 41), "pu": last - 1}
    return {"stream": "btcusdt@depth", "data": out} if rng.chance(0.5) else out


def bybit(rng: Random) -> dict[str, Any]:
    data = {"s": "ETHUSDT", "b": rows(rng), "a": rows(rng), "u": rng.integers(1, 99), "seq": 5}
    kind = ("snapshot", "delta")[rng.integers(0, 2)]
    return {"topic": "orderbook.50.ETHUSDT", "type": kind, "ts": 9, "data": data, "cts": 8}


def decimals(levels: Any) -> list[tuple[Decimal, Decimal]]:
    return [(v.price.to_decimal(), v.quantity.to_decimal()) for v in levels]


def read(levels: list[list[str]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(px), Decimal(qty)) for px, qty in levels]


def check_binance(found: Any, plain: dict[str, Any]) -> None:
    plain = plain.get("data", plain)
    whole = "lastUpdateId" in plain
    bids, asks = ("bids", "asks") if whole else ("b", "a")
    ids = (plain["lastUpdateId"],) * 2 if whole else (plain["U"], plain["u"])
    assert (found.first_id, found.final_id, found.is_snapshot) == (*ids, whole)
    assert (found.ts_event.ms, found.prev_id) == (
        plain.get("E", 0),
        0 if whole else plain.get("pu", 0),
    )
    assert decimals(found.bids) == read(plain[bids]) and decimals(found.asks) == read(plain[asks])


def check_bybit(found: Any, plain: dict[str, Any]) -> None:
    data = plain["data"]
    whole = plain["type"] == "snapshot" or data["u"] == 1
    assert (found.update_id, found.cross_seq) == (data["u"], data.get("seq", 0))
    assert (found.symbol, found.is_snapshot) == (data["s"], whole)
    assert (found.ts_system.ms, found.ts_match.ms) == (plain["ts"], plain.get("cts", 0))
    assert decimals(found.bids) == read(data["b"]) and decimals(found.asks) == read(data["a"])


def judge(raw: bytes, decode: Decode, check: Callable[[Any, Any], None]) -> bool:
    """True when the decoder took it; then a plain reading must say the same."""
    try:
        found = decode(raw)
    except FileFormatError:
        return False
    try:
        check(found, json.loads(raw))
    except (AssertionError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise AssertionError(f"{error!r}: {raw!r} was read as {found!r}") from error
    return True


def damaged(rng: Random, message: Any) -> bytes:
    """One value of the message, or one to three bytes of it, made something else."""
    text = json.dumps(message, separators=(",", ":"))
    if rng.chance(0.5):
        starts = [i + 1 for i, c in enumerate(text) if c in ":[,"]
        at = starts[rng.integers(0, len(starts))]
        end = at
        while end < len(text) and text[end] not in ",]}":
            end += 1
        with_what = TEXTS if rng.chance(0.5) else PLAIN
        return (text[:at] + with_what[rng.integers(0, len(with_what))] + text[end:]).encode()
    out = bytearray(text.encode())
    for _ in range(rng.integers(1, 4)):
        out[rng.integers(0, len(out))] = rng.integers(0, 256)
    return bytes(out)


def kraken_v1(rng: Random) -> list[Any]:
    stamped = [[*row, "1534614248.765567"] for row in rows(rng)]
    if rng.chance(0.3):
        return [5, {"as": stamped, "bs": []}, "book-100", "XBT/USD"]
    return [5, {"b": stamped, "c": "974942666"}, "book-100", "XBT/USD"]


def kraken_v2(rng: Random) -> dict[str, Any]:
    def pairs() -> list[dict[str, str]]:
        return [{"price": px, "qty": qty} for px, qty in rows(rng)]

    data = {"symbol": "BTC/USD", "bids": pairs(), "asks": pairs(), "checksum": 974942666}
    return {"channel": "book", "type": ("snapshot", "update")[rng.integers(0, 2)], "data": [data]}


def okx_books(rng: Random) -> dict[str, Any]:
    data = {
        "asks": [[*r, "0", "1"] for r in rows(rng)],
        "bids": [[*r, "0", "1"] for r in rows(rng)],
    }
    more = {"ts": "1597026383085", "checksum": -855196043, "seqId": rng.integers(1, 99)}
    arg = {"channel": "books", "instId": "BTC-USDT"}
    return {"arg": arg, "action": "update", "data": [data | more]}


def coinbase_l2(rng: Random) -> dict[str, Any]:
    time = "2026-08-09T21:05:48.228568Z"
    updates = [
        {"side": ("bid", "offer")[rng.integers(0, 2)], "event_time": time, "price_level": px,
         "new_quantity": qty}
        for px, qty in rows(rng)
    ]  # fmt: skip
    event = {"type": "update", "product_id": "BTC-USD", "updates": updates}
    return {"channel": "l2_data", "timestamp": time, "sequence_num": 5, "events": [event]}


def coinbase_change(rng: Random) -> dict[str, Any]:
    changes = [[("buy", "sell")[rng.integers(0, 2)], *row] for row in rows(rng)]
    return {"type": "l2update", "product_id": "BTC-USD", "changes": changes,
            "time": "2019-08-14T20:42:27.265Z"}  # fmt: skip


Sides = tuple[list[Any], list[Any]]


def sides_of(plain: Any) -> Sides | None:
    """Bids and asks of a book message of Kraken, OKX or Coinbase; None for any other message."""
    if isinstance(plain, list):
        said = plain[1] if len(plain) == 4 else plain[1] | plain[2]
        return said.get("bs", said.get("b", [])), said.get("as", said.get("a", []))
    if plain.get("type") == "l2update":
        rows_ = plain["changes"]
        return [r[1:] for r in rows_ if r[0] == "buy"], [r[1:] for r in rows_ if r[0] == "sell"]
    if "events" in plain:
        ups = plain["events"][0]["updates"]
        named = [(u["side"], (u["price_level"], u["new_quantity"])) for u in ups]
        return [r for s, r in named if s == "bid"], [r for s, r in named if s == "offer"]
    first = plain["data"][0]
    if "arg" in plain:
        return first["bids"], first["asks"]
    bids, asks = ([(r["price"], r["qty"]) for r in first[side]] for side in ("bids", "asks"))
    return bids, asks


def check_said(found: Any, plain: Any) -> None:
    """The items of a book message against the plain reading. What became another kind of message
    by damage is not judged here.
    """
    if found.kind is not MessageKind.BOOK or len(found.items) != 1:
        return
    sides = sides_of(plain)
    assert sides is not None
    for levels, rows_ in zip((found.items[0].bids, found.items[0].asks), sides, strict=True):
        assert decimals(levels) == [(Decimal(str(r[0])), Decimal(str(r[1]))) for r in rows_]


def run(seed: int, count: int) -> None:
    """`count` messages of each venue: whole, cut at every byte of every tenth, and damaged."""
    rng = Random(seed)
    for make, decode, check in (
        (binance, decode_depth, check_binance),
        (bybit, decode_book, check_bybit),
        (kraken_v1, kraken.decode, check_said),
        (kraken_v2, kraken.decode, check_said),
        (okx_books, okx.decode, check_said),
        (coinbase_l2, coinbase.decode, check_said),
        (coinbase_change, coinbase.decode, check_said),
    ):
        for i in range(count):
            message = make(rng)
            raw = json.dumps(message).encode()
            assert judge(raw, decode, check), f"refused: {raw!r}"
            for end in range(len(raw)) if i % 10 == 0 else ():
                assert not judge(raw[:end], decode, check), f"took a part: {raw[:end]!r}"
            judge(damaged(rng, message), decode, check)
