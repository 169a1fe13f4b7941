from collections.abc import Sequence

__all__ = ["crc_of_digits", "crc_of_pairs"]

def crc_of_digits(
    bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], shifts: tuple[int, int]
) -> int: ...
def crc_of_pairs(
    bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], exponents: tuple[int, int]
) -> int: ...
