"""The C drivers of benchmarks/native: each prints its ratios, each ratio has a limit."""

from pathlib import Path

import gate as gates
import pytest

DRIVERS = sorted((Path(__file__).parent / "native").glob("*_bench.c"))


@pytest.mark.native
@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", DRIVERS, ids=lambda p: p.stem)
def test_driver(source: Path, native_dir: Path) -> None:
    rows = gates.run_driver(gates.compile_driver(source, native_dir))
    over = []
    for row in rows:
        try:
            limit = gates.check(row["name"], row["ratio"])
        except gates.GateError as error:
            over.append(str(error))
        else:
            print(f"{row['name']}: ratio {row['ratio']:.3f}, limit {limit.limit}")
    assert not over, "\n".join(over)
