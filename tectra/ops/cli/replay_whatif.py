"""`tectra replay whatif`: a recorded run with something else in it."""

from collections.abc import Iterable
from pathlib import Path
from shlex import quote
from typing import Any

import click
import msgspec

from tectra.backtest import SimConfig
from tectra.core.errors import InputError
from tectra.ops.cli.show import progress, warn, write_json
from tectra.replay.points import Point, parse_point
from tectra.research.whatif import Alternative, Original, WhatIfReport, what_if
from tectra.risk.limits import LimitScope, RiskLimits
from tectra.strategy.loader import load_strategy
from tectra.strategy.params import parse_params

__all__ = ["command"]


def _named(
    what: str, pairs: Iterable[str], names: list[str], *, owner: str
) -> dict[str, list[str]]:
    """`NAME=VALUE` by strategy; `STRATEGY.NAME=VALUE` where there are several."""
    out: dict[str, list[str]] = {}
    for pair in pairs:
        key, found, _ = pair.partition("=")
        if not found:
            raise InputError(f"{what}: found {pair!r}; write it as NAME=VALUE")
        prefix, dot, _ = key.rpartition(".")
        if dot and prefix not in names:
            raise InputError(f"{what}: found {owner} {prefix!r}; allowed: {', '.join(names)}")
        if not dot and len(names) != 1:
            raise InputError(
                f"{what}: found {pair!r} in a run of {len(names)} strategies; write it as "
                f"STRATEGY.NAME=VALUE with one of {', '.join(names)}"
            )
        out.setdefault(prefix or names[0], []).append(pair[len(prefix) + 1 if dot else 0 :])
    return out


def _strategies(original: Original, texts: tuple[str, ...]) -> dict[str, type[Any]]:
    """`FILE.py[:Class]`, or `STRATEGY=FILE.py[:Class]` where there are several."""
    names = original.strategy_names
    out = {}
    for text in texts:
        name, found, spec = text.partition("=")
        if not found:
            if len(names) != 1:
                raise InputError(
                    f"--strategy: found {text!r} in a run of {len(names)} strategies; write it as "
                    f"STRATEGY={text} with one of {', '.join(names)}"
                )
            name, spec = names[0], text
        elif name not in names:
            raise InputError(f"--strategy: found {name!r}; allowed: {', '.join(names)}")
        out[name] = load_strategy(spec)
    return out


def _limits(base: RiskLimits, pairs: tuple[str, ...]) -> RiskLimits | None:
    """`NAME=VALUE` for the default, `SYMBOL.NAME=VALUE` or `STRATEGY.NAME=VALUE` for a scope."""
    if not pairs:
        return None
    out: dict[str, Any] = msgspec.to_builtins(base)
    for pair in pairs:
        key, found, value = pair.partition("=")
        scope, _, name = key.rpartition(".")
        if not found or name not in LimitScope.__struct_fields__:
            allowed = ", ".join(LimitScope.__struct_fields__)
            raise InputError(
                f"--limit: found {pair!r}; allowed: [SYMBOL.|STRATEGY.]NAME=VALUE with NAME one of "
                f"{allowed}; an empty value takes the limit off"
            )
        group = "strategies" if scope in out["strategies"] else "instruments"
        part = out["default"] if not scope else out[group].setdefault(scope, {})
        part[name] = value or None
    try:
        return msgspec.convert(out, RiskLimits, strict=False)
    except msgspec.ValidationError as error:
        raise InputError(f"--limit: {error}") from None


def _scoped(original: Original, pairs: tuple[str, ...]) -> RiskLimits:
    """The run's limits with a scope for every strategy, so that `--limit` can name it."""
    limits = original.spec.limits
    named = {
        name: limits.strategies.get(name, LimitScope())
        for name in original.strategy_names
        if any(pair.startswith(f"{name}.") for pair in pairs)
    }
    known = {i.symbol for i in original.instruments} | set(named)
    for pair in pairs:
        scope = pair.partition("=")[0].rpartition(".")[0]
        if scope and scope not in known:
            allowed = ", ".join(sorted(known | set(original.strategy_names))[:20])
            raise InputError(f"--limit: found {scope!r}; allowed in this run: {allowed}")
    return msgspec.structs.replace(limits, strategies={**limits.strategies, **named})


def _alternative(original: Original, options: dict[str, Any]) -> Alternative:
    names = original.strategy_names
    others = _strategies(original, options["strategy"])
    owners = dict(zip(names, original.classes, strict=True)) | others
    pairs = _named("--param", options["param"], names, owner="strategy")
    params = {n: parse_params(owners[n].PARAMS, p, owners[n].__name__) for n, p in pairs.items()}
    at = Point()
    if options["at"] is not None:
        at = parse_point("--at", options["at"], first_ns=original.first_ns)
    return Alternative(
        params=params,
        strategy=others or None,
        limits=_limits(_scoped(original, options["limit"]), options["limit"]),
        at_seq=at.seq,
        at_ns=at.ns,
        cancel_orders=not options["keep_orders"],
    )


def _show(report: WhatIfReport, out: Path | None) -> None:
    for line in report.lines():
        if line.startswith("note: "):
            warn(line.removeprefix("note: "))
        else:
            click.echo(line)
    if out is not None:
        click.echo(f"report         {out / 'whatif.html'}")
        click.echo(f"prove it       tectra replay verify {quote(str(out))}")


@click.command(name="whatif")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--param",
    multiple=True,
    metavar="[STRATEGY.]NAME=VALUE",
    help="Another value of a parameter; repeat for several.",
)
@click.option(
    "--strategy",
    multiple=True,
    metavar="[STRATEGY=]FILE.py[:Class]",
    help="Another strategy in the place of one; --param is then the new one's.",
)
@click.option(
    "--limit",
    multiple=True,
    metavar="[SCOPE.]NAME=VALUE",
    help="Another limit, such as order_qty_max=100 or AAPL.position_max=500.",
)
@click.option(
    "--at",
    metavar="SEQ|TIME",
    help="From this record or time on (12345, 15:30:00 UTC, ISO). Default: from the start.",
)
@click.option(
    "--keep-orders",
    is_flag=True,
    help="Leave the open orders of a strategy that is replaced to the new one.",
)
@click.option(
    "--sim", is_flag=True, help="Let a simulated exchange with its defaults answer in any case."
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="New directory for whatif.html, whatif.json and the alternative's journal.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(directory: Path, sim: bool, out: Path | None, as_json: bool, **options: Any) -> None:
    """Run a recorded run again with other parameters, limits or another strategy, and compare.

    The market and the operators' commands are the journal's; the simulated exchange of the run
    answers the orders. Without any change the two must be equal.
    """
    exchange = SimConfig() if sim else None
    alternative = _alternative(Original(directory, sim=exchange), options)
    with progress(f"what if {directory}", quiet=as_json) as step:
        report = what_if(directory, alternative, out=out, sim=exchange, progress=step)
    if as_json:
        write_json(report.as_dict())
    else:
        _show(report, out)
