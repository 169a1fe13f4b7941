"""What every venue's connection needs, whichever venue it is: signing of requests, UDP sockets.

Owns no connection and no state of a venue. Floor 2. A signer may be used from any thread; a
receiver or sender of datagrams belongs to the thread that polls or sends.
"""

from tectra.net.sign import HmacSigner
from tectra.net.udp import Datagram, UdpReceiver
from tectra.net.udp_socket import UdpOptions, UdpSender, parse_endpoint

__all__ = ["Datagram", "HmacSigner", "UdpOptions", "UdpReceiver", "UdpSender", "parse_endpoint"]
