"""Files of other makers as feeds of records: one module a format, one function that opens it.

Owns: reading of LOBSTER, DBN, Binance, Tardis, hftbacktest, CSV and Parquet, journals, ITCH and
Bitstamp logs. Values go from text to mantissa without a float. A feed belongs to one thread.
"""

__all__: list[str] = []
