"""What every venue's connection needs, whichever venue it is: so far, the signing of requests.

Owns no connection and no state of a venue. Floor 2. A signer may be used from any thread.
"""

from tectra.net.sign import HmacSigner

__all__ = ["HmacSigner"]
