"""Planted faults: a header with an edit must not pass its stress."""

from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["assert_seen"]

RUNS = 15


def assert_seen(
    sanitized: Callable[..., Any], source: str, header: str, edit: dict[str, str],
    args: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Some run of a few, under some sanitizer, ends with an error. A loaded machine runs two
    threads in turn for long stretches, so a race may want several.
    """
    for sanitizer in ("thread", "address,undefined"):
        for _ in range(RUNS):
            done = sanitized(source, sanitizer, args=args, header=header, edit=edit)
            if done.returncode != 0:
                return
    pytest.fail("nobody noticed")
