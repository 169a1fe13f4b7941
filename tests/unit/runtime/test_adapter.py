"""Every exchange leads to its classes, or to an error that names what is missing."""

from typing import Any

import pytest

from tectra.book.l3 import L3Book
from tectra.core.errors import ConfigError
from tectra.core.types import Exchange
from tectra.feed import ItchFeed
from tectra.feed.protocol import Feed
from tectra.gateway.protocol import Gateway
from tectra.runtime import adapter_of, adapters
from tectra.sim.exchange import SimExchange

HAVE = {Exchange.NASDAQ, Exchange.SIMULATED}


@pytest.mark.parametrize("exchange", Exchange, ids=lambda e: e.label)
def test_a_class_or_what_is_missing(exchange: Exchange) -> None:
    if exchange in HAVE:
        assert adapter_of(exchange).exchange is exchange
    else:
        with pytest.raises(ConfigError, match=rf"{exchange.label}: found no feed and no gateway"):
            adapter_of(exchange)


def test_each_half() -> None:
    nasdaq, simulated = (adapter_of(e) for e in (Exchange.NASDAQ, Exchange.SIMULATED))
    assert nasdaq.need_feed() is ItchFeed and simulated.need_gateway() is SimExchange
    with pytest.raises(ConfigError, match="no gateway; those with a gateway: Simulated"):
        nasdaq.need_gateway()
    with pytest.raises(ConfigError, match="no feed; those with a feed: Nasdaq"):
        simulated.need_feed()
    assert {a.exchange for a in adapters()} == HAVE


def test_the_classes_keep_the_protocols(small_day: Any) -> None:
    with ItchFeed(small_day) as feed:
        assert isinstance(feed, Feed)
    assert isinstance(SimExchange(L3Book(1)), Gateway)
