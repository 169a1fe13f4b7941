"""The stop flag and the handlers that set it."""

import os
import signal
import threading

import pytest

from tectra.core.errors import StateError
from tectra.core.stop import (
    StopSignals,
    clear_stop,
    request_stop,
    stop_reason,
    stop_requested,
)


@pytest.fixture(autouse=True)
def running():
    clear_stop()
    yield
    clear_stop()


def test_request():
    assert not stop_requested()
    assert stop_reason() == ""
    thread = threading.Thread(target=request_stop)
    thread.start()
    thread.join()
    assert stop_requested()
    assert stop_reason() == "request"
    clear_stop()
    assert not stop_requested()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_signals_set_the_flag_while_entered(number):
    with StopSignals():
        assert not stop_requested()
        os.kill(os.getpid(), number)
        assert stop_requested()
        assert stop_reason() == number.name
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop_reason() == number.name
    assert stop_requested()


def test_a_second_interrupt_reaches_python_code_that_does_not_ask():
    def interrupt_twice() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop_reason() == "SIGINT"
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1_000_000):
            pass

    with StopSignals(), pytest.raises(KeyboardInterrupt):
        interrupt_twice()


def test_handlers_are_restored():
    with StopSignals():
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_one_at_a_time():
    with StopSignals(), pytest.raises(StateError, match="one at a time"):
        StopSignals().__enter__()
    with StopSignals():
        assert not stop_requested()
