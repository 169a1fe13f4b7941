"""Run the C drivers and print what limits.toml would say of them today: measured, and measured x
1.5.

    python benchmarks/propose.py [NAME...] >> benchmarks/limits.toml

A proposal has no reason yet; write what is compared with what before it is committed.
"""

import argparse
import datetime as dt
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import gate

HERE = Path(__file__).resolve().parent
ROUNDS = 3
SLACK = 1.5


def main() -> int:
    parser = argparse.ArgumentParser(description="Propose limits for the C drivers.")
    parser.add_argument("names", nargs="*", help="drivers, such as spsc; all by default")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    args = parser.parse_args()
    ratios = defaultdict(list)
    with tempfile.TemporaryDirectory() as build:
        for source in sorted((HERE / "native").glob("*_bench.c")):
            if args.names and source.stem.removesuffix("_bench") not in args.names:
                continue
            driver = gate.compile_driver(source, Path(build))
            for _ in range(args.rounds):
                for row in gate.run_driver(driver):
                    ratios[row["name"]].append(float(row["ratio"]))
    today = dt.datetime.now(dt.UTC).date()
    for name, measured in ratios.items():
        middle = statistics.median(measured)
        print(f'["{name}"]\nlimit = {middle * SLACK:.2f}\nmeasured = {middle:.3f}')
        print(f'date = {today}\nreason = ""\n')
    return 0 if ratios else 1


if __name__ == "__main__":
    sys.exit(main())
