"""How Binance's book streams work. Source: Binance API documentation, "How to manage a local order
book correctly" of spot and of futures.
"""

from tectra.feed.assembly.rule import ChainRule, NumberRule

__all__ = ["FUTURES_BOOK", "PARTIAL_BOOK", "SPOT_BOOK"]

# The first diff after a snapshot has U <= lastUpdateId + 1 <= u, each later one U = the last u + 1.
# A diff that begins earlier holds whole quantities too, and is taken.
SPOT_BOOK = NumberRule(fetches_snapshot=True, snapshot_levels=5000, overlaps=True)

# The first diff has pu <= lastUpdateId <= u, each later one pu = the last u. Between pu and U the
# symbol has no update, so a snapshot from there is joined as well.
FUTURES_BOOK = ChainRule(fetches_snapshot=True, snapshot_levels=1000)

# depth5, depth10, depth20: every message is the whole book as far as it goes.
PARTIAL_BOOK = NumberRule(fetches_snapshot=False)
