"""`tectra bench ring`: the ring between two processes, as rate and round trip."""

import click

from tectra.core.idle import IdlePolicy
from tectra.ops.cli.show import console, progress, table, write_json
from tectra.ops.measure import machine
from tectra.ops.ring_bench import RingFigures, measure_ring

__all__ = ["command"]


def _as_json(found: RingFigures) -> dict[str, object]:
    rates = {
        name: {"records": r.records, "ns": r.ns, "per_s": r.per_s, "counters": r.counters}
        for name, r in (("bulk", found.bulk), ("single", found.single))
    }
    trips = {"count": found.trips.count, **found.trips.ns}
    return {
        "machine": machine(),
        "policy": found.policy.name.lower(),
        "rates": rates,
        "round_trip_ns": trips,
    }


@click.command(name="ring")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of tables.")
@click.option(
    "--messages",
    default=2_000_000,
    show_default=True,
    type=click.IntRange(1, 10**9),
    help="Records in bulk; at most 500,000 of them one by one, 20,000 there and back.",
)
@click.option(
    "--policy",
    default="yield",
    show_default=True,
    type=click.Choice([p.name.lower() for p in IdlePolicy]),
    help="How both processes wait.",
)
def command(as_json: bool, messages: int, policy: str) -> None:
    """The ring between two processes over shared memory: rate and round trip, from Python."""
    with progress("measuring", quiet=as_json) as step:
        found = measure_ring(messages, IdlePolicy[policy.upper()], step)
    if as_json:
        write_json(_as_json(found))
        return
    rows = [
        (
            name,
            f"{r.records:,}",
            f"{r.per_s:,.0f}",
            *(f"{r.counters[c]:,}" for c in ("depth", "high_water", "full_count", "lost")),
        )
        for name, r in (("in bulk", found.bulk), ("one by one", found.single))
    ]
    head = ("one way", "records", "a second", "depth", "high water", "full", "lost")
    out = console()
    out.print(table(machine(), head, rows))
    names = list(found.trips.ns)
    trip = [(policy, f"{found.trips.count:,}", *(f"{v:,}" for v in found.trips.ns.values()))]
    out.print(table("round trip, ns", ("policy", "trips", *names), trip))
    out.print(
        "two processes that share the cores with whatever else runs: compare within one run only"
    )
