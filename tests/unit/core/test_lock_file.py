"""One holder at a time."""

import os
from pathlib import Path

import pytest

from tectra.core.lock_file import lock_file


def test_one_holder_at_a_time(tmp_path):
    path = tmp_path / "x.lock"
    first = lock_file(path)
    assert first is not None and path.is_file() and not os.get_inheritable(first)
    assert lock_file(path) is None, "held through another descriptor, of this process or another"
    os.close(first)
    again = lock_file(path)
    assert again is not None
    os.close(again)


def test_where_none_can_be(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in (tmp_path / "no" / "x.lock", tmp_path):
        with pytest.raises(OSError, match=str(path)):
            lock_file(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
