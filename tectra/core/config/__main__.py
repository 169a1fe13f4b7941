"""`python -m tectra.core.config [--check] FILE`: put the tables of all keys into a manual, or say
that it is behind.
"""

import sys
from pathlib import Path

from tectra.core.config.describe import key_tables

_BEGIN = "<!-- keys: written by python -m tectra.core.config -->"
_END = "<!-- end of keys -->"


def main(argv: list[str]) -> int:
    """0: written, or up to date with --check; 1: behind, or without the marks."""
    check = "--check" in argv
    names = [a for a in argv if a != "--check"]
    if len(names) != 1:
        print(__doc__)
        return 2
    path = Path(names[0])
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        print(f"{path}: found no marks; put {_BEGIN} and {_END} into it")
        return 1
    fresh = f"{before}{_BEGIN}\n\n{key_tables()}\n{_END}{after}"
    if check:
        if fresh != text:
            print(f"{path}: is behind the structs; run python -m tectra.core.config {path}")
        return int(fresh != text)
    path.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
