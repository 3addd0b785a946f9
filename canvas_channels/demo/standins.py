"""Stand-ins for Amazon SNS and for a mail server, over real protocols on loopback.

``python -m canvas_channels.demo.standins --sns-port N --smtp-port M --outbox FILE`` runs both in one process
and appends each message that they took to FILE, a JSON object a line. SNS is moto's server application, which
forgets everything when it ends.
"""

import argparse
import asyncio
import functools
import io
import json
import os
import signal
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import MIMEPart
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from aiosmtpd.smtp import SMTP, Envelope, Session
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from werkzeug.serving import BaseWSGIServer

LOOPBACK = "127.0.0.1"
Message = dict[str, Any]
Handler = Callable[[Message], None]


class Outbox:
    """Appends messages to a file that only its owner reads: they hold confirmation codes."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __call__(self, message: Message) -> None:
        os.write(self._file, json.dumps(message).encode() + b"\n")


class SnsServer:
    """moto's SNS, and nothing else of moto, served by threads."""

    def __init__(self, port: int, handler: Handler | None = None) -> None:
        application = moto_application("sns")
        if handler is not None:
            application = report_published(application, handler)
        self._server: BaseWSGIServer = make_server(
            LOOPBACK, port, application, threaded=True, request_handler=QuietRequestHandler
        )
        self.port: int = self._server.server_port
        self.url = f"http://{LOOPBACK}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class QuietRequestHandler(MotoRequestHandler):
    """Without a line for every request."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *_: Any) -> None:
        pass


def start_sns(port: int = 0, handler: Handler | None = None) -> SnsServer:
    """Serve SNS on a port, 0 meaning any free one; ``handler`` is told of each text message and each push."""
    return SnsServer(port, handler)


def moto_application(service: Literal["sns", "sts"]) -> WSGIApplication:
    """moto's, one request at a time: it walks its dictionaries while other threads change them."""
    application: WSGIApplication = create_backend_app(service)
    lock = threading.Lock()

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with lock:
            return list(application(environ, start_response))

    return answer


def report_published(application: WSGIApplication, handler: Handler) -> WSGIApplication:
    """Wrap SNS so that ``handler`` hears of each ``Publish`` to a number or an endpoint that was accepted."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        fields = parse_qs(body.decode(errors="replace"))
        statuses: list[str] = []

        def listen(status: str, *rest: Any) -> Callable[[bytes], object]:
            statuses.append(status)
            return start_response(status, *rest)

        answer = list(application(environ, listen))
        if fields.get("Action") == ["Publish"] and statuses[0].startswith("200"):
            handler(read_published({name: values[0] for name, values in fields.items()}))
        return answer

    return wrapped


def read_published(fields: dict[str, str]) -> Message:
    """What ``Publish`` said: a text message, or a push to a device with its payload of each platform."""
    message = fields["Message"]
    if "PhoneNumber" in fields:
        return {"kind": "sms", "to": fields["PhoneNumber"], "body": message, "sent_at": now()}
    structure = fields.get("MessageStructure", "")
    return {
        "kind": "push",
        "to": fields.get("TargetArn") or fields.get("TopicArn", ""),
        "body": json.loads(message)["default"] if structure == "json" else message,
        "structure": structure,
        "message": message,
        "sent_at": now(),
    }


class SmtpServer:
    """An SMTP server in a thread, which accepts every message and tells ``handler``."""

    def __init__(self, port: int, handler: Handler) -> None:
        self._handler = handler
        self._loop = asyncio.new_event_loop()
        protocol = functools.partial(SMTP, self, hostname="localhost", enable_SMTPUTF8=True)
        self._server = self._loop.run_until_complete(self._loop.create_server(protocol, LOOPBACK, port))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        for message in read_email(
            content if isinstance(content, bytes) else content.encode(), envelope.rcpt_tos
        ):
            self._handler(message)
        return "250 OK"

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        connections = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.sleep(0)  # lets the transports that those tasks closed say so


def start_smtp(port: int, handler: Handler) -> SmtpServer:
    """Serve SMTP on a port, 0 meaning any free one; ``handler`` is told of each recipient's message."""
    return SmtpServer(port, handler)


def read_email(content: bytes, recipients: Iterable[str]) -> list[Message]:
    """What a person would see of a message, once for each recipient of the envelope."""
    parsed = message_from_bytes(content, policy=policy.default)
    plain, html = parsed.get_body(["plain"]), parsed.get_body(["html"])
    shown = {
        "subject": str(parsed["Subject"] or ""),
        "body": _text(plain),
        "html": _text(html) if html else None,
        "headers": [[name, str(value)] for name, value in parsed.items()],
        "sent_at": now(),
    }
    return [{"kind": "email", "to": recipient, **shown} for recipient in recipients]


def _text(part: MIMEPart | None) -> str:
    return part.get_content().replace("\r\n", "\n") if part else ""


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sns-port", type=int, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--outbox", type=Path, required=True, metavar="FILE")
    options = parser.parse_args()
    ends = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before any thread, so that all of them leave it to us
    outbox = Outbox(options.outbox)
    smtp, sns = start_smtp(options.smtp_port, outbox), start_sns(options.sns_port, outbox)
    signal.sigwait(ends)
    smtp.stop()
    sns.stop()


if __name__ == "__main__":
    main()
