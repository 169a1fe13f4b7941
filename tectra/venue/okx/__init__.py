"""OKX: what its market data means. Floor 5; pure functions of bytes, any thread."""

from tectra.venue.okx.book import OkxRule, okx_rule, to_delta
from tectra.venue.okx.decode import OkxBook, decode, from_okx_book

__all__ = ["OkxBook", "OkxRule", "decode", "from_okx_book", "okx_rule", "to_delta"]
