"""Kraken: what its messages mean. Floor 5; pure functions of bytes, any thread."""

from tectra.venue.kraken.book import kraken_rule, to_delta
from tectra.venue.kraken.decode import KrakenBook, decode, from_kraken_book

__all__ = ["KrakenBook", "decode", "from_kraken_book", "kraken_rule", "to_delta"]
