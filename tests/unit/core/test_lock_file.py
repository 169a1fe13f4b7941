"""One holder at a time."""

import fcntl
import os
from pathlib import Path

import pytest

from tectra.core.lock_file import holder_of, lock_directory, lock_file


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


def test_a_file_that_lost_its_name_locks_nobody_out(tmp_path, monkeypatch):
    """The one before takes the name away between our open and our lock."""
    path, flock = tmp_path / "x.lock", fcntl.flock
    names = [path]

    def late(fd, how):
        if names:
            names.pop().unlink()
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", late)
    fd = lock_file(path)
    assert not names and os.path.samestat(path.stat(), os.fstat(fd))
    assert lock_file(path) is None
    os.close(fd)


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "x.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        lock_file(tmp_path / "x.lock")
    assert not (tmp_path / "elsewhere").exists()


def test_what_the_holder_wrote(tmp_path):
    path = tmp_path / "x.lock"
    assert holder_of(path) == "unknown"
    path.write_text("")
    assert holder_of(path) == "unknown"
    path.write_text("4711\n")
    assert holder_of(path) == "4711"


def test_a_directory_is_held_alone_or_shared(tmp_path):
    """Nothing is made in it, through a link as well."""
    link = tmp_path / "link"
    place = tmp_path / "place"
    place.mkdir()
    link.symlink_to(place)
    shared = [lock_directory(place, shared=True), lock_directory(link, shared=True)]
    assert None not in shared
    assert lock_directory(place, shared=False) is None
    for fd in shared:
        os.close(fd)
    alone = lock_directory(link, shared=False)
    assert alone is not None and not os.get_inheritable(alone)
    assert lock_directory(place, shared=True) is lock_directory(place, shared=False) is None
    os.close(alone)
    assert not list(place.iterdir())


def test_a_directory_that_was_exchanged_meanwhile_locks_nobody_out(tmp_path, monkeypatch):
    """Another one has its place between our open and our lock: that one is locked."""
    path, flock = tmp_path / "j", fcntl.flock
    path.mkdir()
    old = [path.stat().st_ino]

    def late(fd, how):
        if path.stat().st_ino in old:
            path.rename(tmp_path / "was")
            path.mkdir()
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", late)
    fd = lock_directory(path, shared=False)
    assert fd is not None and os.path.samestat(os.fstat(fd), path.stat())
    os.close(fd)
    for place in (tmp_path / "none", Path(__file__)):
        with pytest.raises(OSError, match=place.name):
            lock_directory(place, shared=True)
