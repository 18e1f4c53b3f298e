"""A TCP port for a server of one's own, where no setting names one."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Return a port of loopback that nobody uses at the moment; another process may take it until it is listened on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
