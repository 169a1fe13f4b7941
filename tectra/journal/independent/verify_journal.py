#!/usr/bin/env python3
"""Checks a tectra journal by Python alone.

Header pages, checksums, sizes and order of records, the tree of every segment, the chain, the
manifest, every signed checkpoint. Exit code 1: the first thing that does not hold is named.
"""

import argparse
import hashlib
import json
import struct
from pathlib import Path
from typing import Any

PAGE, SLOT, BLOCK, SCHEMA = 4096, 64, 4096, 7433
Point = tuple[int, int, int, int]
TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def need(holds: object, what: str) -> None:
    if not holds:
        raise ValueError(what)


def crc32c(data: bytes, seed: int = 0) -> int:
    crc, table = seed ^ 0xFFFFFFFF, TABLE
    for value in data:
        crc = table[(crc ^ value) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def tree(data: bytes) -> bytes:
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
    need(len(key) == 32 and len(signature) == 64, "a key has 32 bytes, a signature 64")
    r, s = point(signature[:32]), int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    base = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    left, right = times(s, base), add(r, times(k, point(key)))
    same = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return s < L and same and (left[1] * right[2] - right[1] * left[2]) % P == 0


def check_signature(checkpoint: dict[str, Any], key: str | None) -> None:
    fields = {name: value for name, value in checkpoint.items() if name != "signature"}
    body = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    who, signature = bytes.fromhex(checkpoint["key"]), bytes.fromhex(checkpoint["signature"])
    what = f"checkpoint at {checkpoint['last_ring_seq']}: "
    need(key in (None, checkpoint["key"]), what + "signed by another key")
    fits = signed(who, b"tectra journal checkpoint\n" + body, signature)
    need(fits, what + "the signature does not fit")


def walk(slots: bytes, last: int, first: bool, what: str) -> tuple[int, int]:
    """(records, last ring_seq); the `first` record of a journal may have any number."""
    at = records = 0
    while at < len(slots):
        length, _, schema, _, seq = struct.unpack_from("<4HQ", slots, at)
        need(length in (56, 120) and schema == SCHEMA, what + f"slot {at // SLOT}: no record")
        need(seq == last + 1 or first, what + f"ring_seq {seq} after {last}")
        at, records, last, first = at + length + 8, records + 1, seq, False
    need(at == len(slots), what + "the last record is cut")
    return records, last


def segment(path: Path, number: int, epoch: int, last_seq: int | None) -> tuple[Any, ...]:
    """Check one file; returns (slots, base, records, last ring_seq, header page)."""
    need(path.suffix == ".ttj", f"{path.name} is packed: unpack it first, `tectra journal unpack`")
    data = path.read_bytes()
    head, magic = data[:PAGE], data[:8]
    layout, schema, _, size, found, capacity, run, base = struct.unpack_from("<4HIIQQ", head, 8)
    what = f"{path.name}: "
    need((magic, layout, schema, size) == (b"TTJRNL\r\n", 1, SCHEMA, SLOT), what + "no segment")
    need(crc32c(head[:60]) == int.from_bytes(head[60:64], "little"), what + "header damaged")
    need((found, run) == (number, epoch), what + f"is segment {found} of run {run:016x}")
    need(last_seq in (None, base), what + f"continues after {base}, not {last_seq}")
    published, inverse, closed, used = struct.unpack_from("<II56xII", head, 64)
    need(inverse == published ^ 0xFFFFFFFF, what + "published count damaged")
    page_crc = crc32c(head[:4092]).to_bytes(4, "little") if closed == 1 else head[4092:]
    sound = page_crc == head[4092:] and (closed == 1 or not any(head[128:]))
    need(sound and not any(head[72:128]), what + "page damaged")
    start = PAGE + -(-4 * capacity // PAGE) * PAGE
    slots = data[start : start + SLOT * published]
    need(len(slots) == SLOT * published, what + "cut")
    sums = struct.unpack_from(f"<{published}I", data, PAGE)
    seed = crc32c(struct.pack("<Q", run)) + number * capacity
    for k, found in enumerate(sums):
        good = crc32c(slots[SLOT * k : SLOT * k + SLOT], (seed + k) & 0xFFFFFFFF)
        need(good == found, what + f"slot {k}, offset {start + SLOT * k}: checksum")
    records, last = walk(slots, base, not base, what)
    if closed:
        ends = (last - records + 1, last) if records else (0, 0)
        said = (used, *struct.unpack_from("<3Q", head, 136))
        need(said == (published, records, *ends), what + "other records than its page says")
        behind = data[PAGE + 4 * published : start] + data[start + len(slots) :]
        need(not any(behind), what + "bytes behind the last slot")
    return slots, base, records, last, head


def journal(directory: Path, key: str | None) -> str:
    """Check a directory; returns a line of what was found."""
    body = (directory / "manifest.json").read_bytes()
    manifest = json.loads(body)
    mark = body.rindex(f'"{manifest["crc32c"]}"'.encode())
    plain = body[:mark] + b'"00000000"' + body[mark + 10 :]
    need(f"{crc32c(plain):08x}" == manifest["crc32c"], "manifest.json was changed")
    lines = directory / "checkpoints.jsonl"
    checkpoints = [json.loads(x) for x in lines.read_bytes().splitlines()] if lines.exists() else []
    need(checkpoints or key is None, "no checkpoint is signed")
    for checkpoint in checkpoints:
        check_signature(checkpoint, key)
    entries = {entry["segment_id"]: entry for entry in manifest["segments"]}
    epoch, last, head, total, met = int(manifest["epoch"], 16), None, bytes(32), 0, 0
    paths = {int(p.name[8:].split(".")[0]): p for p in directory.glob("segment-*.ttj*")}
    need(sorted({*paths, *entries}) == list(range(1, len(paths) + 1)), "a segment is missing")
    for number in sorted(paths):
        slots, base, records, last, page = segment(paths[number], number, epoch, last)
        entry, root, before, past = entries.get(number, {}), tree(slots), head, total
        head, total, closed = chain(before, epoch, number, root), total + records, page[128]
        need(closed or not entry.get("closed"), f"segment {number} is closed by the manifest only")
        need(not closed or page[192:256] in (bytes(64), root + head), f"segment {number}: page")
        kept = {"merkle_root": root.hex(), "chain": head.hex(), "slots": len(slots) // SLOT}
        for name, value in {**kept, "records": records, "base_ring_seq": base}.items():
            need(entry.get(name) in (None, value), f"segment {number}: {name} of the manifest")
        for c in (c for c in checkpoints if c["segment_id"] == number):
            what = f"records up to {c['last_ring_seq']} are not those that were signed"
            part = slots[: SLOT * c["slots"]]
            up_to, (count, end) = tree(part), walk(part, base, not base, what + ": ")
            link = chain(before, epoch, number, up_to).hex()
            need((f"{epoch:016x}", up_to.hex(), link) == (c["epoch"], c["root"], c["chain"]), what)
            found = (len(part) // SLOT, past + count, end)
            need(found == (c["slots"], c["records"], c["last_ring_seq"]), what)
            met += 1
    need(met == len(checkpoints), "a checkpoint signs a segment that is not there")
    return f"{len(paths)} segments, {total} records, chain {head.hex()}, {met} signatures: ok"


def main(check: Any, usage: str | None) -> None:
    parser = argparse.ArgumentParser(description=usage)
    parser.add_argument("path", type=Path)
    parser.add_argument("--key", type=str.lower, help="whose signatures count: 64 hex digits")
    args = parser.parse_args()
    try:
        print(check(args.path, args.key))
    except Exception as error:  # noqa: BLE001  whatever is malformed is wrong
        raise SystemExit(f"WRONG {args.path}: {error}") from None


if __name__ == "__main__":
    main(journal, __doc__)
