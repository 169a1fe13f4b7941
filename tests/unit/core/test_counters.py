"""The counter page: names, one value each, read from another process while it is written."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tectra.core.counters import Counters
from tectra.core.errors import CapacityError, ClosedError, InputError, StateError, SystemCallError

Name = Callable[..., str]


def test_names_are_claimed_once() -> None:
    page = Counters.private(3)
    a, b = page.claim("feed.records"), page.claim("feed.gaps")
    assert page.claim("feed.records") == a != b
    page.add(a)
    page.add(a, 41)
    page.add_shared(b, 7)
    page.raise_to(b, 5)
    assert (page["feed.records"], page["feed.gaps"], page.get(a)) == (42, 7, 42)
    page.raise_to(b, 9)
    page.set(a, 2**64 - 1)
    page.add(a)
    assert page.snapshot() == {"feed.records": 0, "feed.gaps": 9} and len(page) == 2
    page.claim("x" * 55)
    with pytest.raises(CapacityError, match="all 3 names"):
        page.claim("one more")


@pytest.mark.parametrize("name", ["", "x" * 56, "a\0b", None, 3])
def test_bad_names(name: object) -> None:
    with pytest.raises(InputError, match="name of a counter"):
        Counters.private(1).claim(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("capacity", [0, -1, 65537, "3"])
def test_bad_capacity(capacity: object) -> None:
    with pytest.raises(InputError, match="1 to 65536"):
        Counters.private(capacity)  # type: ignore[arg-type]


def test_an_index_that_nobody_claimed() -> None:
    page = Counters.private(2)
    for call in (page.add, page.get, lambda i: page.set(i, 1)):
        for index in (0, 2, 2**63):
            with pytest.raises(InputError, match="what claim"):
                call(index)
    with pytest.raises(KeyError):
        page["nobody"]


@pytest.mark.shm
@pytest.mark.e2e
@pytest.mark.timeout(20)
def test_another_process_reads_and_cannot_write(shm_name: Name, fresh_env: dict[str, str]) -> None:
    code = (
        "import json,sys; from tectra.core.counters import Counters\n"
        "with Counters.attach(sys.argv[1]) as page: print(json.dumps(page.snapshot()))"
    )
    with Counters.create(shm_name(), 8) as page:
        for i in range(5):
            page.set(page.claim(f"n{i}"), i * 10**12)
        done = subprocess.run(
            [sys.executable, "-c", code, shm_name()],
            env=fresh_env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(done.stdout) == {f"n{i}": i * 10**12 for i in range(5)}
        with (
            Counters.attach(shm_name()) as reader,
            Counters.attach(shm_name(), writable=True) as writer,
        ):
            for write in (lambda: reader.add(0), lambda: reader.claim("new")):
                with pytest.raises(StateError, match="writable=True"):
                    write()
            assert reader.claim("n1") == 1
            writer.add(writer.claim("new"), 3)
            assert page["new"] == reader["new"] == 3
    with pytest.raises(ClosedError):
        page.snapshot()
    with pytest.raises(SystemCallError):
        Counters.attach(shm_name())
