"""A mail server and an SNS that fail as real ones do, and remember what they took.

They run as threads of the test, which nothing kills. While a fault lasts nothing is taken; only the answer
to what SNS may be told twice is lost after it was done.
"""

import asyncio
import functools
import logging
import socket
import threading
from collections import Counter
from collections.abc import Iterable
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from aiosmtpd.smtp import SMTP, Envelope, Session
from werkzeug.serving import make_server

from canvas_channels.demo.standins import (
    LOOPBACK,
    Message,
    QuietRequestHandler,
    moto_application,
    read_email,
    report_published,
)
from tests.notifications.services import refuse

HANG_SECONDS = 60  # longer than any client waits

MAIL_FAULTS = ("refuse", "hang", "busy", "drop", "drop in DATA")
SNS_FAULTS = ("refuse", "hang", "500", "throttle", "lose answer")


class Fault:
    """What is wrong at the moment; "" means nothing is."""

    def __init__(self) -> None:
        self.name = ""
        self.met: Counter[str] = Counter()

    def meet(self, *names: str) -> str:
        """The fault if it is one of these, counted: somebody met it."""
        name = self.name
        if name not in names:
            return ""
        self.met[name] += 1
        return name


class Received:
    """Every message that was taken, by its address."""

    def __init__(self) -> None:
        self.messages: dict[str, list[Message]] = {}
        self._lock = threading.Lock()

    def __call__(self, message: Message) -> None:
        with self._lock:
            self.messages.setdefault(message["to"], []).append(message)


class _Session(SMTP):
    """One connection of the mail server."""

    def __init__(self, fault: Fault, handler: Any) -> None:
        super().__init__(handler, hostname="localhost", enable_SMTPUTF8=True)
        self.fault = fault

    def connection_made(self, transport: Any) -> None:
        if self.fault.meet("refuse"):
            transport.abort()
        super().connection_made(transport)

    def abort(self) -> None:
        """Reset the connection."""
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.abort()

    async def smtp_DATA(self, arg: str) -> None:
        if self.fault.meet("drop in DATA"):
            await self.push("354 go on")
            await asyncio.sleep(0.01)
            self.abort()
            return
        await super().smtp_DATA(arg)


class MailServer:
    def __init__(self, received: Received) -> None:
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        self.fault = Fault()
        self._received = received
        self._loop = asyncio.new_event_loop()
        protocol = functools.partial(_Session, self.fault, self)
        self._server = self._loop.run_until_complete(self._loop.create_server(protocol, LOOPBACK, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def handle_EHLO(
        self, server: _Session, session: Session, _envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        if self.fault.meet("drop"):
            server.abort()
        await self._hang()
        return answers

    async def handle_NOOP(self, server: _Session, _session: Session, _envelope: Envelope, _words: str) -> str:
        """What a kept connection is asked first."""
        if self.fault.meet("refuse", "drop"):
            server.abort()
        await self._hang()
        return "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.fault.meet("busy"):
            return f"451 4.3.0 <{address}> try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if await self._hang():
            return "421 4.3.2 going away"
        content = envelope.content or b""
        assert isinstance(content, bytes)
        for message in read_email(content, envelope.rcpt_tos):
            self._received(message)
        return "250 OK"

    async def _hang(self) -> bool:
        if not self.fault.meet("hang"):
            return False
        await asyncio.sleep(HANG_SECONDS)
        return True

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class SnsServer:
    """moto's, behind the faults."""

    def __init__(self, received: Received) -> None:
        self.fault = Fault()
        self._moto = report_published(moto_application("sns"), received)
        self._server = make_server(
            LOOPBACK, 0, self._answer, threaded=True, request_handler=QuietRequestHandler
        )
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        if "operator" in environ.get("HTTP_USER_AGENT", ""):
            return self._moto(environ, start_response)
        publishes = parse_qs(body.decode())["Action"] == ["Publish"]
        match self.fault.meet(*SNS_FAULTS):
            case "refuse":
                return _cut_off(environ, start_response)
            case "hang":
                self._ended.wait(HANG_SECONDS)
                return _cut_off(environ, start_response)
            case "500":
                return _say(start_response, *refuse("InternalFailure", "something broke", 500))
            case "throttle":
                return _say(start_response, *refuse("Throttling", "Rate exceeded", 400))
            case "lose answer" if not publishes:
                list(self._moto(environ, lambda *_: lambda _: None))
                return _cut_off(environ, start_response)
            case _:
                return self._moto(environ, start_response)


def _say(start_response: Any, status: int, text: str) -> Iterable[bytes]:
    start_response(f"{status} Fault", [("Content-Type", "text/xml"), ("Content-Length", str(len(text)))])
    return [text.encode()]


def _cut_off(environ: Any, start_response: Any) -> Iterable[bytes]:
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return _say(start_response, 503, "")
