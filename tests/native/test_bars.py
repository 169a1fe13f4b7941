"""Bars and the generator under the sanitizers; an overrun that is planted is seen."""

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]


@pytest.mark.parametrize("seed", ["1", "2"])
def test_random_records(sanitized, seed):
    done = sanitized("bars_fuzz.c", "address,undefined", args=[seed, "300"])
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_record_longer_than_its_room_is_seen(sanitized):
    weaker = {"||\n                    slots > 2)": ")"}
    done = sanitized(
        "bars_fuzz.c", "address,undefined", args=["1", "300"], header="bar_run.h", edit=weaker
    )
    assert done.returncode != 0
