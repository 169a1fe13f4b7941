"""Bybit: what its messages mean. Floor 5; pure functions of bytes, any thread."""

from tectra.venue.bybit.decode import BybitBookUpdate, decode_book, from_bybit_book

__all__ = ["BybitBookUpdate", "decode_book", "from_bybit_book"]
