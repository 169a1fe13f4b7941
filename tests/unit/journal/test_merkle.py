"""The tree of RFC 6962 and its paths, against the recursive words of the RFC."""

import hashlib
import random

import pytest

from tectra.journal.merkle import (
    BLOCK_BYTES,
    CHAIN_START,
    audit_path,
    chain_head,
    leaf_hashes,
    merkle_root,
    root_of_path,
    tree_root,
)


def model_root(blocks: list[bytes]) -> bytes:
    """Section 2.1 as it is written: over data, split at the largest power of two below n."""
    if not blocks:
        return hashlib.sha256().digest()
    if len(blocks) == 1:
        return hashlib.sha256(b"\0" + blocks[0]).digest()
    k = 1 << (len(blocks) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + model_root(blocks[:k]) + model_root(blocks[k:])).digest()


def test_vectors_of_the_certificate_transparency_log() -> None:
    # The inputs and roots of the reference implementation's Merkle tests.
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    inputs.append("606162636465666768696a6b6c6d6e6f")
    roots = {
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    leaves = [hashlib.sha256(b"\0" + bytes.fromhex(word)).digest() for word in inputs]
    for count, root in roots.items():
        assert tree_root(leaves[:count]).hex() == root


@pytest.mark.parametrize("count", [*range(20), 63, 64, 65, 100])
def test_root_and_every_path_equal_the_model(count: int) -> None:
    rng = random.Random(count)
    data = rng.randbytes(BLOCK_BYTES * count)[: BLOCK_BYTES * count - (count > 2) * 192]
    blocks = [data[at : at + BLOCK_BYTES] for at in range(0, len(data), BLOCK_BYTES)]
    root = merkle_root(data)
    assert root == model_root(blocks)
    leaves = leaf_hashes(data)
    for index in range(count):
        path = audit_path(leaves, index)
        assert root_of_path(leaves[index], index, count, path) == root
        assert root_of_path(leaves[index], index, count, [*path, bytes(32)]) != root
        other = bytes([leaves[index][0] ^ 1]) + leaves[index][1:]
        assert root_of_path(other, index, count, path) != root
        for k in range(len(path)):
            assert root_of_path(leaves[index], index, count, path[:k] + path[k + 1 :]) != root
    assert root_of_path(root, count, count, []) is None


def test_the_chain_depends_on_everything() -> None:
    root = hashlib.sha256(b"x").digest()
    heads = {
        chain_head(CHAIN_START, 1, 1, root),
        chain_head(CHAIN_START, 2, 1, root),
        chain_head(CHAIN_START, 1, 2, root),
        chain_head(root, 1, 1, root),
        chain_head(CHAIN_START, 1, 1, CHAIN_START),
    }
    assert len(heads) == 5
