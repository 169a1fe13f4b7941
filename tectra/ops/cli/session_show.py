"""`tectra session show`: a session, or its state at an event or a time."""

from collections.abc import Iterator
from pathlib import Path

import click

from tectra.ops.cli.session_open import opened, place_of, session_argument
from tectra.ops.cli.show import write_json
from tectra.replay.capture import ReplayStateMachine
from tectra.replay.capture.export import readable, time_text
from tectra.replay.capture.plain import Plain

__all__ = ["command"]


def _tree(value: Plain, indent: str = "") -> Iterator[str]:
    """Nested values, a line each; a list of plain values on one line."""
    for key, held in value.items() if isinstance(value, dict) else enumerate(value):
        nested = isinstance(held, dict) or (
            isinstance(held, list) and any(isinstance(v, dict | list) for v in held)
        )
        if nested and held:
            yield f"{indent}{key}"
            yield from _tree(held, indent + "  ")
        else:
            yield f"{indent}{key}  {held}"


def _about(machine: ReplayStateMachine) -> dict[str, Plain]:
    info, count = machine.stream.info, len(machine.stream)
    times = [machine.stream.event(n).timestamp for n in ((1, count) if count else ())]
    return {
        "session_id": info.session_id,
        "events": count,
        "of": info.events,
        "mode": info.mode.name,
        "snapshot_interval": info.mode.snapshot_interval,
        "indicators": info.indicators,
        "strategies": info.strategies,
        "instruments": [i["symbol"] for i in info.instruments],
        "epoch": info.epoch,
        "first": time_text(times[0]) if times else None,
        "last": time_text(times[-1]) if times else None,
    }


@click.command(name="show")
@session_argument
@click.option(
    "--at",
    metavar="SEQ|TIME",
    help="State after this event, or at this time: 2012-06-21T13:45 (UTC, or with an offset), ns.",
)
@click.option(
    "--journal",
    type=click.Path(path_type=Path),
    help="The run it was made from, to recompute indicators that were left out.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
def command(session: str, root: Path, at: str | None, journal: Path | None, as_json: bool) -> None:
    """Say what a session is; with --at, where everything stood."""
    with opened(session, root, journal=journal) as machine:
        if at is None:
            found = _about(machine)
        else:
            machine.seek(place_of(machine, at))
            state = dict(machine.current_state)
            if journal is not None:
                state["indicators"] = machine.indicators()
            stands = 0 if machine.timestamp is None else machine.timestamp
            found = {
                "sequence": machine.sequence,
                "timestamp": stands,
                "time": time_text(stands),
                "ring_seq": 0 if machine.event is None else machine.event.ring_seq,
                "state": readable(state),
            }
    if as_json:
        write_json(found)
        return
    for line in _tree(found):
        click.echo(line)
