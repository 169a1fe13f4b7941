"""The merge and the columns of a store in C under the sanitizers, beside plain loops."""

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

# header, what to break, and how: a fuzz driver that passes these would see nothing
MUTATIONS = [
    ("batch.h", "return s != t ? s < t : a < b;", "return s != t ? s < t : a > b;", "ties"),
    ("batch.h", "        tt_merge_sink(lanes, heap, n, 0);\n", "", "sink"),
    ("column.h", "            plane += p->rows;\n", "            plane += n;\n", "planes"),
    ("column.h", "            before = *word;\n", "", "delta"),
]


@pytest.mark.parametrize("seed", range(3))
def test_fuzz_beside_plain_loops(sanitized, seed):
    done = sanitized("feed_fuzz.c", "address,undefined", args=[str(seed), "150"])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("header", "old", "new", "what"), MUTATIONS, ids=[m[3] for m in MUTATIONS])
def test_planted_fault_is_seen(sanitized, header, old, new, what):
    done = sanitized(
        "feed_fuzz.c", "address,undefined", args=["1", "60"], header=header, edit={old: new}
    )
    assert done.returncode != 0
