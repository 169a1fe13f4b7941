"""Readers follow a writer through one segment, under sanitizers; weakened code is caught."""

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(60)]

Run = Callable[..., CompletedProcess[str]]

RELEASE = "tt_store_release64(&seg->head->published"
MUTATIONS = {
    "published without release": {RELEASE: "tt_store_relaxed64(&seg->head->published"},
    "checksum without the slot's index": {
        "return tt_crc32c_64(seed + index, slot)": "return tt_crc32c_64(seed + (index & ~1u), slot)"
    },
    "second slot not written": {"memcpy(slot + TT_SLOT_BYTES, second, TT_SLOT_BYTES);": ""},
}


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_readers_see_whole_records(sanitized: Run, sanitizer: str) -> None:
    done = sanitized("journal_append.c", sanitizer)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", MUTATIONS)
def test_weakened_append_is_caught(sanitized: Run, name: str) -> None:
    done = sanitized("journal_append.c", "thread", header="journal.h", edit=MUTATIONS[name])
    assert done.returncode != 0, "the mutation went unnoticed"
