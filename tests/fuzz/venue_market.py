"""Market data messages of Binance and Bybit, whole, cut and damaged: the decoders never raise; what
they take is what a plain reading with json and decimal says, and what they refuse they explain.
"""

import json
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import venue_messages as messages
import venue_plain

from tectra.core.rng import Random
from tectra.feed.assembly import Refused
from tectra.venue.binance import BinanceDecoder
from tectra.venue.bybit import BybitDecoder

RECV = 1_700_000_000_000_000_000
WHAT_A_PLAIN_READING_RAISES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    InvalidOperation,
    LookupError,
    TypeError,
    ValueError,
)


def random_number(rng: Random, places: int) -> str:
    """A number as venues write it: at most `places` decimals, some of them zeros at the end."""
    shown = rng.integers(0, places + 1)
    whole = Decimal(rng.integers(1, 10 ** rng.integers(1, 9))).scaleb(-shown)
    return f"{whole:f}" + ("0" * rng.integers(0, 4) if shown else "")


def varied(rng: Random, message: Any, key: str = "") -> Any:
    """The same message with other numbers in it."""
    if isinstance(message, dict):
        return {k: varied(rng, v, k) for k, v in message.items()}
    if isinstance(message, list):
        if message and isinstance(message[0], list):
            count = rng.integers(0, 6)
            return [[random_number(rng, 2), random_number(rng, 5)] for _ in range(count)]
        return [varied(rng, v, key) for v in message]
    if isinstance(message, str) and message[:1].isdigit() and key in ("p", "b", "a"):
        return random_number(rng, 2)
    if isinstance(message, str) and message[:1].isdigit() and key in ("q", "B", "A", "v"):
        return random_number(rng, 5)
    return message


def damaged(rng: Random, message: Any) -> bytes:
    """One value made another literal or taken away, a key said twice, or some bytes changed."""
    how = rng.integers(0, 4)
    paths = list(messages.leaves(message))
    if how < 2:
        literal = messages.NO_NUMBERS[rng.integers(0, len(messages.NO_NUMBERS))]
        path = paths[rng.integers(0, len(paths))]
        return messages.put(message, path, literal if how or rng.chance(0.7) else None)
    text = messages.raw(message)
    if how == 2:
        return b'{"s":"ETHUSDT","u":7,"topic":"x",' + text[1:]
    out = bytearray(text)
    for _ in range(rng.integers(1, 4)):
        out[rng.integers(0, len(out))] = rng.integers(0, 256)
    return bytes(out)


def judge(found: Any, plain: Any, raw: bytes) -> None:
    """Refused with a reason, or equal to a plain reading, which must be able to read it."""
    if isinstance(found, Refused):
        assert found.reason and found.ts_recv_ns == RECV
        return
    try:
        venue_plain.same(found, plain())
    except WHAT_A_PLAIN_READING_RAISES as error:
        raise AssertionError(f"{error!r}: {raw!r} was read as {found!r}") from error


def binance(rng: Random, count: int) -> None:
    table = messages.BINANCE_TABLE
    decoder = BinanceDecoder(table)
    names = list(messages.BINANCE)
    for i in range(count):
        message = varied(rng, messages.BINANCE[names[i % len(names)]])
        raw = messages.raw(message)

        def check(raw: bytes) -> Any:
            found = decoder.decode(raw, RECV)
            judge(found, lambda: venue_plain.binance_plain(raw, table, RECV), raw)
            return found

        assert not isinstance(check(raw), Refused), raw
        check(damaged(rng, message))
        for end in range(len(raw)) if i % 20 == 0 else ():
            assert isinstance(check(raw[:end]), Refused), f"took a part: {raw[:end]!r}"


def bybit(rng: Random, count: int) -> None:
    table = messages.BYBIT_TABLE
    names = list(messages.BYBIT)
    for i in range(count):
        message = varied(rng, messages.BYBIT[names[i % len(names)]])
        raw = messages.raw(message)

        def check(raw: bytes) -> Any:
            found = BybitDecoder(table).decode(raw, RECV)
            judge(found, lambda: venue_plain.bybit_plain(raw, table, RECV, {}), raw)
            return found

        assert not isinstance(check(raw), Refused), raw
        check(damaged(rng, message))
        for end in range(len(raw)) if i % 20 == 0 else ():
            assert isinstance(check(raw[:end]), Refused), f"took a part: {raw[:end]!r}"


def run(seed: int, count: int) -> None:
    """`count` messages of each venue: whole, damaged, and every twentieth cut at every byte."""
    rng = Random(seed)
    binance(rng, count)
    bybit(rng, count)
    # Two keys of one name: the last one counts, as it does for everyone who reads JSON.
    twice = b'{"e":"trade","e":"kline","s":"BTCUSDT"}'
    assert json.loads(twice)["e"] == "kline"
    assert isinstance(BinanceDecoder(messages.BINANCE_TABLE).decode(twice, RECV), Refused)
