"""Bybit: what its messages mean. Floor 5; functions of bytes, and a decoder that keeps tickers."""

from tectra.venue.bybit.book import STREAM_BOOK
from tectra.venue.bybit.decode import BybitBookUpdate, decode_book, from_bybit_book
from tectra.venue.bybit.market import BybitDecoder
from tectra.venue.bybit.symbols import BybitMarket, infer_listings, read_listings

__all__ = [
    "STREAM_BOOK",
    "BybitBookUpdate",
    "BybitDecoder",
    "BybitMarket",
    "decode_book",
    "from_bybit_book",
    "infer_listings",
    "read_listings",
]
