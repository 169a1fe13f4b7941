"""How Bybit's book streams work. Source: Bybit API documentation v5, "Orderbook"."""

from tectra.feed.assembly.rule import NumberRule

__all__ = ["STREAM_BOOK"]

# A snapshot comes first, then `u` counts message by message; u = 1 is a restart of the service, and
# a snapshot. The REST book counts as the stream of 1000 levels does, so for other depths a snapshot
# is had by subscribing anew.
STREAM_BOOK = NumberRule(fetches_snapshot=False, reset_seq=1)
