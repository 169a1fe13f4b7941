"""The distinct-error log: one entry a kind, whole for a reader in another process."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from tectra.core.errlog import USER_PLACE_MIN, ErrorLog, Place
from tectra.core.errors import ClosedError, DuplicateError, FileFormatError, InputError, StateError
from tectra.core.kill import KillWord
from tectra.core.rc import CODES
from tectra.core.shm import segments

Name = Callable[..., str]
UNDERFLOW, GAP = -18, -12


def test_one_entry_a_kind() -> None:
    log = ErrorLog.private(16)
    assert log.entries() == [] and log.lost == 0
    for seq in range(10, 20):
        assert log.note(Place.BOOK, UNDERFLOW, seq, seq * 100)
    assert log.note(Place.FEED, GAP, 5, 500)
    assert log.note(Place.BOOK, GAP, 30, 3000)
    assert [tuple(entry) for entry in log.entries()] == [
        (Place.FEED, GAP, 1, 5, 5, 500, 500),
        (Place.BOOK, UNDERFLOW, 10, 10, 19, 1000, 1900),
        (Place.BOOK, GAP, 1, 30, 30, 3000, 3000),
    ]


def test_text() -> None:
    log = ErrorLog.private(16)
    log.note(Place.BOOK, UNDERFLOW, 7, 1)
    log.note(USER_PLACE_MIN, 12345, 8, 2)
    first, second = log.entries()
    assert first.text() == (
        "book: UNDERFLOW x 1 (ring_seq first 7, last 7): " + CODES[UNDERFLOW][2]
    )
    assert second.text() == "place 1024: code 12345 x 1 (ring_seq first 8, last 8): unlisted"
    assert second.text({1024: "my decoder"}).startswith("my decoder: ")


def test_codes_and_places_at_their_bounds() -> None:
    log = ErrorLog.private(16)
    kinds = [(place, code) for place in (1, 2**31 - 1) for code in (-(2**31), -1, 0, 2**31 - 1)]
    for place, code in kinds:
        assert log.note(place, code, 2**64 - 1, -(2**63))
    found = [(e.place, e.code, e.last_seq, e.last_ns) for e in log.entries()]
    assert sorted(found) == sorted((p, c, 2**64 - 1, -(2**63)) for p, c in kinds)


def test_a_full_table_counts() -> None:
    log = ErrorLog.private(4)
    assert [log.note(Place.RING, code, 1, 1) for code in range(6)] == [True] * 4 + [False] * 2
    assert log.note(Place.RING, 0, 2, 2)
    assert log.lost == 2 and len(log.entries()) == 4


@pytest.mark.parametrize("capacity", [0, -1, 3, 131072, 1.0, None])
def test_a_capacity_that_is_none(capacity: object) -> None:
    with pytest.raises(InputError, match="power of two"):
        ErrorLog.private(capacity)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", [0, -1, 2**31])
def test_a_place_that_is_none(place: int) -> None:
    with pytest.raises(InputError, match="place of an error"):
        ErrorLog.private(4).note(place, -1, 1, 1)


def test_every_place_has_a_number_of_its_own() -> None:
    assert [int(p) for p in Place] == list(range(1, len(Place) + 1))
    assert max(Place) < USER_PLACE_MIN


READS = """
import sys
from tectra.core.errlog import ErrorLog, Place
with ErrorLog.attach(sys.argv[1]) as log:
    print(log.entries()[0].text())
with ErrorLog.attach(sys.argv[1], writable=True) as log:
    log.note(Place.CLOCK, -15, 77, 1)
"""


@pytest.mark.shm
@pytest.mark.e2e
@pytest.mark.timeout(30)
def test_another_process_reads_and_notes(shm_name: Name, fresh_env: dict[str, str]) -> None:
    with ErrorLog.create(shm_name(), 64) as log:
        log.note(Place.GATE, -13, 41, 2)
        done = subprocess.run(
            [sys.executable, "-c", READS, shm_name()], env=fresh_env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("gate: KILLED x 1 (ring_seq first 41, last 41)")
        assert [e.place for e in log.entries()] == [Place.CLOCK, Place.GATE]


@pytest.mark.shm
def test_the_page_is_one_of_ours(shm_name: Name) -> None:
    with ErrorLog.create(shm_name(), 8) as log:
        (mine,) = [s for s in segments() if s.name == shm_name()]
        assert mine.kind == "error log" and mine.owner_alive
        with pytest.raises(DuplicateError):
            ErrorLog.create(shm_name())
        with ErrorLog.attach(shm_name()) as reader:
            assert reader.capacity == 8
            with pytest.raises(StateError, match="writable=True"):
                reader.note(Place.BOOK, -1, 1, 1)
        with pytest.raises(ClosedError):
            reader.entries()
        assert log.lost == 0
    with KillWord.create(shm_name("kill")), pytest.raises(FileFormatError, match="kill word"):
        ErrorLog.attach(shm_name("kill"))
    with pytest.raises(TypeError, match=r"ErrorLog\.create"):
        ErrorLog()
