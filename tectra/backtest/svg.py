"""Charts as inline SVG text: lines, lines with marks, bars. Pure functions of their data; no
script, no outside file.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

__all__ = ["Marks", "Series", "bar_chart", "line_chart"]

WIDTH, HEIGHT = 920, 260
LEFT, RIGHT, TOP, BOTTOM = 76, 14, 12, 30
POINTS_MAX = 1_200


@dataclass(frozen=True)
class Series:
    """One line; `kind` is the CSS class that colors it. Breaks where y is not finite."""

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    kind: str = "s1"
    filled: bool = False


@dataclass(frozen=True)
class Marks:
    """Points on a chart, each with a line of text for the pointer; `up` points up, or down."""

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    texts: Sequence[str]
    kind: str
    up: bool


def _steps(low: float, high: float, about: int) -> list[float]:
    if not high > low:
        return [low]
    rough = (high - low) / about
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= rough)
    first = math.ceil(low / step) * step
    return [first + i * step for i in range(int((high - first) / step + 1e-9) + 1)]


def _thin(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most POINTS_MAX points that keep the lowest and the highest value of each stretch."""
    if len(x) <= POINTS_MAX:
        return x, y
    keep = {0, len(x) - 1}
    for part in np.array_split(np.arange(len(x)), POINTS_MAX // 2):
        values = y[part]
        if np.isfinite(values).any():
            keep.add(int(part[np.nanargmin(values)]))
            keep.add(int(part[np.nanargmax(values)]))
    at = np.array(sorted(keep))
    return x[at], y[at]


class _Frame:
    """Scales of a chart and its axes."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self.x0, self.x1 = x if x[1] > x[0] else (x[0], x[0] + 1.0)
        pad = (y[1] - y[0]) * 0.06 or max(abs(y[0]) * 0.01, 1.0)
        self.y0, self.y1 = y[0] - pad, y[1] + pad

    def px(self, x: float) -> float:
        return LEFT + (x - self.x0) / (self.x1 - self.x0) * (WIDTH - LEFT - RIGHT)

    def py(self, y: float) -> float:
        return TOP + (self.y1 - y) / (self.y1 - self.y0) * (HEIGHT - TOP - BOTTOM)

    def axes(self, x_text: Callable[[float], str], y_text: Callable[[float], str]) -> str:
        out = []
        for value in _steps(self.y0, self.y1, 5):
            at = self.py(value)
            out.append(
                f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
            )
            out.append(
                f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">'
                f"{escape(y_text(value))}</text>"
            )
        for i in range(7):
            value = self.x0 + (self.x1 - self.x0) * i / 6
            anchor = "start" if i == 0 else "end" if i == 6 else "middle"
            place = f'x="{self.px(value):.1f}" y="{HEIGHT - 8}"'
            out.append(f'<text {place} text-anchor="{anchor}">{escape(x_text(value))}</text>')
        return "".join(out)


def _path(frame: _Frame, series: Series) -> str:
    x, y = _thin(series.x, series.y)
    parts: list[str] = []
    pen_up = True
    for a, b in zip(x, y, strict=True):
        if not math.isfinite(b):
            pen_up = True
            continue
        parts.append(f"{'M' if pen_up else 'L'}{frame.px(float(a)):.1f} {frame.py(float(b)):.1f}")
        pen_up = False
    line = f'<path class="line {series.kind}" d="{"".join(parts)}"/>'
    if not series.filled or not parts:
        return line
    zero = frame.py(min(max(0.0, frame.y0), frame.y1))
    first, last = frame.px(float(x[0])), frame.px(float(x[-1]))
    area = f"{''.join(parts)}L{last:.1f} {zero:.1f}L{first:.1f} {zero:.1f}Z"
    return f'<path class="area {series.kind}" d="{area}"/>{line}'


def _marks(frame: _Frame, marks: Marks) -> str:
    out = []
    size = 5.0 if marks.up else -5.0
    for x, y, text in zip(marks.x, marks.y, marks.texts, strict=True):
        a, b = frame.px(float(x)), frame.py(float(y))
        triangle = (
            f"M{a - 4:.1f} {b + size:.1f}L{a + 4:.1f} {b + size:.1f}L{a:.1f} {b - size / 3:.1f}Z"
        )
        out.append(
            f'<path class="mark {marks.kind}" d="{triangle}"><title>{escape(text)}</title></path>'
        )
    return "".join(out)


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    items = "".join(f'<span><i class="{kind}"></i>{escape(name)}</span>' for name, kind in entries)
    return f'<div class="legend">{items}</div>'


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
    marks: Sequence[Marks] = (),
) -> str:
    """A figure of lines over a common x axis, with marks on top; says so when there is nothing to
    draw.
    """
    finite = [s.y[np.isfinite(s.y)] for s in series] + [m.y for m in marks]
    values = np.concatenate(finite) if finite else np.empty(0)
    if not len(values):
        caption = f"<figcaption>{escape(title)}</figcaption>"
        return f'<figure>{caption}<p class="none">nothing to draw</p></figure>'
    xs = [s.x for s in series if len(s.x)] + [m.x for m in marks if len(m.x)]
    frame = _Frame(
        (min(float(x[0]) for x in xs), max(float(x[-1]) for x in xs)),
        (float(values.min()), float(values.max())),
    )
    body = frame.axes(x_text, y_text) + "".join(_path(frame, s) for s in series)
    body += "".join(_marks(frame, m) for m in marks)
    legend = _legend([(s.name, s.kind) for s in series] + [(m.name, m.kind) for m in marks])
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{body}</svg>'
    )
    return f"<figure><figcaption>{escape(title)}</figcaption>{svg}{legend}</figure>"


def bar_chart(title: str, bars: Sequence[tuple[str, float]], *, note: str = "") -> str:
    """A figure of vertical bars; each has its label below and its share of the total for the
    pointer.
    """
    total = sum(value for _, value in bars)
    small = f" <small>{escape(note)}</small>" if note else ""
    caption = f"<figcaption>{escape(title)}{small}</figcaption>"
    if not total:
        return f'<figure>{caption}<p class="none">nothing to draw</p></figure>'
    width = (WIDTH - LEFT - RIGHT) / len(bars)
    floor, room = 150 - BOTTOM, 150 - BOTTOM - TOP
    highest = max(value for _, value in bars)
    out = []
    every = max(1, math.ceil(len(bars) / 14))
    for i, (label, value) in enumerate(bars):
        x, high = LEFT + i * width, value / highest * room
        size = f'width="{max(width - 1, 0.5):.1f}" height="{high:.1f}"'
        box = f'x="{x + 0.5:.1f}" y="{floor - high:.1f}" {size}'
        out.append(
            f'<rect class="bar" {box}><title>{escape(label)}: {value / total:.2%}</title></rect>'
        )
        if i % every == 0:
            place = f'x="{x + width / 2:.1f}" y="{floor + 16}"'
            out.append(f'<text {place} text-anchor="middle">{escape(label)}</text>')
    head = f'<svg viewBox="0 0 {WIDTH} 150" role="img" aria-label="{escape(title)}">'
    svg = f"{head}{''.join(out)}</svg>"
    return f"<figure>{caption}{svg}</figure>"
