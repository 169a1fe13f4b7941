"""Market data decoders of Binance and Bybit: sound messages, equal content to equal records, and
every field spoiled in every way.
"""

import json
from typing import Any

import pytest
import venue_plain
from venue_messages import (
    BINANCE,
    BINANCE_TABLE,
    BYBIT,
    BYBIT_TABLE,
    NO_NUMBERS,
    leaves,
    put,
    raw,
)

from tectra.core.msg import Side, Template
from tectra.core.record import decode, iter_records
from tectra.feed.assembly import BookDelta, Refused
from tectra.venue.binance import BinanceDecoder
from tectra.venue.bybit import BybitDecoder
from tectra.venue.bybit.market import trade_number

RECV = 999


def binance(message: bytes) -> Any:
    return BinanceDecoder(BINANCE_TABLE).decode(message, RECV)


def bybit(message: bytes) -> Any:
    return BybitDecoder(BYBIT_TABLE).decode(message, RECV)


@pytest.mark.parametrize("name", BINANCE)
def test_binance_messages(name: str) -> None:
    message = raw(BINANCE[name])
    venue_plain.same(binance(message), venue_plain.binance_plain(message, BINANCE_TABLE, RECV))


@pytest.mark.parametrize("name", BYBIT)
def test_bybit_messages(name: str) -> None:
    message = raw(BYBIT[name])
    venue_plain.same(bybit(message), venue_plain.bybit_plain(message, BYBIT_TABLE, RECV, {}))


def test_equal_content_gives_equal_records() -> None:
    """What two venues say of one trade, one book, one bar differs by venue and instrument only."""

    def of(message: Any, decoder: Any) -> dict[str, Any]:
        record = decode(decoder(raw(message)))
        names = ("ts_event_ns", "ts_recv_ns", "px", "qty", "side", "match_id", "template_id")
        return {n: record[n] for n in names}

    ours = dict(BINANCE["trade"], T=1672304486866, p="16500.40", q="0.002", t=2290000000061666327)
    theirs = dict(BYBIT["publicTrade"], data=BYBIT["publicTrade"]["data"][1:])
    assert of(ours, binance) == of(theirs, bybit)
    book = BYBIT["orderbook"]["data"]
    one = bybit(raw(BYBIT["orderbook"]))
    other = binance(
        raw(dict(BINANCE["spot diff"], U=book["u"], u=book["u"], b=book["b"], a=book["a"]))
    )
    assert (one.bids, one.asks, one.first_seq, one.last_seq) == (
        other.bids,
        other.asks,
        other.first_seq,
        other.last_seq,
    )


