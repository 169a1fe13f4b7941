"""Protocols of markets, bytes in, records and replies out: codecs and sessions without sockets.

Owns: MoldUDP64 packets, SoupBinTCP packets and sessions, capture files with the UDP payloads in
them. Floor 3. A codec's functions may be called by any thread; a session, a builder or a file
belongs to one.
"""

from tectra.protocol.frame import LinkType, Skip, UdpPayload
from tectra.protocol.mold import (
    MoldPacket,
    MoldRequest,
    PacketBuilder,
    build_end,
    build_heartbeat,
    build_packet,
    build_request,
    parse_packet,
    parse_request,
)
from tectra.protocol.pcap import CaptureReader, CaptureWriter, Frame
from tectra.protocol.soup import LoginRequest, SoupPacket, SoupSplitter
from tectra.protocol.soup_session import SoupClient, SoupServer, SoupState

__all__ = [
    "CaptureReader",
    "CaptureWriter",
    "Frame",
    "LinkType",
    "LoginRequest",
    "MoldPacket",
    "MoldRequest",
    "PacketBuilder",
    "Skip",
    "SoupClient",
    "SoupPacket",
    "SoupServer",
    "SoupSplitter",
    "SoupState",
    "UdpPayload",
    "build_end",
    "build_heartbeat",
    "build_packet",
    "build_request",
    "parse_packet",
    "parse_request",
]
