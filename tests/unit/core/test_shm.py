"""Segments: names, who removes them, what is listed."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tectra.core import shm
from tectra.core.errors import (
    ClosedError,
    FileFormatError,
    InputError,
    StateError,
    SystemCallError,
)
from tectra.core.kill import KillWord
from tectra.core.msg import Template
from tectra.core.record import encode
from tectra.core.ring import SpscRing

pytestmark = pytest.mark.shm
Name = Callable[..., str]


@pytest.mark.parametrize(
    "name", ["", ".x", "-x", "a/b", "../x", "a b", "x" * 201, "ä", "x\0", None, 3]
)
def test_names_that_are_no_file_names_are_refused(name: object) -> None:
    for make in (SpscRing.attach, lambda n: SpscRing.create(n, 8), shm.unlink):
        with pytest.raises((InputError, TypeError)):
            make(name)


def test_segments_lists_ours_with_owner_and_size(shm_name: Name) -> None:
    (Path("/dev/shm") / shm_name("other")).write_bytes(b"something else" * 10)
    with SpscRing.create(shm_name("ring"), 8), KillWord.create(shm_name("kill")):
        mine = {s.name: s for s in shm.segments() if s.name.startswith(shm_name())}
        assert {name: s[:5] for name, s in mine.items()} == {
            shm_name("ring"): (shm_name("ring"), "ring", 1024 + 9 * 64, os.getpid(), True),
            shm_name("kill"): (shm_name("kill"), "kill word", 128, os.getpid(), True),
        }
        assert all(s.heartbeat_ns > 1_700_000_000 * 10**9 for s in mine.values())


def test_unlink_is_explicit_and_leaves_users_alone(shm_name: Name) -> None:
    ring = SpscRing.create(shm_name(), 8)
    assert shm.unlink(shm_name()) and not shm.unlink(shm_name())
    assert ring.depth == 0 and ring.mapping.is_owner
    with SpscRing.create(shm_name(), 8) as again:
        assert again.capacity == 8
    ring.close()


def test_the_garbage_collector_removes_the_name_too(shm_name: Name) -> None:
    ring = SpscRing.create(shm_name(), 8)
    path = Path(ring.mapping.path or "")
    del ring
    assert not path.exists()


def test_a_closed_mapping_says_so(shm_name: Name) -> None:
    ring = SpscRing.create(shm_name(), 8)
    mapping = ring.mapping
    ring.close()
    assert mapping.closed and not mapping.is_owner
    mapping.close()
    with pytest.raises(ClosedError):
        ring.check()


@pytest.mark.e2e
@pytest.mark.timeout(20)
def test_what_a_dead_process_left_is_named_as_such(
    shm_name: Name, fresh_env: dict[str, str]
) -> None:
    code = (
        "import os,sys; from tectra.core.kill import KillWord\n"
        "word = KillWord.create(sys.argv[1]); os._exit(0)"
    )
    child = subprocess.run([sys.executable, "-c", code, shm_name()], env=fresh_env, check=True)
    assert child.returncode == 0
    (left,) = [s for s in shm.segments() if s.name == shm_name()]
    assert not left.owner_alive
    with pytest.raises(InputError, match="which is gone"):
        KillWord.create(shm_name())
    with KillWord.attach(shm_name()) as word:  # still there for whoever needs it
        assert not word.is_set


KILLED_OWNER = """
import os, signal, sys
from tectra.core.ring import SpscRing
ring = SpscRing.create(sys.argv[1], 64)
ring.push(bytes.fromhex(sys.argv[2]))
os.kill(os.getpid(), signal.SIGKILL)
"""


def segment(name: str) -> shm.Segment:
    (found,) = [s for s in shm.segments() if s.name == name]
    return found


@pytest.mark.e2e
@pytest.mark.timeout(20)
def test_a_killed_owners_ring_is_named_attached_and_removed_by_reclaim_only(
    shm_name: Name, fresh_env: dict[str, str]
) -> None:
    rec = encode(Template.BOOK_ADD, px=5)
    code = [sys.executable, "-c", KILLED_OWNER, shm_name(), rec.hex()]
    child = subprocess.run(code, env=fresh_env, check=False)
    assert child.returncode == -signal.SIGKILL
    left = segment(shm_name())
    assert left.kind == "ring" and not left.owner_alive and left.heartbeat_ns > 0
    for _ in range(2):  # attaching and leaving removes nothing
        with SpscRing.attach(shm_name()) as ring:
            assert ring.owner_pid == left.owner_pid and not ring.mapping.is_owner
    with pytest.raises(InputError, match="which is gone"):
        SpscRing.create(shm_name(), 64)
    with SpscRing.attach(shm_name()) as ring:
        assert ring.pop()[16:] == rec[16:]
        assert shm.reclaim(shm_name()) == left
        assert ring.depth == 0  # whoever has it mapped goes on
    assert not [s for s in shm.segments() if s.name == shm_name()]
    with pytest.raises(InputError, match="there is none"):
        shm.reclaim(shm_name())


def test_reclaim_refuses_while_the_owner_runs(shm_name: Name) -> None:
    with SpscRing.create(shm_name(), 8) as ring:
        with pytest.raises(StateError, match=f"process {os.getpid()} that made it runs"):
            shm.reclaim(shm_name())
        assert Path(ring.mapping.path or "").exists()
    (Path("/dev/shm") / shm_name("other")).write_bytes(b"something else" * 10)
    with pytest.raises(InputError, match="there is none"):
        shm.reclaim(shm_name("other"))


def test_a_process_id_given_away_again_is_not_the_owner(shm_name: Name) -> None:
    """The page names this very process, but one that started at another time."""
    with SpscRing.create(shm_name(), 8) as ring:
        path = Path(ring.mapping.path or "")
        assert segment(shm_name()).owner_alive
        with path.open("r+b") as file:
            file.seek(60)
            start = int.from_bytes(file.read(4), "little")
            file.seek(60)
            file.write((start - 1).to_bytes(4, "little"))
        assert segment(shm_name()).owner_pid == os.getpid()
        assert not segment(shm_name()).owner_alive
        assert not shm.reclaim(shm_name()).owner_alive and not path.exists()


def test_the_makers_beat_is_seen_in_the_list(shm_name: Name) -> None:
    with SpscRing.create(shm_name(), 8) as ring:
        ring.beat(12345)
        assert segment(shm_name()).heartbeat_ns == 12345
        with SpscRing.attach(shm_name()) as other:
            other.beat(99)
        assert segment(shm_name()).heartbeat_ns == 12345


def test_only_regular_files_of_ours(shm_name: Name, tmp_path: Path) -> None:
    path = Path("/dev/shm") / shm_name()
    os.mkfifo(path)
    with pytest.raises(FileFormatError, match="not a regular file"):
        SpscRing.attach(shm_name())
    path.unlink()
    path.symlink_to(tmp_path / "x")
    with pytest.raises(SystemCallError):
        SpscRing.attach(shm_name())


def test_kinds_do_not_mix(shm_name: Name) -> None:
    with (
        KillWord.create(shm_name()),
        pytest.raises(FileFormatError, match="found kill word; give the name of a ring"),
    ):
        SpscRing.attach(shm_name())


def test_a_machine_without_room_says_so_at_once(shm_name: Name) -> None:
    with pytest.raises(SystemCallError, match=r"File too large|No space left|Cannot allocate"):
        SpscRing.create(shm_name(), 2**32)
    assert not (Path("/dev/shm") / shm_name()).exists()
