"""`tectra journal verifier`: the checkers that need no tectra."""

from importlib import resources
from pathlib import Path

import click

from tectra.core.part_file import PartFile

__all__ = ["command"]

_NAMES = ("verify_journal.py", "verify_proof.py")


@click.command(name="verifier")
@click.argument("directory", type=click.Path(path_type=Path), default=".")
def command(directory: Path) -> None:
    """Copy two scripts into DIRECTORY that check journals and proofs with Python alone, for those
    who shall not have to trust tectra.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name in _NAMES:
        body = resources.files("tectra.journal.independent").joinpath(name).read_bytes()
        with PartFile(directory / name) as file:
            file.write(body)
        click.echo(f"{directory / name}")
