"""Talking to the mail server as the worker does, a step at a time, up to where a message would be sent."""

import smtplib
import socket
import ssl
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from email.utils import parseaddr
from queue import Empty, Queue

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.utils import DNS_NAME

from notifications.diagnosis import Finding, Findings, ok, warning, wrong

_AUTHENTICATION_REQUIRED = 530  # RFC 4954, section 6
_LOCAL = {"localhost", "127.0.0.1", "::1"}


def check(backend: EmailBackend) -> Findings:
    """Every step waits ``EMAIL_TIMEOUT`` at most; the first that fails is the last."""
    unknown = _resolve(backend)
    yield unknown
    if unknown.hint:
        return
    try:
        server = _connect(backend)
    except OSError as error:
        yield _not_connected(backend, error)
        return
    with _ending(server):
        yield ok("connect", f"{backend.host}:{backend.port} greets, {_security(backend)}")
        yield from _talk(backend, server)


def _talk(backend: EmailBackend, server: smtplib.SMTP) -> Findings:
    try:
        server.ehlo_or_helo_if_needed()
        if not (yield from _secure(backend, server)):
            return
        if backend.username and backend.password:
            server.login(backend.username, backend.password)
            yield ok("login", f"as {backend.username[:1]}…")
        yield _offer_sender(backend, server)
    except (OSError, ssl.SSLError) as error:  # SMTPException is an OSError
        yield _refused(error)


def _resolve(backend: EmailBackend) -> Finding:
    """The system's resolver knows no timeout: a thread asks it, which may be left alone."""
    answers: Queue[list[str] | Exception] = Queue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(backend.host, backend.port, type=socket.SOCK_STREAM)
            answers.put(sorted({str(address[4][0]) for address in found}))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = answers.get(timeout=backend.timeout)
    except Empty as error:
        answer = error
    if isinstance(answer, list):
        return ok("resolve", f"{backend.host} is {', '.join(answer)}")
    return wrong(
        "resolve",
        f"no address of {backend.host!r} is known ({type(answer).__name__})",
        "Correct the host in EMAIL_URL, as smtp://user:password@mail.example.edu:587/?tls=True, or this "
        "machine's DNS.",
    )


def _connect(backend: EmailBackend) -> smtplib.SMTP:
    """With the greeting read. Raises ``OSError``."""
    name, timeout = DNS_NAME.get_fqdn(), settings.EMAIL_TIMEOUT
    if backend.use_ssl:
        context = backend.ssl_context
        return smtplib.SMTP_SSL(backend.host, backend.port, name, timeout=timeout, context=context)
    return smtplib.SMTP(backend.host, backend.port, name, timeout=timeout)


def _not_connected(backend: EmailBackend, error: OSError) -> Finding:
    where = f"{backend.host}:{backend.port}"
    match error:
        case ConnectionRefusedError():
            msg = f"nothing listens at {where}"
            hint = "Correct host and port in EMAIL_URL (587 with ?tls=True, 465 as smtps://), or start it."
        case _ if _timed_out(error):
            msg = f"{where} does not answer within {backend.timeout} s (EMAIL_TIMEOUT)"
            hint = (
                "Open the port in the firewall (many networks block 25: use 587); if it speaks TLS from "
                "the start (465), say smtps:// in EMAIL_URL."
            )
        case ssl.SSLError():
            return _bad_tls(error)
        case smtplib.SMTPServerDisconnected():
            msg = f"{where} hangs up without a greeting"
            hint = "Say smtps:// in EMAIL_URL for a port with TLS from the start (465), or ask its people."
        case smtplib.SMTPConnectError():
            msg = f"{where} turns us away ({error.smtp_code})"
            hint = "Have the mail server let this machine's address in, or try later."
        case _:
            msg, hint = f"{where} is not reached ({error})", "Correct EMAIL_URL, the route or the firewall."
    return wrong("connect", msg, hint)


