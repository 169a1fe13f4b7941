#!/usr/bin/env python3
"""Checks a tectra journal with Python's standard library alone.

    python verify_journal.py DIRECTORY [--key HEX]

Header pages, the checksum of every slot, sizes and order of the records, the SHA-256 tree of every
segment, the chain of segments, the manifest, and every signed checkpoint; --key says whose
signatures count. Exit code 0: all of it holds; 1: the first thing that does not is named.
"""

import hashlib
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE, SLOT, BLOCK = 4096, 64, 4096
Point = tuple[int, int, int, int]
TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


class Wrong(Exception):
    pass


def need(holds: object, what: str) -> None:
    if not holds:
        raise Wrong(what)


def crc32c(data: bytes, seed: int = 0) -> int:
    crc, table = seed ^ 0xFFFFFFFF, TABLE
    for value in data:
        crc = table[(crc ^ value) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def tree(data: bytes) -> bytes:
    """Root of RFC 6962 over blocks of 4 KiB."""
    level = [sha(b"\0", data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)] or [sha()]
    while len(level) > 1:
        pairs = [sha(b"\1", a, b) for a, b in zip(level[::2], level[1::2])]  # noqa: B905
        level = pairs + level[2 * len(pairs) :]
    return level[0]


def chain(before: bytes, epoch: int, number: int, root: bytes) -> bytes:
    return sha(b"\2", before, struct.pack("<QI", epoch, number), root)


# Ed25519, RFC 8032, section 5.1: verification only.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def point(word: bytes) -> Point:
    """Decode 32 bytes to (x, y, 1, xy)."""
    y = int.from_bytes(word, "little") & (1 << 255) - 1
    need(y < P, "a point of the signature is not on the curve")
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    need((x * x - x2) % P == 0 and (x or not word[31] >> 7), "a point is not on the curve")
    x = P - x if x & 1 != word[31] >> 7 else x
    return x, y, 1, x * y % P


def add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n: int, p: Point) -> Point:
    out = (0, 1, 1, 0)
    while n:
        out, p, n = add(out, p) if n & 1 else out, add(p, p), n >> 1
    return out


def signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Does the signature fit?"""
    if len(key) != 32 or len(signature) != 64:
        return False
    r, s = point(signature[:32]), int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    base = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    left, right = times(s, base), add(r, times(k, point(key)))
    same = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return s < L and same and (left[1] * right[2] - right[1] * left[2]) % P == 0


def check_signature(checkpoint: dict[str, Any], key: str | None) -> None:
    fields = {name: value for name, value in checkpoint.items() if name != "signature"}
    body = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    message = b"tectra journal checkpoint\n" + body.encode()
    who, signature = bytes.fromhex(checkpoint["key"]), bytes.fromhex(checkpoint["signature"])
    seq = checkpoint["last_ring_seq"]
    need(key in (None, checkpoint["key"]), f"checkpoint at {seq}: signed by another key")
    need(signed(who, message, signature), f"checkpoint at {seq}: the signature does not fit")


def segment(path: Path, number: int, epoch: int, last_seq: int | None) -> tuple[Any, ...]:
    """Check one file; returns (epoch, closed, slots, records, last ring_seq, header page)."""
    need(path.suffix == ".ttj", f"{path.name} is packed: unpack it first, `tectra journal unpack`")
    data = path.read_bytes()
    head, magic = data[:PAGE], data[:8]
    layout, _, _, slot_bytes, found, capacity, run, base = struct.unpack_from("<4HIIQQ", head, 8)
    what = f"{path.name}: "
    need(magic == b"TTJRNL\r\n" and layout == 1 and slot_bytes == SLOT, what + "not a segment")
    need(crc32c(head[:60]) == int.from_bytes(head[60:64], "little"), what + "header damaged")
    need(found == number, what + f"is segment {found}")
    need(epoch in (None, run), what + "belongs to another run")
    need(last_seq in (None, base), what + f"continues after {base}, not {last_seq}")
    published, inverse, closed, used = struct.unpack_from("<II56xII", head, 64)
    need(inverse == published ^ 0xFFFFFFFF, what + "published count damaged")
    if closed:
        need(crc32c(head[:4092]) == int.from_bytes(head[4092:], "little"), what + "page damaged")
        need(used == published, what + "counts differ")
    start = PAGE + -(-4 * capacity // PAGE) * PAGE
    slots = data[start : start + SLOT * published]
    need(len(slots) == SLOT * published, what + "cut")
    sums = struct.unpack_from(f"<{published}I", data, PAGE)
    seed = crc32c(struct.pack("<Q", run)) + number * capacity
    for k, found in enumerate(sums):
        good = crc32c(slots[SLOT * k : SLOT * k + SLOT], (seed + k) & 0xFFFFFFFF)
        need(good == found, what + f"slot {k}, offset {start + SLOT * k}: checksum")
    at, records, last = 0, 0, base
    while at < published:
        length, _, schema, _, seq = struct.unpack_from("<4HQ", slots, SLOT * at)
        need(length in (56, 120) and schema == 7433, what + f"slot {at}: no record")
        need(seq == last + 1 or not (at or base), what + f"ring_seq {seq} after {last}")
        at, records, last = at + (length + 8) // SLOT, records + 1, seq
    need(at == published, what + "the last record is cut")
    return run, closed, slots, records, last, head


def journal(directory: Path, key: str | None) -> str:
    """Check a directory; returns a line of what was found."""
    body = (directory / "manifest.json").read_bytes()
    manifest = json.loads(body)
    mark = body.rindex(f'"{manifest["crc32c"]}"'.encode())
    plain = body[:mark] + b'"00000000"' + body[mark + 10 :]
    need(f"{crc32c(plain):08x}" == manifest["crc32c"], "manifest.json was changed")
    lines = directory / "checkpoints.jsonl"
    checkpoints = [json.loads(x) for x in lines.read_text().splitlines()] if lines.exists() else []
    need(checkpoints or key is None, "no checkpoint is signed")
    for checkpoint in checkpoints:
        check_signature(checkpoint, key)
    entries = {entry["segment_id"]: entry for entry in manifest["segments"]}
    epoch, last, head, total, met = int(manifest["epoch"], 16), None, bytes(32), 0, 0
    paths = {int(p.name[8:].split(".")[0]): p for p in directory.glob("segment-*.ttj*")}
    need(sorted({*paths, *entries}) == list(range(1, len(paths) + 1)), "a segment is missing")
    for number in sorted(paths):
        epoch, closed, slots, records, last, page = segment(paths[number], number, epoch, last)
        root, before = tree(slots), head
        head, total = chain(before, epoch, number, root), total + records
        kept = {"merkle_root": (root, page[192:224]), "chain": (head, page[224:256])}
        for name, (value, found) in kept.items():
            listed = entries.get(number, {}).get(name)
            need(not closed or found in (bytes(32), value), f"segment {number}: {name} of the page")
            need(listed in (None, value.hex()), f"segment {number}: {name} of the manifest")
        for c in (c for c in checkpoints if c["segment_id"] == number):
            up_to = tree(slots[: SLOT * c["slots"]])
            same = up_to.hex() == c["root"] and c["epoch"] == f"{epoch:016x}"
            same = same and chain(before, epoch, number, up_to).hex() == c["chain"]
            need(same, f"records up to {c['last_ring_seq']} are not those that were signed")
            met += 1
    need(met == len(checkpoints), "a checkpoint signs a segment that is not there")
    return f"{len(paths)} segments, {total} records, chain {head.hex()}, {met} signatures: ok"


def main(check: Callable[[Path, str | None], str], usage: str | None) -> None:
    args = sys.argv[1:]
    key = args.pop(args.index("--key") + 1).lower() if "--key" in args[:-1] else None
    names = [a for a in args if a != "--key"]
    if len(names) != 1:
        raise SystemExit(usage)
    try:
        print(check(Path(names[0]), key))
    except Exception as error:  # noqa: BLE001  whatever is malformed is wrong
        raise SystemExit(f"WRONG {names[0]}: {error}") from None


if __name__ == "__main__":
    main(journal, __doc__)
