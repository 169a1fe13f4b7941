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


SYNC_MUTATIONS = {
    "called durable before the sync": (
        "journal_sync.h",
        {
            "const int64_t began = tt_mono_ns();": "const int64_t began = tt_mono_ns();\n"
            "        tt_store_release64(&s->durable, seq);"
        },
        "0",
    ),
    "number read behind the sync": (
        "journal_sync.h",
        {
            "tt_sync_settle_(s, error, file.segment_id, seq);": "tt_sync_settle_(s, error, "
            "file.segment_id, tt_load_acquire64(&s->seg->last_ring_seq));"
        },
        "0",
    ),
    "goes on behind a failed sync": (
        "journal_sync.h",
        {"} else if (tt_sync_failed(s) == 0 && seq": "} else if (seq",
         "    return tt_sync_failed(s) == 0 ? TT_OK : TT_E_IO;": "    return TT_OK;"},
        "5",
    ),
}  # fmt: skip


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
@pytest.mark.parametrize("fail_at", ["0", "1", "5"])
def test_durable_means_synced(sanitized: Run, sanitizer: str, fail_at: str) -> None:
    done = sanitized("journal_sync.c", sanitizer, args=("300", fail_at))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_a_disk_that_does_not_answer(sanitized: Run, sanitizer: str) -> None:
    """The list of files that wait to be synced has its bounds also behind a failure."""
    done = sanitized("journal_stuck.c", sanitizer)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "1 files, 0 wrong\n"


@pytest.mark.parametrize("name", SYNC_MUTATIONS)
def test_weakened_sync_is_caught(sanitized: Run, name: str) -> None:
    header, edit, fail_at = SYNC_MUTATIONS[name]
    done = sanitized("journal_sync.c", args=("300", fail_at), header=header, edit=edit)
    assert done.returncode != 0, "the mutation went unnoticed"


def test_every_bit_and_every_size_of_64_kib(sanitized: Run) -> None:
    """524,288 of 524,288 bits and 65,537 of 65,537 sizes through the C functions of reading."""
    done = sanitized("journal_bits.c", "address,undefined", timeout_s=55)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "524288 bits, 65537 sizes, 0 wrong\n"


@pytest.mark.parametrize(
    "edit",
    [
        {"head->page_crc == tt_crc32c(0, head, offsetof(tt_journal_head, page_crc))": "1"},
        {"if (sums[i] != crc[from + i])": "if ((sums[i] ^ crc[from + i]) & 0xfffffffeu)"},
    ],
    ids=["page not summed", "one bit of a sum not compared"],
)
def test_a_check_left_out_is_seen(sanitized: Run, edit: dict[str, str]) -> None:
    done = sanitized("journal_bits.c", "", header="journal.h", edit=edit)
    assert done.returncode == 1, done.stdout + done.stderr
