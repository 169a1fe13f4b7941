"""Cores and pinning. Threads are pinned, never the test's own."""

import threading

import pytest

from tectra.core.cpu import allowed_cores, governor, isolated_cores, parse_cores, pin_to_core
from tectra.core.errors import InputError


@pytest.mark.parametrize(
    ("text", "cores"),
    [("", ()), ("\n", ()), ("3", (3,)), ("0-3,8\n", (0, 1, 2, 3, 8)), ("2-2", (2,))],
)
def test_kernel_lists(text, cores):
    assert parse_cores(text) == cores


@pytest.mark.parametrize("text", ["a", "1-", "-1", "1-b", "1;2"])
def test_bad_kernel_lists(text):
    with pytest.raises(InputError, match="allowed"):
        parse_cores(text)


def test_a_thread_is_pinned_and_the_others_are_not():
    before = allowed_cores()
    seen = []

    def run() -> None:
        pin_to_core(before[-1])
        seen.append(allowed_cores())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [(before[-1],)]
    assert allowed_cores() == before


def test_a_core_that_is_not_there():
    with pytest.raises(InputError, match=r"found 99999; allowed here: \d"):
        pin_to_core(99999)


def test_what_the_machine_says():
    assert all(isinstance(c, int) for c in isolated_cores())
    assert isinstance(governor(allowed_cores()[0]), str)
