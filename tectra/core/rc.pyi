from tectra.core.errors import TectraError

CODES: dict[int, tuple[str, type[TectraError], str]]

def check(rc: int, context: str = "") -> int: ...
