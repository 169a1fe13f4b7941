"""Seeded fuzzers, one for each parser.

    python -m tests.fuzz itch --seed 7 --count 2000
    python -m tests.fuzz canary              must fail, or the others prove nothing
    python -m tests.fuzz smoke               all of them, briefly

A fuzzer is a module here with `run(seed, count)`, which raises AssertionError with what it found.
"""

import argparse
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "property" / "models"))


def fuzzers() -> dict[str, Callable[[int, int], None]]:
    """Name and run() of every fuzzer of this directory."""
    out = {}
    for path in sorted(HERE.glob("[a-z]*.py")):
        spec = importlib.util.spec_from_file_location(f"fuzz_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        out[path.stem] = module.run
    return out


def attempt(name: str, run: Callable[[int, int], None], seed: int, count: int) -> bool:
    """Run one fuzzer; on a failure say how to repeat it."""
    try:
        run(seed, count)
    except Exception as error:  # noqa: BLE001  whatever a parser lets out is a finding
        print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
        print(f"repeat: python -m tests.fuzz {name} --seed {seed} --count {count}", file=sys.stderr)
        return False
    print(f"{name}: {count} inputs, seed {seed}: nothing found")
    return True


def main(argv: list[str] | None = None) -> int:
    """0 when the fuzzers behave as they should."""
    known = fuzzers()
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=[*known, "smoke"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=0, help="inputs; 0: the fuzzer's usual number")
    args = parser.parse_args(argv)
    if args.name != "smoke":
        return 0 if attempt(args.name, known[args.name], args.seed, args.count or 2000) else 1
    good = True
    for name, run in known.items():
        passed = attempt(name, run, args.seed, args.count or 200)
        good = good and passed == (name != "canary")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
