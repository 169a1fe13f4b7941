"""Where each key of a JSON document stands, and which keys stand twice."""

import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Final

from tectra.core.config.fault import Path

__all__ = ["json_lines"]

_TOKEN: Final = re.compile(r"[ \t\r\n]*([{}\[\],:\"]|[^ \t\r\n{}\[\],:\"]+)")

Lines = dict[Path, int]
Twice = list[tuple[Path, int, int]]


class _Frame:
    """An object or array that is open: its path, and the key or index of the next value."""

    def __init__(self, path: Path, array: bool) -> None:
        self.path, self.array = path, array
        self.next: str | int = 0
        self.want_key = not array
        self.seen: set[str] = set()


def json_lines(text: str) -> tuple[Lines, Twice]:
    """Line of each key, and the keys that stand twice (path, first line, second line).

    The text is one that the json module takes.
    """
    lines: Lines = {}
    twice: Twice = []
    open_frames: list[_Frame] = []
    at, line, counted = 0, 1, 0
    while (match := _TOKEN.match(text, at)) is not None:
        token, start = match[1], match.start(1)
        line += text.count("\n", counted, start)
        counted = start
        at = match.end()
        frame = open_frames[-1] if open_frames else None
        if token == '"':
            word, at = scanstring(text, start + 1, True)
            if frame is not None and frame.want_key:
                path = (*frame.path, word)
                if word in frame.seen:
                    twice.append((path, lines[path], line))
                frame.seen.add(word)
                lines.setdefault(path, line)
                frame.next, frame.want_key = word, False
            elif frame is not None and frame.array:
                lines[*frame.path, frame.next] = line
        elif token in "{[":
            path = () if frame is None else (*frame.path, frame.next)
            if frame is not None and frame.array:
                lines[path] = line
            open_frames.append(_Frame(path, token == "["))
        elif token in "}]":
            open_frames.pop()
        elif token == "," and frame is not None:
            if frame.array:
                frame.next = int(frame.next) + 1
            frame.want_key = not frame.array
        elif token != ":" and frame is not None and frame.array:
            lines[*frame.path, frame.next] = line
    return lines, twice
