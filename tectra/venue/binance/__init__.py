"""Binance: what its messages mean. Floor 5; pure functions of bytes, any thread."""

from tectra.venue.binance.book import FUTURES_BOOK, PARTIAL_BOOK, SPOT_BOOK
from tectra.venue.binance.decode import BinanceDepthUpdate, decode_depth, from_binance_depth
from tectra.venue.binance.market import BinanceDecoder
from tectra.venue.binance.symbols import BinanceMarket, infer_listings, read_listings

__all__ = [
    "FUTURES_BOOK",
    "PARTIAL_BOOK",
    "SPOT_BOOK",
    "BinanceDecoder",
    "BinanceDepthUpdate",
    "BinanceMarket",
    "decode_depth",
    "from_binance_depth",
    "infer_listings",
    "read_listings",
]
