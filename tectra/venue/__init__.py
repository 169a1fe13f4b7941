"""Venues: one package each, with the same file names in every one. Floor 5.

Only the wiring names a venue; nothing here imports another venue.
"""

__all__: list[str] = []
