"""Binance: what its messages mean. Floor 5; pure functions of bytes, any thread."""

from tectra.venue.binance.decode import BinanceDepthUpdate, decode_depth, from_binance_depth

__all__ = ["BinanceDepthUpdate", "decode_depth", "from_binance_depth"]
