"""What the kernel is told of the sockets that clients connect to."""

import os
import socket
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from canvas_channels.front import bodies

OWN = Path("/proc/self/fd")
PROBES = 3


def notice_who_vanishes() -> None:
    """Have connections end whose client says nothing any more, not even that it took what it was sent.

    Else an answer to a client that lost its network is kept for a quarter of an hour. Granian has no option
    for it, and listens only once the application has begun. Connections have what their listener has (Linux).
    """
    seconds = settings.BODY_SECONDS * bodies.LONGER
    pause = max(1, int(seconds / (PROBES + 1)))
    options = [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, pause),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, pause),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000)),
    ]
    for own in list(OWN.iterdir()) if OWN.exists() else ():
        with suppress(OSError), socket.socket(fileno=os.dup(int(own.name))) as found:  # or it is no socket
            if _listens(found):
                for option in options:
                    found.setsockopt(*option)


def _listens(found: socket.socket) -> bool:
    is_tcp = found.family in {socket.AF_INET, socket.AF_INET6}
    return is_tcp and found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
