"""`[control]`: where an engine listens."""

from collections.abc import Iterator
from typing import Annotated

from tectra.core.config.fault import Fault
from tectra.core.config.key import ADDRESS, ENV_NAME, number, text
from tectra.core.config.section.base import Section, conflict

__all__ = ["ControlConfig"]


def _local(bind: str) -> bool:
    return bind in ("::1", "localhost") or bind.startswith("127.")


class ControlConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Addresses and ports. What listens beyond this host needs a token."""

    bind: Annotated[str, text("Address of the control server.", ADDRESS, longest=64)] = "127.0.0.1"
    port: Annotated[int, number("port", 1, 65_535, "Port of the control server.")] = 8_080
    metrics_bind: Annotated[str, text("Address of the metrics.", ADDRESS, longest=64)] = "127.0.0.1"
    metrics_port: Annotated[int, number("port", 1, 65_535, "Port of the metrics.")] = 9_090
    token_env: Annotated[
        str | None, text("Variable that holds the operators' token.", ENV_NAME, longest=64)
    ] = None
    socket_path: Annotated[
        str | None, text("Unix socket of the control server, mode 0600.", longest=107)
    ] = None
    tls_cert_path: Annotated[str | None, text("Certificate chain of the server.")] = None
    tls_private_path: Annotated[str | None, text("File with the private part of it.")] = None

    def rules(self) -> Iterator[Fault]:
        """Open to others only with a token; two servers, two ports; TLS whole or not at all."""
        if not _local(self.bind) and self.token_env is None:
            yield conflict(
                "bind",
                self.bind,
                "127.0.0.1, or another address with token_env",
                "name the variable with the operators' token in token_env",
            )
        if self.port == self.metrics_port:
            yield conflict("metrics_port", self.metrics_port, "another port than control.port")
        if (self.tls_cert_path is None) != (self.tls_private_path is None):
            yield conflict("tls_cert_path", self.tls_cert_path, "with tls_private_path, or neither")