def numeric(value: Any) -> bool:
    """Whether a field holds a price, a quantity, a number or a time."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, str) and value[:1].isdigit())


def at(message: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        message = message[key]
    return message


BINANCE_SKIP = {
    ("trade", "M"),
    ("aggTrade", "f"),
    ("aggTrade", "l"),
    *(("ticker", n) for n in ("p", "P", "w", "x", "o", "O", "C", "F", "L", "n")),
    *(("kline", n) for n in "ifLVQB"),
}
BYBIT_SKIP = {
    ("publicTrade", "ts"),
    ("publicTrade", "seq"),
    ("publicTrade", "i"),
    ("kline", "interval"),
    ("kline", "ts"),
}
BYBIT_FREE = {"bid1Price", "bid1Size", "ask1Price", "ask1Size", "lastPrice", "highPrice24h"} | {
    "lowPrice24h",
    "turnover24h",
    "volume24h",
}


def cases(messages: dict[str, Any], skip: set[tuple[str, str]]) -> list[Any]:
    """Every numeric field that is read, of every message."""
    out = []
    for name, message in messages.items():
        for path in leaves(message):
            key = next((k for k in reversed(path) if isinstance(k, str)), "")
            if (name, key) not in skip and numeric(at(message, path)):
                out.append(pytest.param(name, path, id=f"{name}-{'.'.join(map(str, path))}"))
    return out


def test_there_are_sixty_literals() -> None:
    assert len(set(NO_NUMBERS)) >= 60


@pytest.mark.parametrize(("name", "path"), cases(BINANCE, BINANCE_SKIP))
def test_no_literal_passes_for_a_number_on_binance(name: str, path: tuple[Any, ...]) -> None:
    refuse_all(BINANCE[name], path, binance, number=5)


@pytest.mark.parametrize(("name", "path"), cases(BYBIT, BYBIT_SKIP))
def test_no_literal_passes_for_a_number_on_bybit(name: str, path: tuple[Any, ...]) -> None:
    """ "" stands for no value in tickers, and is no zero price."""
    free = ('""',) if path[-1] in BYBIT_FREE else ()
    refuse_all(BYBIT[name], path, bybit, number=6, free=free)


# Summaries are doubles: a number above 2^63 is one of theirs.
FLOATS = {"q", "o", "h", "l", "c", "turnover", "turnover24h", "open", "high", "low", "close"}
LARGE = {json.dumps(str(1 << 63)), json.dumps("1" + "0" * 30)}


def refuse_all(message: Any, path: Any, decoder: Any, *, number: int, free: Any = ()) -> None:
    # An id may be 0, which -0 is as well.
    is_id = path[-1] in ("pu", "t", "a", "n", "seq", "cs") and isinstance(at(message, path), int)
    for literal in NO_NUMBERS:
        if literal in free or (is_id and literal == "-0"):
            continue
        if path[-1] in FLOATS and literal in LARGE:
            continue
        found = decoder(put(message, path, literal))
        assert isinstance(found, Refused), (literal, found)
        assert len(found.reason) > 20 and found.reason.startswith(("binance ", "bybit ")), found
        assert found.instrument_id in (0, number) and found.ts_recv_ns == RECV


@pytest.mark.parametrize("name", BINANCE)
def test_missing_fields_and_new_fields_on_binance(name: str) -> None:
    optional = {("futures diff", "T"), ("futures diff", "pu"), ("futures quote", "T")}
    optional |= {("futures quote", "E"), ("futures quote", "e")}
    mutate(BINANCE[name], name, binance, skip=BINANCE_SKIP | optional)


@pytest.mark.parametrize("name", BYBIT)
def test_missing_fields_and_new_fields_on_bybit(name: str) -> None:
    optional = {("orderbook", "cts"), ("orderbook", "seq"), ("tickers", "cs")}
    optional |= {("publicTrade", "L"), ("publicTrade", "BT"), ("publicTrade", "type")}
    optional |= {("kline", "type"), ("tickers", "predictedDeliveryPrice")}
    optional |= {(topic, "topic") for topic in BYBIT}  # another topic is no message of ours
    optional |= {("tickers", field) for field in BYBIT_FREE}
    mutate(BYBIT[name], name, bybit, skip=(BYBIT_SKIP | optional) - {("publicTrade", "i")})


def mutate(message: Any, name: str, decoder: Any, *, skip: set[tuple[str, str]]) -> None:
    """Additive changes are taken, breaking ones refused."""
    for path in leaves(message):
        key = next((k for k in reversed(path) if isinstance(k, str)), "")
        if (name, key) in skip:
            continue
        missing = decoder(put(message, path, None))
        assert isinstance(missing, Refused), (path, missing)
        for literal in ('"QUITE-ANOTHER"', "[[1]]", '{"x":{}}'):
            assert isinstance(decoder(put(message, path, literal)), Refused), (path, literal)
    added = json.loads(raw(message))
    for place in (added, added.get("data"), added.get("k")):
        for it in place if isinstance(place, list) else [place]:
            if isinstance(it, dict):
                it["zz"] = {"deep": [[1.5, None]]}
    assert decoder(raw(added)) == decoder(raw(message))


@pytest.mark.parametrize("decoder", [binance, bybit])
@pytest.mark.parametrize(
    "bad",
    [
        *[b"", b"{", b"[]", b"null", b"5", b"{}", b"\xff\xfe", b'{"e":"\xff"}', b"\0" * 10],
        *[b"[" * 100_000, b'{"a":' * 100_000, b"<html>503</html>", b'{"topic":5}'],
        *[b'{"topic":""}', b'{"stream":"btcusdt@depth"}', b'{"stream":"x@depth","data":[]}'],
    ],
)
def test_what_is_no_message(decoder: Any, bad: bytes) -> None:
    found = decoder(bad)
    assert isinstance(found, Refused) and found.is_book


@pytest.mark.parametrize("decoder", [binance, bybit])
def test_a_message_beyond_its_cap(decoder: Any) -> None:
    found = decoder(b'{"a":"' + b"x" * (1 << 20) + b'"}')
    assert isinstance(found, Refused) and "at most 1048576" in found.reason


@pytest.mark.parametrize(
    ("decoder", "answer"),
    [
        (binance, {"result": None, "id": 1}),
        (binance, {"code": 2, "msg": "Invalid request", "id": 1}),
        (binance, {"e": "serverShutdown", "E": 1672515782136}),
        (binance, {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1}}),
        (bybit, {"success": True, "ret_msg": "pong", "conn_id": "x", "op": "ping"}),
        (bybit, {"op": "pong", "args": ["1"]}),
        (bybit, {"success": False, "ret_msg": "error", "op": "subscribe"}),
        (bybit, {"topic": "insurance.USDT", "data": []}),
    ],
)
def test_what_says_nothing_about_a_market(decoder: Any, answer: Any) -> None:
    assert decoder(raw(answer)) is None


def test_binance_streams() -> None:
    diff = BINANCE["futures diff"]
    partial = {"stream": "btcusdt@depth5@100ms", "data": diff}
    found = binance(raw(partial))
    assert found.is_snapshot and found.prev_seq is None and found.first_seq == 160
    alone = BinanceDecoder(BINANCE_TABLE).decode(raw(diff), 1, stream="btcusdt@depth10")
    assert isinstance(alone, BookDelta) and alone.is_snapshot
    assert not binance(raw({"stream": "btcusdt@depth@500ms", "data": diff})).is_snapshot
    for stream in ("btcusdt@trade", "ethusdt@depth", "btcusdt@kline_1m"):
        found = binance(raw({"stream": stream, "data": diff}))
        assert isinstance(found, Refused), stream
    for change in ({"e": "depthUpdat"}, {"s": "ETHUSDT"}, {"U": 161}, {"pu": 161}):
        found = binance(raw(diff | change))
        assert isinstance(found, Refused) and found.is_book
    bad_trade = binance(raw(BINANCE["trade"] | {"p": "0"}))
    assert isinstance(bad_trade, Refused) and not bad_trade.is_book
    assert bad_trade.instrument_id == 5


def test_binance_snapshots() -> None:
    decoder = BinanceDecoder(BINANCE_TABLE)
    answer = {"lastUpdateId": 160, "E": 5, "T": 4, "bids": [["1.00", "2"]], "asks": []}
    found = decoder.decode_snapshot(raw(answer), "BTCUSDT", 7)
    assert found == BookDelta(5, True, 160, 160, ((100, 200_000),), (), 7, 4_000_000)
    for bad, native in (
        ({"code": -1121, "msg": "Invalid symbol."}, "BTCUSDT"),
        (answer, "ETHUSDT"),
        (BINANCE["spot diff"] | {"e": "x"}, "BTCUSDT"),
    ):
        assert isinstance(decoder.decode_snapshot(raw(bad), native, 7), Refused)


def test_quotes_of_empty_sides_have_no_price() -> None:
    found = decode(binance(raw(BINANCE["spot quote"] | {"b": "0.00", "B": "0.00"})))
    assert (found.get_int("bid_px"), found.get_int("bid_qty")) == (venue_plain.NO_PX, 0)
    assert found.get_int("ts_event_ns") == RECV  # spot says no time


def test_bars_are_stamped_at_their_close() -> None:
    closed = BINANCE["kline"] | {"k": BINANCE["kline"]["k"] | {"x": True}}
    record = decode(binance(raw(closed)))
    assert record.template is Template.BAR and record.get_int("flags") == 0
    assert record.get_int("ts_event_ns") == 1672515840000 * 1_000_000
    for spoiled in ({"h": "1"}, {"T": 1}, {"s": "ETHUSDT"}):
        bad = BINANCE["kline"] | {"k": BINANCE["kline"]["k"] | spoiled}
        assert isinstance(binance(raw(bad)), Refused)
    for spoiled in ({"high": "1"}, {"end": 1}):
        bad = dict(BYBIT["kline"], data=[BYBIT["kline"]["data"][0] | spoiled])
        assert isinstance(bybit(raw(bad)), Refused)


def test_bybit_tickers_are_merged() -> None:
    decoder = BybitDecoder(BYBIT_TABLE)
    first, said = BYBIT["tickers"], {}
    change = dict(first, type="delta", data={"symbol": "BTCUSDT", "bid1Size": "1.5"})
    refused = decoder.decode(raw(change), RECV)
    assert isinstance(refused, Refused) and "before a snapshot" in refused.reason
    assert not refused.is_book
    for message in (first, change, dict(change, data={"symbol": "BTCUSDT", "lastPrice": ""})):
        sent = raw(message)
        plain = venue_plain.bybit_plain(sent, BYBIT_TABLE, RECV, said)
        venue_plain.same(decoder.decode(sent, RECV), plain)
    bad = dict(change, data={"symbol": "BTCUSDT", "bid1Size": "9", "lastPrice": "x"})
    assert isinstance(decoder.decode(raw(bad), RECV), Refused)
    record = decode(decoder.decode(raw(change), RECV))
    assert record.get_int("bid_qty") == 150_000  # nothing of what was refused is kept


def test_bybit_books() -> None:
    data = BYBIT["orderbook"]["data"]
    found = bybit(raw(dict(BYBIT["orderbook"], data=data | {"u": 1})))
    assert found.is_snapshot and found.last_seq == 1
    decoder = BybitDecoder(BYBIT_TABLE)
    answer = {"retCode": 0, "retMsg": "OK", "result": data | {"ts": 5, "cts": 4}}
    rest = decoder.decode_snapshot(raw(answer), "BTCUSDT", 7)
    assert isinstance(rest, BookDelta) and rest.is_snapshot and rest.ts_event_ns == 4_000_000
    for bad, native in (
        (answer | {"retCode": 10006, "retMsg": "Too many visits!"}, "BTCUSDT"),
        (answer | {"result": data | {"s": "ETHUSDT", "ts": 1}}, "BTCUSDT"),
        (answer, "ETHUSDT"),
    ):
        assert isinstance(decoder.decode_snapshot(raw(bad), native, 7), Refused)


def test_trade_ids() -> None:
    assert trade_number("2290000000061666327") == 2290000000061666327
    assert trade_number("20f43950-d8dd-5b31-9112-a178eb6023af") == 0x9112A178EB6023AF
    records = list(iter_records(bybit(raw(BYBIT["publicTrade"]))))
    assert [r.get_int("side") for r in records] == [Side.BUY, Side.SELL]
