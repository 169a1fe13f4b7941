"""Instruments and their table, against a plain search through all definitions."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import InputError, UnknownSymbolError
from tectra.core.fixed import Price, Quantity, Rounding
from tectra.core.record import decode, encode
from tectra.core.types import Exchange
from tectra.refdata import BTCUSDT, Instrument, InstrumentTable

BTC = Instrument(
    7, "BTCUSDT", Exchange.BINANCE, -2, -5, tick=1, lot=1, qty_min=10, qty_max=9_000 * 10**5
)
AAPL = Instrument(13, "AAPL", Exchange.NASDAQ, tick=100, round_lot=100)


def test_what_mantissas_mean():
    assert BTC.price(4_325_137) == Price("43251.37")
    assert BTC.quantity(12_345) == Quantity("0.12345")
    assert BTC.money(4_325_137 * 12_345) == Decimal("43251.37") * Decimal("0.12345")
    assert BTC.money(-5) == Decimal("-0.0000005")
    assert AAPL.tick_size == Price("0.01")
    assert AAPL.lot_size == Quantity(1)
    assert BTC.px(Price("43251.37")) == 4_325_137
    assert BTC.qty(Quantity("0.5")) == 50_000


def test_off_the_grid():
    with pytest.raises(InputError, match=r"found 150.255; allowed: a multiple of 0.0100; nearest"):
        AAPL.px(Price("150.255"))
    assert AAPL.px(Price("150.255"), rounding=Rounding.FLOOR) == 1_502_500
    assert AAPL.px(Price("150.255"), rounding=Rounding.CEIL) == 1_502_600
    with pytest.raises(InputError, match="multiple of 1"):
        AAPL.qty(Quantity("1.5"))


names = st.from_regex(r"[A-Z]{1,5}", fullmatch=True)
instruments = st.builds(
    Instrument,
    instrument_id=st.integers(1, 4),
    symbol=st.sampled_from(["AAPL", "MSFT", "SPY", "QQQ"]),
    exchange=st.just(Exchange.NASDAQ),
    px_exponent=st.integers(-8, 0),
    qty_exponent=st.integers(-8, 0),
    tick=st.integers(1, 1000),
    ts_from_ns=st.integers(0, 5),
)


@given(instruments)
def test_record_round_trip(instrument):
    record = decode(instrument.to_record())
    assert Instrument.from_record(record) == instrument
    assert Instrument.from_dict(instrument.to_dict()) == instrument


@given(st.lists(instruments, max_size=10), st.none() | st.integers(0, 6))
def test_lookups_against_a_plain_search(definitions, at_ns):
    table = InstrumentTable(definitions)
    kept: dict[tuple[int, int], Instrument] = {}
    for d in definitions:
        kept[d.instrument_id, d.ts_from_ns] = d
    holding: dict[int, Instrument] = {}
    for (key, ts), d in sorted(kept.items(), key=lambda item: item[0][1]):
        if at_ns is None or ts <= at_ns:
            holding[key] = d
    for key in range(1, 5):
        if key in holding:
            assert table.by_id(key, at_ns=at_ns) == holding[key]
        else:
            with pytest.raises(UnknownSymbolError):
                table.by_id(key, at_ns=at_ns)
    for symbol in ("AAPL", "MSFT", "SPY", "QQQ"):
        found = [d for d in holding.values() if d.symbol == symbol]
        if found:
            latest = max(d.ts_from_ns for d in found)
            assert table.by_symbol(symbol, at_ns=at_ns) in [
                d for d in found if d.ts_from_ns == latest
            ]
        else:
            with pytest.raises(UnknownSymbolError):
                table.by_symbol(symbol, at_ns=at_ns)
    again = InstrumentTable.from_records(table.to_records())
    assert sorted(again, key=str) == sorted(table, key=str)
    assert [again.history(k) for k in range(5)] == [table.history(k) for k in range(5)]


def test_an_id_changes_hands():
    table = InstrumentTable(
        [
            Instrument(1, "AAA", Exchange.NASDAQ, ts_from_ns=10),
            Instrument(1, "BBB", Exchange.NASDAQ, ts_from_ns=20),
        ]
    )
    assert table.by_symbol("AAA", at_ns=15).symbol == table.by_id(1, at_ns=15).symbol == "AAA"
    assert table.by_symbol("BBB").instrument_id == 1
    for run in (lambda: table.by_symbol("AAA"), lambda: table.by_symbol("BBB", at_ns=15)):
        with pytest.raises(UnknownSymbolError):
            run()
    assert table.symbols() == ("BBB",)


def test_any_spelling_finds_it():
    table = InstrumentTable([BTC, AAPL])
    for key in ("BTCUSDT", "btc/usdt", "BTC-USDT", BTCUSDT, 7, BTC):
        assert table.resolve(key) is BTC
        assert key in table
    assert "MSFT" not in table
    assert 3.5 not in table
    assert len(table) == 2


def test_unknown_symbol_helps():
    table = InstrumentTable([BTC, AAPL, Instrument(2, "AAL", Exchange.NASDAQ)])
    with pytest.raises(UnknownSymbolError) as caught:
        table.by_symbol("APPL")
    assert str(caught.value) == (
        "found no symbol 'APPL'; did you mean AAPL? available: AAL, AAPL, BTCUSDT"
    )
    with pytest.raises(UnknownSymbolError, match="the table is empty"):
        InstrumentTable().by_id(1)
    many = InstrumentTable(Instrument(i, f"S{i:03}", Exchange.NASDAQ) for i in range(1, 31))
    with pytest.raises(UnknownSymbolError, match="S010 and 20 more"):
        many.by_id(99)


def test_one_symbol_on_two_venues():
    table = InstrumentTable([BTC, Instrument(8, "BTCUSDT", Exchange.BYBIT)])
    with pytest.raises(InputError, match="Binance, Bybit; name one"):
        table.by_symbol("BTCUSDT")
    assert table.by_symbol("BTCUSDT", exchange=Exchange.BYBIT).instrument_id == 8
    with pytest.raises(UnknownSymbolError, match="on Kraken"):
        table.by_symbol("BTCUSDT", exchange=Exchange.KRAKEN)


@pytest.mark.parametrize(
    "fields",
    [
        {"instrument_id": 0},
        {"instrument_id": 1 << 32},
        {"tick": 0},
        {"lot": -1},
        {"px_exponent": -19},
        {"qty_min": 5, "qty_max": 4},
        {"symbol": ""},
        {"symbol": "X" * 17},
        {"symbol": "É"},
    ],
)
def test_bad_definitions(fields):
    good = {"instrument_id": 1, "symbol": "AAPL", "exchange": Exchange.NASDAQ}
    with pytest.raises(InputError, match="allowed"):
        Instrument(**{**good, **fields})


def test_other_records_are_refused_or_passed_over():
    with pytest.raises(InputError, match="found trade; allowed: instrument"):
        Instrument.from_record(decode(encode("trade")))
    assert len(InstrumentTable.from_records(encode("trade") + AAPL.to_record())) == 1
