"""`tectra replay verify`: a journal lived again."""

from dataclasses import asdict
from pathlib import Path

import click

from tectra.ops.cli.show import progress, write_json
from tectra.replay.seeds import other_seeds, replay_under_seeds
from tectra.replay.verify import verify_replay

__all__ = ["command"]


@click.command(name="verify")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--until",
    type=click.IntRange(0, 2**63 - 1),
    default=None,
    help="Stop after this record and say where the engine stands.",
)
@click.option(
    "--guard/--no-guard",
    default=None,
    help="Name callbacks that ask for time, randomness, threads, sockets, files. Default: on where "
    "there are Python strategies.",
)
@click.option(
    "--hash-seeds",
    type=click.IntRange(0, 1_000),
    default=0,
    metavar="N",
    help="Replay N times more, each under another PYTHONHASHSEED: finds orders of sets.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_context
def command(
    ctx: click.Context,
    directory: Path,
    until: int | None,
    guard: bool | None,
    hash_seeds: int,
    as_json: bool,
) -> None:
    """Compare every output with the journal, byte for byte. Exit code 1 at the first difference,
    and for a callback that asked for what no replay can repeat.
    """
    with progress(f"replaying {directory}", quiet=as_json) as step:
        report = verify_replay(directory, until_seq=until, progress=step, guard=guard)
    with progress(f"replaying {directory} under other hash seeds", quiet=as_json) as step:
        seeds = replay_under_seeds(
            directory, other_seeds(hash_seeds), until_seq=until, progress=step
        )
    if as_json:
        write_json({**report.as_dict(), "seeds": [asdict(s) for s in seeds]})
    else:
        for line in report.lines():
            click.echo(line)
        for seed in seeds:
            click.echo(str(seed))
    ctx.exit(0 if report.ok and all(s.ok for s in seeds) else 1)
