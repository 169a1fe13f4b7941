"""Plain values: exact decimals, names for numbers, definitions that hold from their record on."""

from decimal import Decimal
from pathlib import Path

import pytest

from tectra.core.msg import DTYPES, Liquidity, Side, Template
from tectra.core.record import encode
from tectra.journal import JournalReader, JournalWriter
from tectra.journal.plain import PlainRecords, decimal_text, raw_names, time_text

SESSION: dict[str, object] = {
    "instruments": [
        {"instrument_id": 1, "symbol": "AAA", "exchange": 6, "px_exponent": -4, "qty_exponent": 0},
        {"instrument_id": 2, "symbol": "BBB", "exchange": 1, "px_exponent": 2, "qty_exponent": -8},
    ]
}
T = 1_767_600_000_123_456_789


def fill(seq: int, instrument_id: int) -> bytes:
    return encode(
        "order_fill", ring_seq=seq, ts_event_ns=T, ts_recv_ns=T + 1, instrument_id=instrument_id,
        side=Side.SELL, liquidity=Liquidity.MAKER, venue_id=6, order_id=9, px=1_234_567,
        qty=-15, fee=-70_001, leaves_qty=5, exec_id=3,
    )  # fmt: skip


def definition(seq: int, instrument_id: int, px_exponent: int) -> bytes:
    return encode(
        "instrument", ring_seq=seq, instrument_id=instrument_id, symbol="CCC",
        px_exponent=px_exponent, qty_exponent=-1, venue_id=3, tick=25, lot=10,
    )  # fmt: skip


@pytest.fixture
def plain(tmp_path: Path) -> PlainRecords:
    records = [fill(1, 3), definition(2, 3, -2), fill(3, 3), definition(4, 3, -3), fill(5, 3)]
    with JournalWriter(tmp_path / "j", session=SESSION, segment_slots=64) as writer:
        for body in records:
            writer.append(body)
    return PlainRecords(JournalReader(tmp_path / "j"))


@pytest.mark.parametrize("exponent", [-18, -4, -1, 0, 3])
@pytest.mark.parametrize("mantissa", [0, 1, -1, 9, -10, 12345, 2**63 - 1, -(2**63)])
def test_decimal_text_is_exact(mantissa: int, exponent: int) -> None:
    text = decimal_text(mantissa, exponent)
    assert Decimal(text) == Decimal(mantissa).scaleb(exponent)
    assert "e" not in text.lower()
    assert len(text.partition(".")[2]) == max(0, -exponent)


def test_values_of_a_record(plain: PlainRecords) -> None:
    assert plain.values(Template.ORDER_FILL, fill(7, 1)) == {
        "ring_seq": 7, "type": "order_fill", "ts_event_ns": T, "ts_recv_ns": T + 1,
        "instrument_id": 1, "symbol": "AAA", "side": "SELL", "liquidity": "MAKER", "venue_id": 6,
        "order_id": 9, "price": "123.4567", "quantity": "-15", "venue_order_id": 0, "exec_id": 3,
        "leaves_quantity": "5", "fee": "-7.0001", "match_id": 0, "fill_reason": "NONE",
    }  # fmt: skip
    other = plain.values(Template.ORDER_FILL, fill(7, 2))
    assert (other["price"], other["quantity"]) == ("123456700", "-0.00000015")
    assert other["fee"] == "-0.070001"
    line = plain.line(Template.ORDER_FILL, fill(7, 1))
    assert line.startswith("       7 2026-01-05T08:00:00.123456790 order_fill          AAA ")
    assert " price=123.4567 quantity=-15 " in line
    assert f"event={time_text(T)}" in line


def test_what_is_not_known_stays_a_number(plain: PlainRecords) -> None:
    values = plain.values(Template.ORDER_FILL, fill(7, 99))
    assert (values["px"], values["qty"], values["fee"]) == (1_234_567, -15, -70_001)
    assert "price" not in values
    assert values["symbol"] is None
    assert " #99 " in plain.line(Template.ORDER_FILL, fill(7, 99))
    body = bytearray(fill(7, 1))
    body[36] = 77  # no such side
    assert plain.values(Template.ORDER_FILL, bytes(body))["side"] == 77


def test_a_definition_holds_from_its_record_on(plain: PlainRecords) -> None:
    prices = [plain.values(Template.ORDER_FILL, fill(seq, 3))["price"] for seq in (1, 3, 4, 5, 9)]
    assert prices == ["12345.67", "12345.67", "1234.567", "1234.567", "1234.567"]
    made = plain.values(Template.INSTRUMENT, definition(2, 3, -2))
    assert (made["symbol"], made["tick"], made["lot"]) == ("CCC", "0.25", "1.0")
    assert plain.symbols == ["AAA", "BBB", "CCC"]
    assert plain.instrument_ids("CCC") == {3}
    assert plain.instrument_ids("ZZZ") == frozenset()


def test_special_fields(plain: PlainRecords) -> None:
    none = encode("quote", ring_seq=1, instrument_id=1, bid_px=-(2**63), ask_px=15, ask_qty=2)
    values = plain.values(Template.QUOTE, none)
    assert (values["bid_price"], values["ask_price"]) == (None, "0.0015")
    assert "bid_price" not in plain.line(Template.QUOTE, none)
    add = encode("book_add", ring_seq=1, instrument_id=1, side=Side.BUY, flags=3, px=1, qty=1)
    assert plain.values(Template.BOOK_ADD, add)["flags"] == ["SNAPSHOT", "LAST"]
    assert "flags=SNAPSHOT|LAST" in plain.line(Template.BOOK_ADD, add)
    mark = encode("pnl_update", ring_seq=1, instrument_id=1, mark_px2=2_000_001)
    assert plain.values(Template.PNL_UPDATE, mark)["mark_price"] == "100.00005"
    message = encode("venue_message", ring_seq=1, payload=b"\x01\xff")
    assert plain.values(Template.VENUE_MESSAGE, message)["payload"].startswith("01ff")
    config = encode("run_config", ring_seq=1, config_digest=(1, 2))
    digest = plain.values(Template.RUN_CONFIG, config)["config_digest"]
    assert digest == "00000000000000010000000000000002"


def test_every_type_has_values_and_columns(plain: PlainRecords) -> None:
    for template in DTYPES:
        body = encode(template, ring_seq=1, instrument_id=1)
        values = plain.values(template, body)
        assert list(values) == plain.columns(template)
        assert not {"px", "qty"} & set(values)
        assert set(raw_names(template)) <= set(DTYPES[template].names or ())
        assert plain.line(template, body).split()[2] == template.name.lower()


def test_a_session_of_another_kind(tmp_path: Path) -> None:
    for n, instruments in enumerate(("text", [1, None], [{"symbol": "A"}])):
        path = tmp_path / str(n)
        JournalWriter(path, session={"instruments": instruments}, segment_slots=8).close()
        assert PlainRecords(JournalReader(path)).symbols == []
