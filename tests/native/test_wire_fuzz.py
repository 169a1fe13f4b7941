"""MoldUDP64 and datagrams under sanitizers, with proof that faults are seen."""

import pytest

SANITIZERS = "address,undefined"


@pytest.mark.native
@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("source", ["mold_fuzz.c", "udp_fuzz.c"])
def test_damaged_input(sanitized, source: str, seed: int) -> None:
    done = sanitized(source, SANITIZERS, args=(str(seed), "200000"))
    assert done.returncode == 0, done.stderr


@pytest.mark.native
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("source", "header", "old", "new"),
    [
        ("mold_fuzz.c", "mold.h", "n - at - 2 < tt_be16(data + at)", "n < tt_be16(data + at)"),
        ("mold_fuzz.c", "mold.h", "return at == n ? TT_OK", "return at <= n ? TT_OK"),
        ("mold_fuzz.c", "mold.h", "if (n < TT_MOLD_HEAD_BYTES)", "if (n == 0)"),
        ("udp_fuzz.c", "udp.h", "|| whole > n - at)", "|| at > n)"),
        ("udp_fuzz.c", "udp.h", "if (step > n - at)", "if (step > n + 64)"),
        ("udp_fuzz.c", "udp.h", "cut ? TT_DATAGRAM_CUT : 0", "0"),
    ],
)
def test_planted_faults_are_found(sanitized, source: str, header: str, old: str, new: str) -> None:
    done = sanitized(source, SANITIZERS, args=("1", "20000"), header=header, edit={old: new})
    assert done.returncode != 0, "the fault went unseen"
