"""What a `with` block closes."""

import pytest

from tectra.core.closing import Closing


class Door(Closing):
    def __init__(self) -> None:
        self.closes = 0

    def close(self) -> None:
        self.closes += 1


def test_it_is_closed_at_the_end_and_after_an_error():
    with Door() as door:
        assert door.closes == 0
    assert door.closes == 1
    with pytest.raises(ZeroDivisionError), Door() as other:
        raise ZeroDivisionError
    assert other.closes == 1


def test_what_cannot_close_cannot_be_made():
    with pytest.raises(TypeError, match="close"):
        type("Wall", (Closing,), {})()
