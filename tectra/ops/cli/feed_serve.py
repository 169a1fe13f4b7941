"""`tectra feed serve`: a day file as a MoldUDP64 feed on one or two lines, with re-requests and
snapshots beside it.
"""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import click

from tectra.core.clock import ClockDomain, LiveClock
from tectra.core.errors import InputError, StoppedError
from tectra.core.idle import Idle, IdlePolicy
from tectra.core.stop import StopSignals, stop_reason, stop_requested
from tectra.feed.glimpse import GlimpseServer
from tectra.feed.itch_messages import ItchMessages
from tectra.feed.mold_line import Line, LineFaults
from tectra.feed.mold_server import MoldOptions, MoldServer, RequestServer
from tectra.feed.mold_store import MessageStore
from tectra.feed.snapshot_state import SnapshotState
from tectra.net.udp_socket import UdpSender, parse_endpoint
from tectra.ops.cli.show import console, progress, table, warn, write_json

__all__ = ["command"]


def _speed(_ctx: click.Context, _param: click.Parameter, value: str) -> float:
    """Times as fast as the day; 0 for `max`."""
    try:
        speed = 0.0 if value == "max" else float(value)
    except ValueError:
        speed = -1.0
    if value != "max" and not 0 < speed < 1e9:
        raise click.BadParameter(f"{value!r}: allowed are max and numbers above 0, as in 1 or 10.5")
    return speed


class _Service:
    """What `serve` runs, by its options; closed by the stack that it is made in."""

    def __init__(self, stack: ExitStack, file: Path, options: dict[str, Any]) -> None:
        self.source = stack.enter_context(ItchMessages(file))
        self.senders = []
        session = options["session"]
        for text in (options["to"], options["to_b"]):
            if text is not None:
                host, port = parse_endpoint(text)
                sender = UdpSender(host, port, interface=options["interface"], ttl=options["ttl"])
                self.senders.append(stack.enter_context(closing(sender)))
        self.lines = [
            Line(sender.try_send, _faults(options, number), seed=options["seed"], number=number)
            for number, sender in enumerate(self.senders)
        ]
        store = MessageStore() if options["retransmit"] is not None else None
        state = SnapshotState() if options["glimpse"] is not None else None
        self.server = MoldServer(
            self.source,
            self.lines,
            MoldOptions(
                session=session,
                speed=options["speed"],
                rate=options["rate"],
                end_packets=options["end_seconds"],
            ),
            store=store,
            observe=None if state is None else state.apply,
        )
        self.requests: RequestServer | None = None
        self.glimpse: GlimpseServer | None = None
        host = options["bind"]
        if store is not None:
            self.requests = stack.enter_context(
                closing(RequestServer(store, session, host=host, port=options["retransmit"]))
            )
        if state is not None:
            self.glimpse = stack.enter_context(
                closing(
                    GlimpseServer(
                        state,
                        lambda: self.server.next_sequence,
                        session,
                        host=host,
                        port=options["glimpse"],
                    )
                )
            )

    def do_work(self, now_ns: int) -> int:
        work = self.server.do_work(now_ns)
        if self.requests is not None:
            work += self.requests.do_work(now_ns)
        if self.glimpse is not None:
            work += self.glimpse.do_work(now_ns)
        return work

    @property
    def done(self) -> bool:
        """Everything is sent, and nobody is in the middle of a snapshot."""
        return self.server.done and (self.glimpse is None or not self.glimpse.clients)

    def announce(self) -> None:
        """Say where the two servers listen, which may have been the kernel's choice."""
        for name, part in (("re-requests", self.requests), ("snapshots", self.glimpse)):
            if part is not None:
                click.echo(f"{name} at {part.address[0]}:{part.address[1]}", err=True)

    def as_json(self) -> dict[str, object]:
        lines = [
            {
                "to": f"{sender.address[0]}:{sender.address[1]}",
                "offered": line.offered,
                "lost": line.lost,
                "duplicated": line.duplicated,
                "reordered": line.reordered,
                "sent": sender.datagrams,
                "bytes": sender.bytes_sent,
                "not_taken": sender.full + sender.refused,
            }
            for line, sender in zip(self.lines, self.senders, strict=True)
        ]
        out: dict[str, object] = {
            "file": str(self.source.path),
            "session": self.server.options.session,
            "messages": self.server.messages,
            "packets": self.server.packets,
            "heartbeats": self.server.heartbeats,
            "ended": self.server.done,
            "next_sequence": self.server.next_sequence,
            "lines": lines,
        }
        if self.requests is not None:
            out["requests"] = {
                name: getattr(self.requests, name)
                for name in ("answered", "messages", "unknown", "damaged", "failed")
            }
        if self.glimpse is not None:
            out["snapshots"] = {
                name: getattr(self.glimpse, name) for name in ("snapshots", "rejected", "lost")
            }
        return out


