"""Wishes about memory: each says what became of it, and the kernel's own books agree."""

import mmap
import os
import re
import resource
from pathlib import Path

import pytest

from tectra.core.errors import InputError
from tectra.core.memory import (
    MemoryBlock,
    large_pages,
    lock_all,
    lock_memory,
    node_of,
    page_fault_ns,
    prefault,
    prefer_node,
)
from tectra.core.ring import SpscRing

MB = 1 << 20
LOCKS = pytest.mark.skipif(
    "libasan" in os.environ.get("LD_PRELOAD", ""),
    reason="the address sanitizer answers mlock itself and locks nothing",
)


def status_kb(name: str) -> int:
    match = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(match[1]) if match else 0


def faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def mapping_of(address: int) -> str:
    """The kernel's account of the mapping that holds an address."""
    held = ""
    for line in Path("/proc/self/smaps").read_text().splitlines():
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
        if match:
            held = line if int(match[1], 16) <= address < int(match[2], 16) else ""
        elif held:
            held += "\n" + line
            if line.startswith("VmFlags:"):
                return held
    raise AssertionError(f"{address:#x} is not mapped")


def test_a_block_lies_in_large_pages_or_says_why():
    block = MemoryBlock(4 * MB + 5)
    assert len(block) == block.bytes == 4 * MB + 5
    assert block.address % (2 * MB) == 0
    view = memoryview(block)
    assert not view.readonly and view.nbytes == len(block)
    assert not any(view[::4096]), "it is zeroed"
    view[-1] = 7
    assert view[-1] == 7
    flags = mapping_of(block.address).splitlines()[-1].split()
    assert block.outcome.done
    assert "hg" in flags or "ht" in flags, "asked for large pages (hg), or made of them (ht)"


def test_a_small_block_needs_none():
    block = MemoryBlock(100)
    assert len(memoryview(block)) == 100
    assert "set aside" in block.outcome.detail or not block.outcome.done
    with pytest.raises(InputError, match="size: found 0"):
        MemoryBlock(0)


def test_a_block_lives_as_long_as_its_views():
    view = memoryview(MemoryBlock(4 * MB))
    view[::4096] = bytes(1024 * b"\x01")
    assert view[4096] == 1


def test_large_pages_for_what_is_there():
    with mmap.mmap(-1, 6 * MB) as memory:
        outcome = large_pages(memory)
        assert outcome.done or "transparent" in outcome.detail
    assert not large_pages(bytearray(1000)).done


def test_prefault_leaves_no_fault_for_later():
    with mmap.mmap(-1, 8 * MB) as memory:
        outcome = prefault(memory)
        if not outcome.done:
            pytest.skip(str(outcome))
        before = faults()
        memory[::4096] = bytes(2048)
        assert faults() - before < 200


@LOCKS
def test_locked_memory_is_in_the_kernel_s_books():
    with mmap.mmap(-1, 64 * 1024) as memory:
        before = status_kb("VmLck")
        outcome = lock_memory(memory)
        if outcome.done:
            assert status_kb("VmLck") - before == 64
        else:
            assert "ulimit -l" in outcome.detail


@LOCKS
def test_a_refusal_to_lock_is_told_and_logged(fresh_env):
    """In a child, whose limit can be lowered; root's capability is dropped with it."""
    import subprocess
    import sys

    script = (
        "import os, resource, logging, mmap\n"
        "logging.basicConfig()\n"
        "from tectra.core.memory import lock_all, lock_memory\n"
        "resource.setrlimit(resource.RLIMIT_MEMLOCK, (4096, 4096))\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "print(lock_all()); print(lock_memory(mmap.mmap(-1, 1 << 20)).done)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=fresh_env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("locking all memory: no, ") and "ulimit -l" in first
    assert second == "False"
    assert done.stderr.count("WARNING:tectra.core.memory") == 2


def test_numa_placement_is_a_hint(caplog):
    with mmap.mmap(-1, MB) as memory:
        assert prefer_node(memory, 0, nodes=1) == ("NUMA node 0", True, "the machine has one node")
        outcome = prefer_node(memory, 0)
        if outcome.done:
            memory[0] = 1
            assert node_of(memory) in (0, None)
        else:
            assert "NUMA" in outcome.wish and outcome.detail
        missing = prefer_node(memory, 5000)
        assert not missing.done and "no such node" in missing.detail
        far = prefer_node(memory, 900)
        assert not far.done and far.detail in caplog.text


def test_a_shared_ring_can_be_placed_and_faulted_in(shm_name):
    ring = SpscRing.create(shm_name(), 1024)
    try:
        assert prefault(ring.mapping).done in (True, False)
        assert isinstance(prefer_node(ring.mapping, 0).done, bool)
        assert isinstance(large_pages(ring.mapping).done, bool)
    finally:
        mapping = ring.mapping
        ring.close()
    with pytest.raises(Exception, match=r"closed|used after"):
        prefault(mapping)


def test_nothing_is_no_memory():
    with pytest.raises(InputError, match="found 0 bytes"):
        prefault(b"")
    with pytest.raises(TypeError):
        prefault(None)


def test_cost_of_a_page_fault():
    assert 0 < page_fault_ns(64) < 10_000_000


def test_locking_everything_says_what_became_of_it(fresh_env):
    """In a child: this process may be larger than its limit tomorrow."""
    import subprocess
    import sys

    script = "from tectra.core.memory import lock_all; print(lock_all())"
    done = subprocess.run(
        [sys.executable, "-c", script], env=fresh_env, capture_output=True, text=True
    )
    assert done.stdout.startswith("locking all memory: "), done.stderr
    assert callable(lock_all)
