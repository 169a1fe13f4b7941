"""`tectra config`: what is wrong with a configuration, what holds, and what there is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import orjson

from tectra.core.config.credential import read_secret
from tectra.core.config.describe import toml_value
from tectra.core.config.fault import path_text
from tectra.core.config.load import PROFILES, load_config
from tectra.core.config.schema import json_schema
from tectra.core.config.section import Config
from tectra.core.config.source import exchange_credentials, make_source
from tectra.ops.cli.show import write_json

__all__ = ["command", "layered"]


def layered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that reads a configuration."""
    function = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="SECTION.KEY=VALUE",
        help="A value that wins over every other layer; repeat for several.",
    )(function)
    return click.option(
        "--profile", metavar="NAME", help=f"Layer below the file: {', '.join(PROFILES)}."
    )(function)


@click.group(name="config")
def command() -> None:
    """Configuration files: check, show, schema."""


@command.command(name="check")
@click.argument("file", type=click.Path(path_type=Path))
@layered
@click.option(
    "--credentials", is_flag=True, help="Also look for the secrets that it names; shows none."
)
def check_command(
    file: Path, profile: str | None, settings: tuple[str, ...], credentials: bool
) -> None:
    """Say everything that is wrong with FILE, one line a fault. Exit code 1 at any fault."""
    loaded = load_config(file, profile=profile, settings=settings)
    if credentials:
        _look_for_secrets(loaded.config)
    given = sum(origin.layer != "default" for _, _, origin in loaded.rows())
    mode = loaded.config.effective_mode()
    click.echo(f"{file}: in order; mode {mode}, {given} values are not the default")


def _look_for_secrets(config: Config) -> None:
    """CredentialError for the first that is missing, weak or lies open."""
    make_source(config.data_source)
    for venue, account in config.exchanges.items():
        exchange_credentials(venue, account)
    if config.control.token_env is not None:
        read_secret(config.control.token_env, path=("control", "token_env"))


@command.command(name="show")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@layered
@click.option("--given", is_flag=True, help="Only what a layer above the defaults says.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def show_command(
    file: Path | None, profile: str | None, settings: tuple[str, ...], given: bool, as_json: bool
) -> None:
    """Every value that holds, and where it came from."""
    loaded = load_config(file, profile=profile, settings=settings)
    rows = [r for r in loaded.rows() if not given or r[2].layer != "default"]
    if as_json:
        write_json(
            {
                path_text(path): {
                    "value": value if isinstance(value, str | int | float | None) else str(value),
                    "layer": origin.layer,
                    "source": origin.source,
                    "line": origin.line,
                }
                for path, value, origin in rows
            }
        )
        return
    shown = [
        (f"{path_text(path)} = {'none' if value is None else toml_value(value)}", str(origin))
        for path, value, origin in rows
    ]
    width = min(max((len(left) for left, _ in shown), default=0), 60)
    for left, origin in shown:
        click.echo(f"{left:<{width}}  # {origin}")


@command.command(name="schema")
def schema_command() -> None:
    """JSON Schema of a configuration file, for editors."""
    click.echo(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode())
