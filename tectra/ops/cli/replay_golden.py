"""`tectra replay golden`: digests of runs, kept in a file and held against runs of today."""

from collections.abc import Sequence
from pathlib import Path

import click

from tectra.core.errors import InputError
from tectra.ops.cli.show import write_json
from tectra.replay.golden import GoldenFile, check_golden, update_golden

__all__ = ["command"]


def _runs(texts: Sequence[str]) -> dict[str, Path]:
    """name -> directory of `DIR` and `NAME=DIR`; the name of a directory is its last part."""
    out: dict[str, Path] = {}
    for text in texts:
        name, mark, path = text.partition("=")
        if not mark or Path(text).is_dir():
            path, name = text, Path(text).resolve().name
        if name in out:
            raise InputError(f"{name}: found twice, {out[name]} and {path}; give NAME=DIR")
        out[name] = Path(path)
    return out


@click.group(name="golden")
def command() -> None:
    """Golden runs: what a run said once, held against what it says today."""


@command.command(name="check")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("runs", nargs=-1, required=True, metavar="[NAME=]DIR...")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@click.pass_context
def check(ctx: click.Context, file: Path, runs: tuple[str, ...], as_json: bool) -> None:
    """Replay each run and compare with FILE. Exit code 1 at any difference, with the first record
    that differs.
    """
    named = _runs(runs)
    results = check_golden(file, named)
    rest = sorted(set(GoldenFile.load(file).runs) - set(named))
    if as_json:
        write_json(
            {
                "ok": all(r.ok for r in results),
                "runs": [r.as_dict() for r in results],
                "not_checked": rest,
            }
        )
    else:
        for line in (line for result in results for line in result.lines()):
            click.echo(line)
        for name in rest:
            click.echo(f"{name}: not checked")
    ctx.exit(0 if all(r.ok for r in results) else 1)


@command.command(name="update")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("runs", nargs=-1, required=True, metavar="[NAME=]DIR...")
@click.option("--keep", is_flag=True, help="Note where the runs lie, to find the record later.")
def update(file: Path, runs: tuple[str, ...], keep: bool) -> None:
    """Replay each run and write its digests into FILE. One that does not replay equal changes
    nothing.
    """
    named = _runs(runs)
    changed = update_golden(file, named, keep_journals=keep)
    for name in named:
        click.echo(f"{name}: {'written' if name in changed else 'as it was'}")
