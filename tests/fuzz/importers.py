"""Files of every format with damaged bytes: an importer gives records or says what is wrong, soon,
and never a price, size or time that its file does not have.
"""

import csv
import gzip
import sys
import tempfile
import time
import zlib
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from feed_samples import FILES

from tectra.core.errors import TectraError
from tectra.core.msg import Template
from tectra.core.rng import Random
from tectra.feed.formats import detect, open_feed
from tectra.feed.importer.record import of_template

SECONDS_MAX = 5.0
TOKENS = (b"NaN", b"-1", b"1e400", b"", b"9" * 25, b"0x1", b"\xff\xfe", b'"', b"\n", b",", b"1_0")

# Text files of trades: columns of time, price and size, and the nanoseconds of one step of time.
TRADES = {
    "binance trades": ((4,), 1, 2, 1_000, False),
    "tardis trades": ((3,), 6, 7, 1_000, True),
    "csv_trades": ((0, 1), 5, 6, 1, True),
}


def damage(rng: Random, data: bytes) -> bytes:
    """One to three damaged places."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        if not out:
            break
        at = rng.integers(0, len(out))
        kind = rng.integers(0, 6)
        if kind == 0:
            out[at] ^= 1 << rng.integers(0, 8)
        elif kind == 1:
            out[at] = rng.integers(0, 256)
        elif kind == 2:
            del out[at : at + rng.integers(1, 40)]
        elif kind == 3:
            out[at:at] = TOKENS[rng.integers(0, len(TOKENS))]
        elif kind == 4:
            del out[at:]
        else:
            stop = min(len(out), at + rng.integers(1, 60))
            out[stop:stop] = out[at:stop]
    return bytes(out)


def plain(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value.adjusted()) < 60 else None


def stated(data: bytes, name: str) -> set[tuple[Decimal, Decimal, Decimal]]:
    """(time, price, size) of every line that has them, read in the plainest way."""
    at_times, at_price, at_size, unit, header = TRADES[name]
    out = set()
    text = data.decode("utf-8", "replace")
    for line in text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")[int(header) :]:
        cells = next(csv.reader([line.replace("\r", " ")]), [])
        if len(cells) <= max(*at_times, at_price, at_size):
            continue
        price, size = plain(cells[at_price]), plain(cells[at_size])
        for moment in (plain(cells[i]) for i in at_times):
            if moment is not None and price is not None and size is not None:
                steps = (unit, 10**9, 10**6, 10**3, 1)
                out |= {(moment * step, price, size) for step in steps}
    return out


def check_values(name: str, raw: bytes, path: Path) -> None:
    """No trade of the feed is one that the text does not state."""
    data = raw
    if raw[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error):
            return
    allowed = stated(data, name)
    feed = open_feed(path, options={"strict": False})
    while (batch := feed.next_batch()) is not None:
        for row in of_template(batch, Template.TRADE)[0]:
            one = feed.definitions[int(row["instrument_id"])]
            found = (
                Decimal(int(row["ts_recv_ns"])),
                Decimal(int(row["px"])).scaleb(one.px_exponent),
                Decimal(int(row["qty"])).scaleb(one.qty_exponent),
            )
            assert found in allowed, f"{name}: {found} stands nowhere in {data!r}"
    feed.close()


def read_all(path: Path, options: dict[str, object]) -> int:
    """Slots of a file, or of what can be read of it."""
    feed = open_feed(path, options=options)
    slots = 0
    try:
        while (batch := feed.next_batch(64)) is not None:
            assert len(batch) % 64 == 0
            slots += len(batch) // 64
            assert 0 <= feed.position <= max(feed.size, feed.position)
    finally:
        feed.close()
    return slots


def attempt(name: str, path: Path, raw: bytes) -> None:
    """Open one damaged file, strict and not."""
    start = time.monotonic()
    for strict in (True, False):
        try:
            kind = detect(path)
            options = {} if kind in ("parquet", "arrow") else {"strict": strict}
            read_all(path, options)
        except TectraError:
            pass
        except Exception as error:
            raise AssertionError(
                f"{name}: {type(error).__name__}: {error}: {raw[:4000].hex()}"
            ) from error
    if name in TRADES:
        with suppress(TectraError):
            if detect(path) == name.split(maxsplit=1)[0]:
                check_values(name, raw, path)
    took = time.monotonic() - start
    assert took < SECONDS_MAX, f"{name}: {took:.1f} s for {raw[:4000].hex()}"


def run(seed: int, count: int) -> None:
    """`count` damaged files, of all formats in turn."""
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        samples = []
        for i, (name, make) in enumerate(FILES.items()):
            home = Path(folder) / str(i)
            home.mkdir()
            samples.append((name, make(home)[0]))
        files = []
        for name, path in samples:
            inside = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
            files += [(name, path, victim, victim.read_bytes()) for victim in sorted(inside)]
        for i in range(count):
            name, path, victim, data = files[i % len(files)]
            body = data
            packed = name in ("tardis trades", "binance klines") and rng.chance(0.8)
            if packed:
                body = gzip.decompress(data)
            raw = damage(rng, body)
            raw = gzip.compress(raw, 1) if packed else raw
            victim.write_bytes(raw)
            try:
                attempt(name, path, raw)
            finally:
                victim.write_bytes(data)
