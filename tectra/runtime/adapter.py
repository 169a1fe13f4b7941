"""Which classes speak for an exchange: its feed of market data, and its gateway for orders."""

from dataclasses import dataclass
from typing import Any

from tectra.core.errors import ConfigError
from tectra.core.types import Exchange
from tectra.feed.itch import ItchFeed
from tectra.feed.protocol import Feed
from tectra.gateway.protocol import Gateway
from tectra.sim.exchange import SimExchange

__all__ = ["Adapter", "adapter_of", "adapters"]


@dataclass(frozen=True, slots=True)
class Adapter:
    """The classes of one exchange. None: it has none, and the need_ methods say so."""

    exchange: Exchange
    feed: type[Feed] | None = None
    gateway: type[Gateway] | None = None

    def need_feed(self) -> type[Feed]:
        """The feed; ConfigError where there is none."""
        if self.feed is None:
            raise ConfigError(_missing(self.exchange, "feed"))
        return self.feed

    def need_gateway(self) -> type[Gateway]:
        """The gateway; ConfigError where there is none."""
        if self.gateway is None:
            raise ConfigError(_missing(self.exchange, "gateway"))
        return self.gateway


def _missing(exchange: Exchange, *what: str) -> str:
    names = {
        kind: ", ".join(a.exchange.label for a in adapters() if getattr(a, kind) is not None)
        for kind in what
    }
    have = "; ".join(f"those with a {kind}: {found}" for kind, found in names.items())
    return f"exchange {exchange.label}: found no {' and no '.join(what)}; {have}"


def adapters() -> tuple[Adapter, ...]:
    """Every exchange that has a class."""
    feed: Any = ItchFeed
    gateway: Any = SimExchange
    return (
        Adapter(Exchange.NASDAQ, feed=feed),
        Adapter(Exchange.SIMULATED, gateway=gateway),
    )


def adapter_of(exchange: Exchange) -> Adapter:
    """The adapter of an exchange. ConfigError, which names what is missing, where there is none."""
    for adapter in adapters():
        if adapter.exchange is exchange:
            return adapter
    raise ConfigError(_missing(exchange, "feed", "gateway"))
