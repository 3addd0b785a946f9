"""Webhooks as providers send them: each with its own secret and signature, over Django's whole stack."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from django.test import Client

from tests.responses import ClientResponse

SECRET = "webhooks:0123456789abcdef"
TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
MAILGUN_KEY = "key-of-mailgun"
SENDGRID_KEY = ec.generate_private_key(ec.SECP256R1())


def basic(secret: str = SECRET) -> str:
    return "Basic " + base64.b64encode(secret.encode()).decode()


def post(provider: str, body: Any, *, secret: str | None = SECRET, **headers: str) -> ClientResponse:
    """``body`` as it is where it is bytes, else as JSON; ``secret`` None: without one."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    if secret is not None:
        headers["authorization"] = basic(secret)
    client = Client(raise_request_exception=False)
    return client.post(f"/webhooks/{provider}", data, "application/json", headers=headers)


def sendgrid_verification_key() -> str:
    """As SendGrid shows it: the public key's DER in base64."""
    public = SENDGRID_KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(public).decode()


def post_sendgrid(events: list[dict[str, Any]], *, signed: bytes | None = None) -> ClientResponse:
    """``signed`` None: what is sent is what was signed."""
    body, sent_at = json.dumps(events).encode(), "1600112502"
    signature = SENDGRID_KEY.sign(sent_at.encode() + (signed or body), ec.ECDSA(hashes.SHA256()))
    headers = {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": sent_at,
    }
    return post("sendgrid", body, **headers)


def mailgun(event_data: dict[str, Any], key: str = MAILGUN_KEY) -> dict[str, Any]:
    token, sent_at = uuid.uuid4().hex, "1529006854"
    signature = hmac.new(key.encode(), f"{sent_at}{token}".encode(), hashlib.sha256).hexdigest()
    return {
        "signature": {"timestamp": sent_at, "token": token, "signature": signature},
        "event-data": event_data,
    }


class Authority:
    """A certificate authority of this test run, and the key of SNS, which takes long to make."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.sns_key = rsa.generate_private_key(65537, 2048)
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tests")])
        certificate = self.certify(self._key, "Tests", ca=True)
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)

    def certify(self, key: Any, host: str, days: int = 30, *, ca: bool = False) -> x509.Certificate:
        """``days`` below 0: it ended yesterday."""
        now = datetime.now(UTC)
        name = self._name if ca else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )


def server_context(authority: Authority, folder: Path) -> ssl.SSLContext:
    """Of a server on localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    chain = folder / "server.pem"
    certificate = authority.certify(key, "localhost")
    chain.write_bytes(pem_of(key) + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


class CertificateServer:
    """Where SNS keeps its certificates, over HTTPS on loopback; ``files`` by path, ``asked`` in order."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.files: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.hang = threading.Event()
        self.hang.set()
        self.bundle = folder / "authority.pem"
        self.bundle.write_bytes(authority.pem)
        context = server_context(authority, folder)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True)
        self._thread.start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        files, asked, hang = self.files, self.asked, self.hang

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                hang.wait(30)
                status, content = files.get(self.path, (404, b""))
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", content.decode())
                    content = b""
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def stop(self) -> None:
        self.hang.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class SnsSigner:
    """Signs messages as SNS documents it, with a key whose certificate a server has."""

    def __init__(self, authority: Authority, server: CertificateServer) -> None:
        self.key = authority.sns_key
        self.server = server
        self.put("/SNS.pem", authority.certify(self.key, "sns.amazonaws.com"))

    def put(self, path: str, certificate: x509.Certificate) -> None:
        self.server.files[path] = 200, certificate.public_bytes(serialization.Encoding.PEM)

    def message(self, text: Any = "", version: str = "1", **fields: Any) -> dict[str, Any]:
        """A notification; a ``text`` that is no string becomes JSON; ``fields`` are set before signing."""
        message = {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": TOPIC,
            "Message": text if isinstance(text, str) else json.dumps(text),
            "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "SignatureVersion": version,
            "SigningCertURL": f"{self.server.url}/SNS.pem",
            "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
            **fields,
        }
        return {**message, "Signature": self._signature(message, version)}

    def _signature(self, message: dict[str, Any], version: str) -> str:
        """https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html, written anew."""
        if message["Type"] == "Notification":
            names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        else:
            names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
        kind: hashes.HashAlgorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
        return base64.b64encode(self.key.sign(text.encode(), padding.PKCS1v15(), kind)).decode()

    def post(self, provider: str, message: dict[str, Any], **changed: str) -> ClientResponse:
        """With the headers that SNS sends."""
        headers = {
            "x-amz-sns-message-type": message["Type"],
            "x-amz-sns-message-id": message["MessageId"],
            **changed,
        }
        return post(provider, message, **headers)


@contextmanager
def certificate_server(authority: Authority, folder: Path) -> Iterator[CertificateServer]:
    server = CertificateServer(authority, folder)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """An HTTP server that gives one answer to everything, at the URL that is yielded."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            self.do_HEAD()
            self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
