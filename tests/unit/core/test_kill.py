"""The kill word: the first reason stays, a clear names its kill, another process sees it."""

import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from tectra.core.errors import ClosedError, InputError, StateError
from tectra.core.kill import KillReason, KillWord

Name = Callable[..., str]


def test_set_and_clear() -> None:
    word = KillWord.private()
    assert (word.is_set, word.reason, word.epoch, word.set_ns) == (False, 0, 0, 0)
    assert word.set(KillReason.RISK, now_ns=5)
    assert not word.set(KillReason.OPERATOR, now_ns=6)
    assert word.is_set and word.reason is KillReason.RISK
    assert (word.epoch, word.set_ns, word.attempts) == (1, 5, 2)
    word.clear(now_ns=9)
    assert (word.is_set, word.reason, word.epoch, word.cleared_ns) == (False, 0, 1, 9)
    assert word.set(777)
    assert (word.reason, word.epoch) == (777, 2)


def test_a_clear_of_an_earlier_kill_leaves_the_later_one() -> None:
    word = KillWord.private()
    word.set()
    first = word.epoch
    word.clear(first)
    word.clear(first)  # twice is the same
    word.set(KillReason.JOURNAL)
    with pytest.raises(StateError, match="found epoch 2, asked to clear 1"):
        word.clear(first)
    assert word.is_set and word.reason is KillReason.JOURNAL


@pytest.mark.parametrize("reason", [0, -1, 65536])
def test_a_bad_reason_kills_all_the_same(reason: int) -> None:
    word = KillWord.private()
    with pytest.raises(InputError, match="killed as FAULT"):
        word.set(reason)
    assert word.is_set and word.reason is KillReason.FAULT


def test_many_threads_one_epoch() -> None:
    word = KillWord.private()
    won: list[bool] = []
    threads = [threading.Thread(target=lambda i=i: won.append(word.set(16 + i))) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert won.count(True) == 1 and (word.epoch, word.attempts) == (1, 8)


@pytest.mark.shm
@pytest.mark.e2e
@pytest.mark.timeout(20)
def test_another_process_kills(shm_name: Name, fresh_env: dict[str, str]) -> None:
    code = "import sys; from tectra.core.kill import KillWord; KillWord.attach(sys.argv[1]).set(3)"
    with KillWord.create(shm_name()) as word:
        child = subprocess.Popen([sys.executable, "-c", code, shm_name()], env=fresh_env)
        assert child.wait(15) == 0
        assert word.is_set and word.reason is KillReason.JOURNAL and word.set_pid == child.pid
        with KillWord.attach(shm_name()) as late:
            assert late.is_set
        late.close()
        with pytest.raises(ClosedError):
            _ = late.is_set
    with pytest.raises(ClosedError):
        word.set()
