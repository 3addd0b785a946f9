"""A stand-in of Canvas's API over HTTP, in a process of its own, which prints its port.

It pages by bookmarks in ``Link`` headers, and its limit is Canvas's leaky bucket.
"""

import argparse
import json
import re
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.notifications.canvas_import.people import NOTIFICATIONS, tables

TOKEN = "canvas-token"
MOST = 100  # rows of a page


class Data:
    """The tables, by whose they are."""

    def __init__(self, people: int) -> None:
        found = tables(people)
        self.users = {row["id"]: row for row in found["users"]}
        self.logins: dict[int, list[Any]] = {}
        for row in found["pseudonyms"]:
            self.logins.setdefault(row["user_id"], []).append(row)
        self.channels: dict[int, list[Any]] = {}
        for row in found["communication_channels"]:
            if row["workflow_state"] != "retired":
                self.channels.setdefault(row["user_id"], []).append(row)
        self.policies: dict[int, list[Any]] = {}
        for row in found["notification_policies"]:
            self.policies.setdefault(row["communication_channel_id"], []).append(row)


class Bucket:
    """``high_water_mark`` is what may be in it; it leaks ``outflow`` a second; a request costs ``cost``."""

    def __init__(self, high_water_mark: float, outflow: float, cost: float, refuse_every: int) -> None:
        self._mark, self._outflow, self._cost = high_water_mark, outflow, cost
        self._refuse_every = refuse_every
        self._level, self._at = 0.0, time.monotonic()
        self._lock = threading.Lock()
        self.requests = self.refused = 0

    def take(self) -> float | None:
        """What remains; None: too much."""
        with self._lock:
            now = time.monotonic()
            self._level = max(0.0, self._level - (now - self._at) * self._outflow)
            self._at = now
            self.requests += 1
            unlucky = self._refuse_every and self.requests % self._refuse_every == 0
            if unlucky or self._level + self._cost > self._mark:
                self.refused += 1
                return None
            self._level += self._cost
            return self._mark - self._level


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/statistics":
            bucket = self.server.bucket
            return self._answer(200, {"requests": bucket.requests, "refused": bucket.refused})
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            wrong = {"errors": [{"message": "Invalid access token."}]}
            return self._answer(401, wrong, {"WWW-Authenticate": 'Bearer realm="canvas-lms"'})
        remaining = self.server.bucket.take()
        if remaining is None:
            status, word = [(403, "Forbidden"), (429, "Too Many Requests")][self.server.bucket.refused % 2]
            return self._answer(status, f"{status} {word} (Rate Limit Exceeded)\n")
        headers = {"X-Request-Cost": "1.0", "X-Rate-Limit-Remaining": str(remaining)}
        if self.server.hold_after and self.server.bucket.requests > self.server.hold_after:
            threading.Event().wait()
        self._route(parts.path, parse_qs(parts.query), headers)

    def _route(self, path: str, query: dict[str, list[str]], headers: dict[str, str]) -> None:
        data = self.server.data
        if path in {"/api/v1/accounts/self", "/api/v1/accounts/1"}:
            return self._answer(200, {"id": 1, "name": "Example", "root_account_id": None}, headers)
        if path == "/api/v1/accounts/1/users":
            return self._page(path, query, [user(row) for row in data.users.values()], headers)
        found = re.fullmatch(r"/api/v1/users/(\d+)/(\w+)(?:/(\d+)/notification_preferences)?", path)
        if not found or int(found[1]) not in data.users:
            wrong: Any = {"errors": [{"message": "The specified resource does not exist."}]}
            return self._answer(404, wrong, headers)
        user_id = int(found[1])
        if found[3]:
            if self.server.masquerade and query.get("as_user_id") != [found[1]]:
                wrong = {"status": "unauthorized", "errors": [{"message": "user not authorized"}]}
                return self._answer(403, wrong, headers)
            policies = [policy(row) for row in data.policies.get(int(found[3]), [])]
            return self._answer(200, {"notification_preferences": policies}, headers)
        if found[2] == "logins":
            return self._page(path, query, data.logins.get(user_id, []), headers)
        return self._page(path, query, [channel(row) for row in data.channels.get(user_id, [])], headers)

    def _page(self, path: str, query: dict[str, list[str]], rows: list[Any], headers: dict[str, str]) -> None:
        size = min(int(query.get("per_page", ["10"])[-1]), MOST)
        bookmark = query.get("page", ["bookmark:0"])[-1]
        start = int(bookmark.partition(":")[2])
        places = {"current": bookmark, "first": "bookmark:0"}
        if start + size < len(rows):
            places["next"] = f"bookmark:{start + size}"
        kept = [(key, value) for key, values in query.items() if key != "page" for value in values]
        base = f"http://{self.headers['Host']}{path}"
        links = [
            f'<{base}?{urlencode([*kept, ("page", page)])}>; rel="{name}"' for name, page in places.items()
        ]
        self._answer(200, rows[start : start + size], {**headers, "Link": ",".join(links)})

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        kind = "text/html" if isinstance(body, str) else "application/json"
        self.send_response(status)
        for name, value in {
            **(headers or {}),
            "Content-Type": kind,
            "Content-Length": str(len(content)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, data: Data, bucket: Bucket, masquerade: bool, hold_after: int) -> None:
        self.data, self.bucket, self.masquerade, self.hold_after = data, bucket, masquerade, hold_after
        super().__init__(("127.0.0.1", 0), Handler)


def user(row: dict[str, Any]) -> dict[str, Any]:
    shown = {
        name: row[name] for name in ("id", "name", "created_at", "sortable_name", "short_name", "locale")
    }
    return shown | {"time_zone": "Europe/Berlin" if row["time_zone"] else "America/Denver"}


def channel(row: dict[str, Any]) -> dict[str, Any]:
    names = {"path": "address", "path_type": "type"}
    return {names.get(name, name): value for name, value in row.items() if name != "updated_at"}


def policy(row: dict[str, Any]) -> dict[str, Any]:
    slug = NOTIFICATIONS[row["notification_id"]].lower().replace(" ", "_")
    return {"href": "...", "notification": slug, "category": "...", "frequency": row["frequency"]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("people", type=int)
    parser.add_argument("--high-water-mark", type=float, default=1e9)
    parser.add_argument("--outflow", type=float, default=10)
    parser.add_argument("--cost", type=float, default=1)
    parser.add_argument("--refuse-every", type=int, default=0, help="refuse one of so many requests")
    parser.add_argument("--hold-after", type=int, default=0, help="answer no request after so many")
    parser.add_argument("--masquerade", action="store_true", help="show preferences to their users only")
    options = parser.parse_args()
    bucket = Bucket(options.high_water_mark, options.outflow, options.cost, options.refuse_every)
    server = Server(Data(options.people), bucket, options.masquerade, options.hold_after)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
