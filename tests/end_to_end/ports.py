"""Free ports on the loopback address."""

import os
import random
import socket

# Below the range of outgoing connections, which would otherwise take a port between our
# finding it and the server's binding it. Every registry gets a port of its own because skopeo
# and podman remember for each address which blobs it has.
FIRST_PORT = 20_000
# Each test process has ports of its own: what it found free is not taken by another meanwhile.
PORTS_EACH = 1_000
PROCESSES = 10
_given = set[int]()


def free_port() -> int:
    """Give a port on 127.0.0.1 that nothing listens on at this moment, each one once.

    Two servers get their ports before the first of them binds its own.
    """
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES
    first = FIRST_PORT + process * PORTS_EACH
    while True:
        port = random.randrange(first, first + PORTS_EACH)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        if len(_given) > PORTS_EACH // 2:
            _given.clear()
        return port


def listening(port: int) -> bool:
    """Tell whether something accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
