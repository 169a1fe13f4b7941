"""Side by side with other engines, on one machine, in one hour, on the same market.

    python benchmarks/peers/run.py [--messages N] [--rounds N] [--cache DIR] [--json] [--only NAME]

Each engine lives in an environment of its own below the cache directory; the day is made once from
a seed. Rounds are interleaved over the engines, and medians are shown. Absolute times do not carry
to another machine; ratios of one run do.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import dataset
from tectra_side import measure_tectra

HERE = Path(__file__).resolve().parent
PEERS = {
    "hftbacktest": ("hftbacktest==2.4.4", "hft.py"),
    "nautilus_trader": ("nautilus_trader==1.221.0", "nautilus.py"),
}
DEFAULT_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tectra-peers"
TIMEOUT_S = 1200

Row = dict[str, object]


def environment(cache: Path, name: str, requirement: str) -> Path | None:
    """The Python of a peer's own environment, made on first use; None when it cannot be had."""
    home = cache / "venv" / requirement.replace("==", "-")
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        print(f"{name}: installing {requirement} into {home}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        command = [str(python), "-m", "pip", "install", "-q", "--only-binary", ":all:", requirement]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{name}: skipped, cannot be installed here:\n{done.stderr}", file=sys.stderr)
            return None
        (home / "ready").touch()
    return python


def day(cache: Path, messages: int) -> Path:
    folder = cache / f"day-{dataset.SEED}-{messages}"
    if not (folder / "quotes.npy").exists():
        print(f"making {messages:,} messages in {folder}", file=sys.stderr)
        dataset.make(folder, messages)
    return folder


def measure_peer(python: Path, script: str, folder: Path) -> list[Row]:
    done = subprocess.run(
        [str(python), str(HERE / script), str(folder), "1"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        cwd=folder,
    )
    if done.returncode:
        print(f"{script} failed:\n{done.stderr[-2000:]}", file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def medians(rows: list[Row]) -> list[Row]:
    grouped = defaultdict(list)
    for row in rows:
        grouped[str(row["engine"]), str(row["strategy"])].append(row)
    out = []
    for (engine, strategy), group in grouped.items():
        each = [float(str(r["ns"])) / int(str(r["events"])) for r in group]
        out.append(
            {
                "engine": engine,
                "strategy": strategy,
                "events": group[0]["events"],
                "fills": group[0]["fills"],
                "ms": round(statistics.median(float(str(r["ns"])) for r in group) / 1e6),
                "ns_per_event": round(statistics.median(each), 1),
                "best": round(min(each), 1),
                "spread": round(max(each) / min(each), 2),
                "rounds": len(each),
            }
        )
    return out


def table(rows: list[Row]) -> str:
    head = (
        "engine",
        "strategy",
        "events",
        "fills",
        "ms",
        "ns_per_event",
        "best",
        "spread",
        "rounds",
    )
    lines = [
        tuple(f"{row[c]:,}" if isinstance(row[c], int) else str(row[c]) for c in head)
        for row in rows
    ]
    widths = [max(len(line[i]) for line in (head, *lines)) for i in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i < 2 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in (head, *lines)
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure tectra and other engines side by side.")
    parser.add_argument("--messages", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    parser.add_argument("--only", choices=[*PEERS, "tectra"], help="measure one engine")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    args = parser.parse_args()
    cache = args.cache.resolve()
    pythons = {
        name: environment(cache, name, requirement)
        for name, (requirement, _) in PEERS.items()
        if args.only in (None, name)
    }
    folder = day(cache, args.messages)
    rows: list[Row] = []
    for _ in range(args.rounds):
        for name, python in pythons.items():
            if python is not None:
                rows += measure_peer(python, PEERS[name][1], folder)
        if args.only in (None, "tectra"):
            rows += measure_tectra(folder)
    result = medians(rows)
    if args.json:
        print(json.dumps({"messages": args.messages, "rows": result}, indent=2))
    else:
        print(table(result))
    return 0 if result else 1


if __name__ == "__main__":
    sys.exit(main())
