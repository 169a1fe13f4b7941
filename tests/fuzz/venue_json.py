"""Book messages of venues, cut at every byte and with damaged values: the decoders refuse, or say
what a plain reading with the decimal module says.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tectra.core.errors import FileFormatError
from tectra.core.rng import Random
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


def judge(raw: bytes, decode: Decode, check: Callable[[Any, dict[str, Any]], None]) -> bool:
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


def damaged(rng: Random, message: dict[str, Any]) -> bytes:
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


def run(seed: int, count: int) -> None:
    """`count` messages of each venue: whole, cut at every byte of every tenth, and damaged."""
    rng = Random(seed)
    for make, decode, check in (
        (binance, decode_depth, check_binance),
        (bybit, decode_book, check_bybit),
    ):
        for i in range(count):
            message = make(rng)
            raw = json.dumps(message).encode()
            assert judge(raw, decode, check), f"refused: {raw!r}"
            for end in range(len(raw)) if i % 10 == 0 else ():
                assert not judge(raw[:end], decode, check), f"took a part: {raw[:end]!r}"
            judge(damaged(rng, message), decode, check)
