from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self, final

from tectra.core.clock import Clock
from tectra.core.counters import Counters
from tectra.feed.arbiter import PacketKind
from tectra.feed.health import FeedHealth
from tectra.feed.itch_stream import ItchStream
from tectra.feed.line_config import LineConfig
from tectra.feed.protocol import Slots
from tectra.feed.recovery import LineRecovery, Retransmitter, SnapshotSource
from tectra.net.udp_socket import UdpOptions

@final
class ItchLineFeed:
    config: LineConfig
    stream: ItchStream
    recovery: LineRecovery
    reconnects: int
    def __new__(
        cls,
        lines: Sequence[UdpOptions] = (),
        *,
        config: LineConfig | None = None,
        retransmitter: Retransmitter | None = None,
        snapshots: SnapshotSource | None = None,
        counters: Counters | None = None,
        clock: Clock | None = None,
        wall: Clock | None = None,
    ) -> Self: ...
    def on_packet(
        self, line: int, data: bytes | bytearray | memoryview, ts_recv_ns: int
    ) -> PacketKind | None: ...
    def poll(self) -> int: ...
    @property
    def ended(self) -> bool: ...
    def next_batch(self, max_slots: int = 4096) -> Slots | None: ...
    @property
    def instruments(self) -> dict[int, str]: ...
    def select(self, symbols: Iterable[str] | None) -> None: ...
    def resync(self, instruments: Iterable[int] = ()) -> None: ...
    def refresh_every(self, interval_ns: int) -> None: ...
    def reconnect(self, line: int | None = None) -> None: ...
    def socket_counts(self) -> dict[str, int]: ...
    def counts(self) -> dict[str, int]: ...
    def health(self, *, symbols_max: int = 100) -> dict[str, Any]: ...
    @property
    def monitor(self) -> FeedHealth: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
