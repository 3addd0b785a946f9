"""A request as granian has it, turned into what WSGI says it is."""

import re
import sys
from io import BytesIO
from typing import Any

_SLASHES = re.compile("/{2,}")


def collapse(path: str) -> str:
    """The path by which rules are chosen: doubled slashes are one, as for Rails."""
    return _SLASHES.sub("/", path)


def wsgi_environ(scope: Any) -> dict[str, Any]:
    """PEP 3333's, without the body."""
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode().decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" in name:  # else it would be taken for the one with a dash
            continue
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        if key not in environ:
            environ[key] = value
        elif key != "CONTENT_LENGTH":  # of which there are several only if they are equal
            environ[key] += f"{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
    return environ
