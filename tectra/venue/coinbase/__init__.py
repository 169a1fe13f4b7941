"""Coinbase: what its messages mean. Floor 5; pure functions of bytes, any thread."""

from tectra.venue.coinbase.book import ConnectionSequence, coinbase_rule, to_delta
from tectra.venue.coinbase.decode import CoinbaseBook, decode, from_coinbase_book
from tectra.venue.coinbase.full import CoinbaseOrder

__all__ = [
    "CoinbaseBook",
    "CoinbaseOrder",
    "ConnectionSequence",
    "coinbase_rule",
    "decode",
    "from_coinbase_book",
    "to_delta",
]
