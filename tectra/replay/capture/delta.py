"""Deltas between plain values: what changed, what came, what went. Any thread.

A delta is itself plain: [0, value] replaces; [1, gone, set, deeper] changes a dict; [2, set,
deeper] changes a list of the same length; [3, dropped, more] drops from the front of a list and
appends.
"""

from tectra.core.errors import FileFormatError
from tectra.replay.capture.plain import Plain, same

__all__ = ["NOTHING", "apply_delta", "delta_of", "differences"]

# The delta of equal values.
NOTHING: list[Plain] = []
_REPLACE, _DICT, _LIST, _SHIFT = range(4)
_SHIFT_MAX = 4


def delta_of(old: Plain, new: Plain) -> list[Plain]:
    """The delta that leads from one plain value to another; NOTHING between equal ones."""
    if old is new:
        return NOTHING
    kind = type(old)
    if kind is dict and type(new) is dict and old and new:
        return _of_dict(old, new)
    if same(old, new):
        return NOTHING
    if kind is list and type(new) is list and old and new:
        return _of_list(old, new)
    return [_REPLACE, new]


def _of_dict(old: dict[str, Plain], new: dict[str, Plain]) -> list[Plain]:
    gone: list[str] = []
    come: list[str] = []
    if [*old] != [*new]:
        gone = [k for k in old if k not in new]
        come = [k for k in new if k not in old]
        if len(gone) == len(old) or [k for k in old if k in new] + come != [*new]:
            return [_REPLACE, new]  # another order of the keys is another value
    put = {k: new[k] for k in come}
    deeper = {}
    for key, value in new.items():
        if key in put or old[key] is value:
            continue
        found = delta_of(old[key], value)
        if found and found[0] == _REPLACE:
            put[key] = value
        elif found:
            deeper[key] = found
    if not (gone or put or deeper):
        return NOTHING
    return [_DICT, gone, put, deeper]


def _of_list(old: list[Plain], new: list[Plain]) -> list[Plain]:
    for drop in range(min(_SHIFT_MAX, len(old) - 1) + 1):
        left = len(old) - drop
        if left <= len(new) and same(old[drop], new[0]) and same(old[drop:], new[:left]):
            return [_SHIFT, drop, new[left:]]
    if len(old) != len(new):
        return [_REPLACE, new]
    put, deeper = {}, {}
    for i, (a, b) in enumerate(zip(old, new, strict=True)):
        found = delta_of(a, b)
        if found and found[0] == _REPLACE:
            put[i] = b
        elif found:
            deeper[i] = found
    return [_REPLACE, new] if len(put) == len(new) else [_LIST, put, deeper]


def apply_delta(old: Plain, delta: list[Plain]) -> Plain:
    """The value that a delta leads to; parts that did not change are those of `old`.
    FileFormatError for a delta that does not fit.
    """
    if not delta:
        return old
    try:
        return _apply(old, delta)
    except (
        AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError
    ) as error:  # fmt: skip
        raise FileFormatError(
            f"a delta does not fit the state before it ({type(error).__name__}: {error}); the "
            "file was changed, or holds deltas of another session"
        ) from None


def _apply(old: Plain, delta: list[Plain]) -> Plain:
    kind = delta[0]
    if kind == _REPLACE:
        return delta[1]
    if kind == _DICT:
        out = dict(old)
        for key in delta[1]:
            del out[key]
        out.update(delta[2])
        for key, deeper in delta[3].items():
            out[key] = _apply(out[key], deeper)
        return out
    if kind == _LIST:
        items = list(old)
        for i, value in delta[1].items():
            items[i] = value
        for i, deeper in delta[2].items():
            items[i] = _apply(items[i], deeper)
        return items
    if kind == _SHIFT:
        return [*old[delta[1] :], *delta[2]]
    raise ValueError(f"found a delta of kind {kind!r}; allowed: 0 to 3")


def differences(a: Plain, b: Plain, path: str = "") -> list[tuple[str, Plain, Plain]]:
    """(path, in a, in b) of every leaf that differs; None where one side has no such place."""
    if a is b or same(a, b):
        return []
    if type(a) is dict and type(b) is dict:
        out = []
        for key in [*a, *(k for k in b if k not in a)]:
            out += differences(a.get(key), b.get(key), f"{path}.{key}" if path else key)
        return out or [(path, a, b)]
    if type(a) is list and type(b) is list and len(a) == len(b):
        return [d for i, (x, y) in enumerate(zip(a, b, strict=True))
                for d in differences(x, y, f"{path}[{i}]")]  # fmt: skip
    return [(path, a, b)]