def _faults(options: dict[str, Any], number: int) -> LineFaults:
    return LineFaults(
        loss=options["loss"],
        duplicate=options["duplicate"],
        reorder=options["reorder"],
        skew_ns=options["skew_us"] * 1000 * number,
    )


def _show(service: _Service) -> None:
    found: Any = service.as_json()
    head = ("line", "packets", "lost", "doubled", "late", "datagrams", "bytes", "not taken")
    names = ("offered", "lost", "duplicated", "reordered", "sent", "bytes", "not_taken")
    rows = [(line["to"], *(f"{line[n]:,}" for n in names)) for line in found["lines"]]
    title = f"{found['session']}: {found['messages']:,} messages in {found['packets']:,} packets"
    console().print(table(title, head, rows))
    for name in ("requests", "snapshots"):
        if name in found:
            said = ", ".join(f"{key} {n:,}" for key, n in found[name].items())
            click.echo(f"{name:<10} {said}")


_CHANCE = click.FloatRange(0, 1)
_PORT = click.IntRange(0, 65535)


@click.command(name="serve")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", required=True, metavar="HOST:PORT", help="Line A: an address or a group.")
@click.option("--to-b", metavar="HOST:PORT", help="Line B.")
@click.option("--retransmit", type=_PORT, metavar="PORT", help="Answer re-requests at this port.")
@click.option("--glimpse", type=_PORT, metavar="PORT", help="Give snapshots at this port.")
@click.option("--bind", default="127.0.0.1", show_default=True, help="Address of those two.")
@click.option(
    "--speed", default="1", show_default=True, callback=_speed, metavar="X|max",
    help="Times as fast as the day was.",
)  # fmt: skip
@click.option("--rate", default=0, type=click.IntRange(0), help="Messages a second instead.")
@click.option("--loss", default=0.0, type=_CHANCE, help="Part of the packets that a line loses.")
@click.option("--duplicate", default=0.0, type=_CHANCE, help="Part that it sends twice.")
@click.option("--reorder", default=0.0, type=_CHANCE, help="Part that it sends 2 ms late.")
@click.option("--skew-us", default=0, type=click.IntRange(0), help="Delay of line B.")
@click.option("--seed", default=1, show_default=True, help="The same seed loses the same packets.")
@click.option("--session", default="TECTRA0001", show_default=True, help="Up to 10 letters.")
@click.option("--interface", default="", help="Address of the card to send to a group from.")
@click.option("--ttl", default=1, show_default=True, type=click.IntRange(0, 255),
              help="Routers that datagrams to a group may pass.")  # fmt: skip
@click.option("--end-seconds", default=5, show_default=True, type=click.IntRange(1),
              help="How long the end is told, and re-requests answered.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document at the end.")
def command(file: Path, as_json: bool, **options: Any) -> None:
    """Send the messages of an ITCH 5.0 FILE as MoldUDP64 over UDP, then the end of the session."""
    if options["rate"]:
        options["speed"] = 0.0
    if options["session"] != options["session"].strip() or not options["session"].isascii():
        raise InputError(f"session {options['session']!r}: allowed are up to 10 ASCII letters")
    clock, idle = LiveClock(ClockDomain.MONOTONIC), Idle(IdlePolicy.BACKOFF)
    with ExitStack() as stack:
        service = _Service(stack, file, options)
        service.announce()
        stack.enter_context(StopSignals())
        step = stack.enter_context(progress(f"serving {file.name}", quiet=as_json))
        rounds = 0
        while not service.done and not stop_requested():
            idle.step(service.do_work(clock.now_ns()))
            rounds += 1
            if rounds % 1024 == 0:
                step(*service.source.progress)
        stopped = stop_requested()
        if service.source.trailing_bytes:
            warn(f"{file}: {service.source.trailing_bytes} bytes behind the last whole message")
    if as_json:
        write_json(service.as_json())
    else:
        _show(service)
    if stopped:
        raise StoppedError(f"stopped by {stop_reason()} after {service.server.messages:,} messages")
