"""`tectra bench`: the hot paths on this machine, each beside its yardstick; and of it
`tectra bench ring`, the ring between two processes.
"""

from dataclasses import asdict

import click

from tectra.ops.cli import bench_ring
from tectra.ops.cli.show import console, progress, table, write_json
from tectra.ops.measure import CASES, machine, measure

__all__ = ["command"]


@click.group(name="bench", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of a table.")
@click.option(
    "--pairs",
    default=9,
    show_default=True,
    type=click.IntRange(1, 1001),
    help="Interleaved pairs a case.",
)
@click.pass_context
def command(ctx: click.Context, as_json: bool, pairs: int) -> None:
    """Measure the hot paths on this machine, as rate and as ratio to the yardstick beside each."""
    if ctx.invoked_subcommand is not None:
        return
    figures = []
    with progress("measuring", quiet=as_json) as step:
        for i, case in enumerate(CASES):
            step(i, len(CASES))
            figures.append(measure(case, pairs))
    if as_json:
        write_json(
            {"machine": machine(), "figures": [{**asdict(f), "per_s": f.per_s} for f in figures]}
        )
        return
    rows = [
        (
            f.name,
            f"{f.ns:,.1f}",
            f"{f.per_s:,.0f}",
            f.unit,
            f"{f.yardstick_ns:,.1f}",
            f"{f.ratio:.2f}",
            f.yardstick,
        )
        for f in figures
    ]
    out = console()
    out.print(
        table(
            machine(),
            ("path", "ns", "a second", "unit", "yardstick ns", "ratio", "yardstick"),
            rows,
        )
    )
    out.print(
        "ratio: time of the path over time of its yardstick in the same run, "
        "median of interleaved pairs"
    )


command.add_command(bench_ring.command)
