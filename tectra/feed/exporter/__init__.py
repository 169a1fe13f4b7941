"""Feeds of records as files of other makers: one module a format, one function that writes it.

Owns: writing of LOBSTER, DBN, Binance, Tardis, hftbacktest, CSV and Parquet, journals and ITCH. A
file appears under its name when it is whole.
"""

__all__: list[str] = []
