from typing import Final

__all__ = ["FIELDS", "HEADER_FIELDS"]

HEADER_FIELDS: Final[tuple[str, ...]]
FIELDS: Final[dict[int, dict[str, tuple[int, int, int]]]]
