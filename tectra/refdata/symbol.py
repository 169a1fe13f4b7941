"""Symbols: one canonical spelling (`BTCUSDT`, `AAPL`), and each venue's own spelling of it."""

import re
from dataclasses import dataclass
from typing import Self

from tectra.core.errors import InputError
from tectra.core.types import Exchange

__all__ = [
    "BTCUSD",
    "BTCUSDT",
    "ETHUSD",
    "ETHUSDT",
    "QUOTES",
    "Dialect",
    "Symbol",
    "from_native",
    "to_native",
]

# Quote currencies by which an unseparated pair is split, longest first. With a crypto quote the
# base has two letters or more: GBTC and FETH are tickers.
_CASH = ("FDUSD", "USDT", "USDC", "USD", "EUR", "GBP", "JPY", "TRY", "BRL", "AUD", "CAD", "CHF")
_CRYPTO = ("BTC", "ETH", "BNB")
QUOTES = (*_CASH, *_CRYPTO)
_WORD = re.compile(r"[A-Z0-9]{1,12}")
_TICKER = re.compile(r"[A-Z0-9][A-Z0-9.+=^#*$-]{0,15}")


def _split(text: str) -> tuple[str, str]:
    for quote in QUOTES:
        base = text.removesuffix(quote)
        least = 2 if quote in _CRYPTO else 1
        if base != text and len(base) >= least and _WORD.fullmatch(base):
            return base, quote
    return text, ""


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """What trades, whatever a venue calls it: a pair (base and quote) or a plain ticker (quote "").

    str() is the canonical spelling; Symbol.parse(str(pair)) == pair for every pair. A pair whose
    canonical spelling would read as another pair is refused with InputError.
    """

    base: str
    quote: str = ""

    def __post_init__(self) -> None:
        if not self.quote:
            if not _TICKER.fullmatch(self.base):
                raise InputError(
                    f"symbol: found {self.base!r}; allowed: 1 to 16 of A-Z 0-9 . + = ^ # * $ -"
                )
            return
        if self.quote not in QUOTES or not _WORD.fullmatch(self.base):
            raise InputError(
                f"symbol: found {self.base!r} / {self.quote!r}; allowed: a base of A-Z 0-9 and a "
                f"quote of {', '.join(QUOTES)}"
            )
        read = _split(self.base + self.quote)
        if read != (self.base, self.quote):
            raise InputError(
                f"symbol: found {self.base}/{self.quote}, which reads as "
                f"{'/'.join(filter(None, read))}"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """From BTCUSDT, BTC/USDT, BTC-USDT or BTC_USDT in any case, or a plain ticker. Raises
        InputError.
        """
        found = text.strip().upper()
        for separator in "/-_":
            base, mark, quote = found.partition(separator)
            if mark and (separator != "-" or quote in QUOTES):
                return cls(base, quote) if quote else cls(found)
        return cls(*_split(found))

    @property
    def is_pair(self) -> bool:
        """True for base and quote, False for a plain ticker."""
        return bool(self.quote)

    def to_dict(self) -> dict[str, str]:
        """{"base": str, "quote": str}."""
        return {"base": self.base, "quote": self.quote}

    @classmethod
    def from_dict(cls, fields: dict[str, str]) -> Self:
        """Inverse of to_dict()."""
        return cls(fields["base"], fields["quote"])

    def __str__(self) -> str:
        return self.base + self.quote


BTCUSDT = Symbol("BTC", "USDT")
BTCUSD = Symbol("BTC", "USD")
ETHUSDT = Symbol("ETH", "USDT")
ETHUSD = Symbol("ETH", "USD")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one interface of a venue spells symbols."""

    separator: str
    renames: tuple[tuple[str, str], ...] = ()
    pairs: bool = True
    tickers: bool = False
    lower: bool = False

    def write(self, symbol: Symbol) -> str:
        """The venue's spelling; raises InputError for a kind of symbol it does not trade."""
        if symbol.is_pair and not self.pairs:
            raise InputError(
                f"symbol: found the pair {symbol}; allowed on this venue: plain tickers such as "
                "AAPL"
            )
        if not symbol.is_pair:
            if not self.tickers:
                raise InputError(
                    f"symbol: found the ticker {symbol}; allowed on this venue: pairs such as "
                    "BTCUSDT"
                )
            return symbol.base
        names = dict(self.renames)
        text = self.separator.join(names.get(part, part) for part in (symbol.base, symbol.quote))
        return text.lower() if self.lower else text

    def read(self, text: str) -> Symbol:
        """Inverse of write()."""
        found = text.upper() if self.lower else text
        if not self.pairs:
            return Symbol(found)
        if self.separator and self.separator not in found:
            if self.tickers:
                return Symbol(found)
            raise InputError(
                f"symbol: found {text!r}; allowed on this venue: BASE{self.separator}QUOTE"
            )
        if not self.separator:
            symbol = Symbol.parse(found)
            if not symbol.is_pair and not self.tickers:
                raise InputError(
                    f"symbol: found {text!r}; allowed: a pair with a quote of {', '.join(QUOTES)}"
                )
            return symbol
        names = {theirs: ours for ours, theirs in self.renames}
        base, _, quote = found.partition(self.separator)
        return Symbol(names.get(base, base), names.get(quote, quote))


_KRAKEN_V1 = (("BTC", "XBT"), ("DOGE", "XDG"))

# (exchange, interface) -> spelling; interface "" is the one that feeds and orders use.
_DIALECTS: dict[tuple[Exchange, str], Dialect] = {
    (Exchange.BINANCE, ""): Dialect(""),
    (Exchange.BINANCE, "stream"): Dialect("", lower=True),
    (Exchange.BYBIT, ""): Dialect(""),
    (Exchange.COINBASE, ""): Dialect("-"),
    (Exchange.KRAKEN, ""): Dialect("/"),
    (Exchange.KRAKEN, "v1"): Dialect("/", renames=_KRAKEN_V1),
    (Exchange.ALPACA, ""): Dialect("/", tickers=True),
    (Exchange.NASDAQ, ""): Dialect("", pairs=False, tickers=True),
    (Exchange.SIMULATED, ""): Dialect("", tickers=True),
    (Exchange.OKX, ""): Dialect("-"),
}


def _dialect(exchange: Exchange, interface: str) -> Dialect:
    found = _DIALECTS.get((exchange, interface))
    if found is None:
        allowed = ", ".join(repr(i) for e, i in _DIALECTS if e == exchange)
        raise InputError(f"interface of {exchange.label}: found {interface!r}; allowed: {allowed}")
    return found


def to_native(symbol: Symbol, exchange: Exchange, interface: str = "") -> str:
    """The venue's spelling: BTC-USD on Coinbase, XBT/USD on Kraken's "v1". Raises InputError if it
    trades no such kind.
    """
    return _dialect(exchange, interface).write(symbol)


def from_native(text: str, exchange: Exchange, interface: str = "") -> Symbol:
    """The symbol behind a venue's spelling. Raises InputError if it would not spell it so."""
    return _dialect(exchange, interface).read(text)