def _timed_out(error: OSError) -> bool:
    """``smtplib`` says so too where it waits for an answer, in words only."""
    return isinstance(error, TimeoutError) or "timed out" in str(error)


def _security(backend: EmailBackend) -> str:
    return "by TLS from the start" if backend.use_ssl else "in clear so far"


def _secure(backend: EmailBackend, server: smtplib.SMTP) -> Generator[Finding, None, bool]:
    """Whether to go on."""
    if backend.use_ssl:
        return True
    offered = server.has_extn("starttls")
    if backend.use_tls and not offered:
        yield wrong(
            "TLS",
            "the server offers no STARTTLS on this port, and EMAIL_URL asks for it",
            "Use the port that does (587), or smtps:// with 465; without ?tls=True mail goes in clear.",
        )
        return False
    if backend.use_tls:
        server.starttls(context=backend.ssl_context)
        server.ehlo()
        yield ok("TLS", "STARTTLS, with a certificate that is trusted")
    elif offered:
        yield warning(
            "TLS",
            "mail and password go in clear, though the server offers STARTTLS",
            "Add ?tls=True to EMAIL_URL.",
        )
    elif backend.host not in _LOCAL:
        yield warning("TLS", "mail goes in clear", "Use a port with TLS, but on a network of your own.")
    return True


def _offer_sender(backend: EmailBackend, server: smtplib.SMTP) -> Finding:
    """``MAIL FROM``, taken back at once."""
    _, sender = parseaddr(settings.DEFAULT_FROM_EMAIL)
    code, words = server.mail(sender)
    if code == 250:
        server.rset()
        return ok("sender", f"the server takes mail from {sender}")
    told = f"{code} {words.decode(errors='replace')}"
    if code == _AUTHENTICATION_REQUIRED or (not backend.username and b"auth" in words.lower()):
        return wrong(
            "sender",
            f"the server wants a login first ({told})",
            "Put user and password into EMAIL_URL (percent-encode characters such as @, : and /).",
        )
    return wrong(
        "sender",
        f"the server takes no mail from {sender} ({told})",
        "Set DEFAULT_FROM_EMAIL to an address that this login may send for, or have the server allow it.",
    )


def _refused(error: OSError) -> Finding:
    match error:
        case smtplib.SMTPAuthenticationError():
            return wrong(
                "login",
                f"the server refuses user and password ({error.smtp_code})",
                "Correct both in EMAIL_URL (percent-encode characters such as @, : and /); some want "
                "a password made for apps.",
            )
        case smtplib.SMTPNotSupportedError():
            return wrong(
                "login",
                f"the server offers no login here ({error})",
                "Leave user and password out of EMAIL_URL, or add ?tls=True: many offer it only then.",
            )
        case ssl.SSLError():
            return _bad_tls(error)
        case _ if _timed_out(error):
            return wrong(
                "answer",
                "the server stops answering (EMAIL_TIMEOUT)",
                "Ask its people, or raise EMAIL_TIMEOUT.",
            )
        case smtplib.SMTPResponseException():
            return wrong("answer", f"the server answers {error.smtp_code}", "Ask the mail server's people.")
        case _:
            return wrong(
                "answer", f"the server hangs up ({type(error).__name__})", "Ask the mail server's people."
            )


def _bad_tls(error: ssl.SSLError) -> Finding:
    if isinstance(error, ssl.SSLCertVerificationError):
        return wrong(
            "TLS",
            f"the certificate is not trusted: {error.verify_message}",
            "Give in EMAIL_URL the host that the certificate names; for an authority of your own set "
            "SSL_CERT_FILE to its certificate.",
        )
    return wrong(
        "TLS",
        f"the port does not speak TLS as asked ({error.reason})",
        "smtps:// is for TLS from the start (465), smtp:// with ?tls=True for STARTTLS (587, 25).",
    )


@contextmanager
def _ending(server: smtplib.SMTP) -> Iterator[None]:
    """Says goodbye, whatever became of the connection."""
    try:
        yield
    finally:
        try:
            server.quit()
        except OSError:
            server.close()
