"""Order types on the wire of each venue."""

import pytest

from tectra.core.errors import UnsupportedOrderType
from tectra.core.types import Exchange, OrderType
from tectra.refdata import order_type_from_wire, order_types, wire_order_type


@pytest.mark.parametrize("exchange", Exchange, ids=lambda e: e.label)
@pytest.mark.parametrize("order_type", OrderType, ids=lambda t: t.name)
def test_a_wire_name_or_a_refusal(exchange, order_type):
    if order_type in order_types(exchange):
        wire = wire_order_type(exchange, order_type)
        assert wire.name
        assert order_type_from_wire(exchange, wire.name, dict(wire.fields)) is order_type
    else:
        with pytest.raises(UnsupportedOrderType, match=rf"{order_type.name}; allowed: LIMIT"):
            wire_order_type(exchange, order_type)


def test_binance_names():
    names = {t: wire_order_type(Exchange.BINANCE, t).name for t in OrderType}
    assert names[OrderType.LIMIT] == "LIMIT"
    assert names[OrderType.MARKET] == "MARKET"
    assert names[OrderType.POST_ONLY] == "LIMIT_MAKER"


def test_post_only_as_a_field():
    assert wire_order_type(Exchange.BYBIT, OrderType.POST_ONLY).fields == (
        ("timeInForce", "PostOnly"),
    )
    assert order_type_from_wire(Exchange.KRAKEN, "limit", {"post_only": False}) is OrderType.LIMIT
    with pytest.raises(UnsupportedOrderType, match="'iceberg'; allowed: limit"):
        order_type_from_wire(Exchange.KRAKEN, "iceberg")
