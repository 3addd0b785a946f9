"""A mail server in a thread, as strict as a test wants it: TLS, logins, refusals, silence."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USER, PASSWORD = "channels", "p:a/s@s-word"


class Handler:
    """``sender_refused``, ``refuses_recipient`` and ``refuses_data`` answer each of these steps."""

    def __init__(self, sender_refused: str = "") -> None:
        self.received: list[Envelope] = []
        self.offered = 0  # messages, taken or not
        self.sessions = 0
        self.refuses_recipient = ""
        self.refuses_data = ""
        self.sender_refused = sender_refused
        self._transport: Any = None
        self._loop: Any = None

    async def handle_EHLO(
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        self.sessions += 1
        self._transport, self._loop = server.transport, asyncio.get_running_loop()
        session.host_name = hostname
        return answers

    def hang_up(self) -> None:
        """End the last session without a word."""
        self._loop.call_soon_threadsafe(self._transport.abort)

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.sender_refused:
            return self.sender_refused
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self.refuses_recipient:
            return self.refuses_recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        self.offered += 1
        if self.refuses_data:
            return self.refuses_data
        self.received.append(envelope)
        return "250 OK"


@contextmanager
def listening(factory: Any, **options: Any) -> Iterator[int]:
    """Serve an asyncio protocol on a free port of the loopback, which is yielded."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(factory, "127.0.0.1", 0, **options))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_close(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server) -> None:
    server.close()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


@contextmanager
def mail_server(
    handler: Handler,
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    login: bool = False,
) -> Iterator[int]:
    """``login``: none may send without :data:`USER` and :data:`PASSWORD`, which are taken over TLS only."""

    def accept(_server: SMTP, _session: Session, _envelope: Envelope, _way: str, data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            PASSWORD.encode(),
        )
        return AuthResult(success=good, handled=False)

    def factory() -> SMTP:
        return SMTP(
            handler,
            hostname="localhost",
            tls_context=starttls,
            authenticator=accept if login else None,
            auth_required=login,
            auth_require_tls=tls is None,
        )

    with listening(factory, ssl=tls) as port:
        yield port


class Silent(asyncio.Protocol):
    """Takes connections and never says a word."""


class Rude(asyncio.Protocol):
    """Hangs up at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
