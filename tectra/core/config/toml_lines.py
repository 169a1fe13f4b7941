"""Where each key of a TOML document stands. tomllib reads values and forgets lines; this reads
lines and forgets values.
"""

import contextlib
from typing import Final

from tectra.core.config.fault import Path

__all__ = ["toml_lines"]

_BARE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_ESCAPES: Final = {
    "b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\", "e": "\x1b",
}  # fmt: skip
_DEPTH_MAX: Final = 64

Lines = dict[Path, int]
Twice = list[tuple[Path, int, int]]


class _Scanner:
    """One pass over a document. One thread, used once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.lines: Lines = {}
        self.twice: Twice = []
        self._assigned: Lines = {}
        self._arrays: dict[Path, int] = {}
        self._base: Path = ()

    def run(self) -> None:
        while self._skip(" \t\r\n") is not None:
            if self.text.startswith("[", self.at):
                self._header()
            else:
                self._pair(self._base, 0)

    def _skip(self, blanks: str) -> str | None:
        """Past blanks and comments; the next character, or None at the end."""
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif char in blanks:
                self.line += char == "\n"
                self.at += 1
            else:
                return char
        return None

    def _header(self) -> None:
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        line = self.line
        names = self._key()
        self.at += 2 if array else 1
        path: Path = ()
        for name in names[:-1]:
            path = self._entered((*path, name), line)
        path = (*path, names[-1])
        if array:
            index = self._arrays.get(path, 0)
            self._arrays[path] = index + 1
            self.lines.setdefault(path, line)
            path = (*path, index)
        else:
            self._assign(path, line)
        self.lines.setdefault(path, line)
        self._base = path

    def _entered(self, path: Path, line: int) -> Path:
        """A table on the way: of an array of tables the last one."""
        self.lines.setdefault(path, line)
        count = self._arrays.get(path)
        return path if count is None else (*path, count - 1)

    def _assign(self, path: Path, line: int) -> None:
        if path in self._assigned:
            self.twice.append((path, self._assigned[path], line))
        self._assigned.setdefault(path, line)

    def _pair(self, base: Path, depth: int) -> None:
        line = self.line
        names = self._key()
        path = base
        for name in names[:-1]:
            path = self._entered((*path, name), line)
        path = (*path, names[-1])
        self._assign(path, line)
        self.lines.setdefault(path, line)
        self._skip(" \t")
        self.at += 1  # the equals sign
        self._value(path, depth)

    def _key(self) -> list[str]:
        names = []
        while True:
            char = self._skip(" \t")
            if char in ('"', "'"):
                names.append(self._string(char))
            else:
                start = self.at
                while self.at < len(self.text) and self.text[self.at] in _BARE:
                    self.at += 1
                if start == self.at:
                    raise ValueError("no key")
                names.append(self.text[start : self.at])
            if self._skip(" \t") != ".":
                return names
            self.at += 1

    def _string(self, quote: str) -> str:
        if self.text.startswith(quote * 3, self.at):
            self._long_string(quote)
            return ""
        out = []
        self.at += 1
        while (char := self.text[self.at]) != quote:
            if char == "\\" and quote == '"':
                out.append(self._escape())
            else:
                out.append(char)
                self.at += 1
        self.at += 1
        return "".join(out)

    def _escape(self) -> str:
        mark = self.text[self.at + 1]
        width = {"x": 2, "u": 4, "U": 8}.get(mark, 0)
        digits = self.text[self.at + 2 : self.at + 2 + width]
        self.at += 2 + width
        return chr(int(digits, 16)) if width else _ESCAPES.get(mark, "")

    def _long_string(self, quote: str) -> None:
        """Past a text of several lines; up to two quotes may stand before the closing three."""
        self.at += 3
        while not self.text.startswith(quote * 3, self.at):
            char = self.text[self.at]
            if char == "\\" and quote == '"':
                self.at += 1
                char = self.text[self.at]
            self.line += char == "\n"
            self.at += 1
        self.at += 3
        while self.text.startswith(quote, self.at):
            self.at += 1

    def _value(self, path: Path, depth: int) -> None:
        if depth > _DEPTH_MAX:
            raise ValueError("too deep")
        char = self._skip(" \t")
        if char in ('"', "'"):
            self._string(char)
        elif char == "[":
            self._array(path, depth)
        elif char == "{":
            self._inline(path, depth)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self.at += 1

    def _array(self, path: Path, depth: int) -> None:
        self.at += 1
        index = 0
        while (char := self._skip(" \t\r\n")) != "]":
            if char is None:
                raise ValueError("no end")
            if char == ",":
                self.at += 1
                continue
            self.lines[*path, index] = self.line
            self._value((*path, index), depth + 1)
            index += 1
        self.at += 1

    def _inline(self, path: Path, depth: int) -> None:
        self.at += 1
        while (char := self._skip(" \t\r\n")) != "}":
            if char is None:
                raise ValueError("no end")
            if char == ",":
                self.at += 1
                continue
            self._pair(path, depth + 1)
        self.at += 1


def toml_lines(text: str) -> tuple[Lines, Twice]:
    """Line of each key, and the keys that stand twice (path, first line, second line).

    The text is one that tomllib takes, or refuses for a key that stands twice; of another one, what
    was understood before the first thing that is no TOML.
    """
    scanner = _Scanner(text)
    with contextlib.suppress(ValueError, IndexError):
        scanner.run()
    return scanner.lines, scanner.twice
