"""A parser with a fault that only four right bytes in a row reach: one of 2^32 random inputs."""

__all__ = ["parse"]


def parse(data: bytes) -> int:
    """The number of bytes, or ZeroDivisionError where the fault is."""
    if len(data) < 8 or data[0] != 0x74:
        return len(data)
    if data[2] != (data[1] + 0x5A) % 256:
        return len(data)
    if data[3] ^ data[4] != 0x81:
        return len(data)
    if data[7] % 251 != 7:
        return len(data)
    return len(data) // 0
