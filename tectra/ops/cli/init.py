"""`tectra init`: the standard directories and a configuration to start from."""

from pathlib import Path

import click

from tectra.core.config.describe import commented_file
from tectra.core.config.section.directory import STANDARD_DIRECTORIES
from tectra.core.errors import InputError

__all__ = ["command"]

_FILE = "tectra.toml"


@click.command(name="init")
@click.argument("directory", type=click.Path(path_type=Path), default=Path())
def command(directory: Path) -> None:
    """Make the standard directories in DIRECTORY (default: here) and a commented tectra.toml.

    What is there already stays as it is.
    """
    wanted = [directory / name for name in STANDARD_DIRECTORIES]
    for path in (directory, *wanted):
        if path.exists() and not path.is_dir():
            raise InputError(f"{path}: is a file where a directory belongs; move it away")
    for path in wanted:
        known = path.is_dir()
        path.mkdir(parents=True, exist_ok=True)
        click.echo(f"{'kept' if known else 'made':<6}{path}/")
    file = directory / _FILE
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(commented_file())
    except FileExistsError:
        click.echo(f"kept  {file}")
    else:
        click.echo(f"made  {file}")
    click.echo(f"next  tectra config check {file}")
