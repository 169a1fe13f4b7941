#!/usr/bin/env python3
"""Checks a proof that a record is in a tectra journal; verify_journal.py must lie beside this file.

    python verify_proof.py PROOF.json [--key HEX]

The blocks hold the record, their paths lead to the root of the segment, the chain from there leads
to its end, and that is what was signed; --key says whose signature counts.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from verify_journal import (  # type: ignore[import-not-found]
    BLOCK,
    SLOT,
    chain,
    check_signature,
    main,
    need,
    sha,
    walk,
)


def proof(path: Path, key: str | None) -> str:
    """Check a proof; returns a line of what was found."""
    p = json.loads(path.read_bytes())
    record, first = bytes.fromhex(p["record"]), p["blocks"][0]["index"]
    joined = b"".join(bytes.fromhex(b["data"]) for b in p["blocks"])
    at = p["slot"] * SLOT - first * BLOCK
    need(at >= 0 and joined[at : at + len(record)] == record, "the blocks hold no such record")
    walk(record, p["ring_seq"] - 1, False, "the record: ")
    need(len(record) in (SLOT, 2 * SLOT), "that is not one record")
    for k, block in enumerate(p["blocks"]):
        node, index, last = sha(b"\0", bytes.fromhex(block["data"])), block["index"], 0
        need(index == first + k, "the blocks are not neighbors")
        last = -(-p["slots"] * SLOT // BLOCK) - 1
        for word in block["path"]:
            need(last > 0, "a path is too long")
            side = bytes.fromhex(word)
            if index & 1 or index == last:
                node = sha(b"\1", side, node)
                while not index & 1 and index:
                    index, last = index >> 1, last >> 1
            else:
                node = sha(b"\1", node, side)
            index, last = index >> 1, last >> 1
        need(last == 0 and node.hex() == p["root"], "a block does not lead to the root")
    epoch, number = int(p["epoch"], 16), p["segment_id"]
    head = chain(bytes.fromhex(p["chain_before"]), epoch, number, bytes.fromhex(p["root"]))
    for number, link in enumerate(p["links"], start=number + 1):  # noqa: B020
        need(link["segment_id"] == number, "the chain has a hole")
        head = chain(head, epoch, number, bytes.fromhex(link["root"]))
    need(head.hex() == p["chain"], "the chain does not lead to its end")
    checkpoint = p["checkpoint"]
    need(checkpoint or key is None, "nobody signed the chain")
    if checkpoint:
        need(checkpoint["chain"] == p["chain"], "another chain was signed")
        check_signature(checkpoint, key)
    who = checkpoint["key"] if checkpoint else "nobody"
    return f"record {p['ring_seq']} of run {p['epoch']}, signed by {who}: ok"


if __name__ == "__main__":
    main(proof, __doc__)
