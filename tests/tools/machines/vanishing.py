"""A machine whose clients have connections open, and which is then cut off: when the server notices.

Runs in a network namespace of its own, with ``DATABASE_URL`` of a service, and a token of
it as the argument. Says as JSON how many connections there were, how many are left, and whether others are
answered.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from http.client import HTTPConnection
from pathlib import Path

import psutil

from canvas_channels.demo.processes import dies_with_parent, end
from canvas_channels.server import command
from tests import ROOT
from tests.live import environment
from tests.tools.machines.network import OURS, Machine, make_network
from tests.tools.machines.waiting import wait_for

PORT = 8000
SECONDS = 60  # nobody notices a connection's end for a quarter of an hour else
CHANNELS = "/api/v1/users/self/communication_channels"
LARGE = "/static/admin/js/vendor/xregexp/xregexp.js"
EACH = 8  # more than there are threads


def clients(token: str) -> None:
    """What runs on that machine: clients that wait for nothing, and keep their connections."""
    import socket

    good = f"Host: {OURS}\r\nAuthorization: Bearer {token}\r\n"
    said = [
        f"GET {CHANNELS} HTTP/1.1\r\n{good}\r\n",
        f"GET {CHANNELS} HTTP/1.1\r\n{good}X-Half:",
        f"POST {CHANNELS} HTTP/1.1\r\n{good}Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{{",
        f"GET {LARGE} HTTP/1.1\r\nHost: {OURS}\r\n\r\n",
    ]
    kept = []
    for one in said * EACH:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that an answer does not fit
        connection.connect((OURS, PORT))
        connection.sendall(one.encode())
        kept.append(connection)
    time.sleep(600)


def open_connections(server: "subprocess.Popen[bytes]") -> int:
    family = psutil.Process(server.pid).children(recursive=True)
    found = [one for process in family for one in process.net_connections("tcp")]
    return sum(1 for one in found if one.raddr)


def is_answered() -> bool:
    connection = HTTPConnection(OURS, PORT, timeout=5)
    try:
        connection.request("GET", CHANNELS)
        return connection.getresponse().status == 401
    except OSError:
        return False
    finally:
        connection.close()


def main() -> None:
    if sys.argv[1] == "clients":
        return clients(sys.argv[2])
    make_network()
    with tempfile.TemporaryDirectory() as name:
        away = Machine("away", "10.77.0.2", Path(name))
        settings = environment(f"http://{OURS}", os.environ["DATABASE_URL"])
        server = subprocess.Popen(
            command(OURS, PORT),
            cwd=ROOT,
            env=os.environ | settings | {"BODY_SECONDS": "1"},
            stdout=sys.stderr,
            start_new_session=True,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
        try:
            wait_for("the server", is_answered)
            away.start([sys.executable, "-m", "tests.tools.machines.vanishing", "clients", sys.argv[1]], {})
            wait_for("the clients", lambda: open_connections(server) >= 4 * EACH)
            before = open_connections(server)
            away.cut_off()
            until = time.monotonic() + SECONDS
            while open_connections(server) and time.monotonic() < until:
                time.sleep(0.2)
            seen = {"before": before, "after": open_connections(server), "answered": is_answered()}
            print(json.dumps(seen))
        finally:
            away.remove()
            end([server], grace=10)
    return None


if __name__ == "__main__":
    main()
