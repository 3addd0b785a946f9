"""The certificates that Amazon SNS signs with, fetched from Amazon only and kept while the process lives."""

import re
import threading
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.conf import settings

from notifications.gateways import TransportError

_AMAZONS = re.compile(
    r"https://sns\.[a-z]{2}(-[a-z]+)+-[0-9]+\.amazonaws\.com(\.cn)?/SimpleNotificationService-[0-9A-Za-z]+\.pem"
)
_MAX_SIZE = 64 * 1024  # bytes; a certificate has two thousand
_KEEP = 32


def is_amazons(url: str) -> bool:
    """Whether a URL is where SNS keeps its certificates: ``https://sns.<region>.amazonaws.com(.cn)/...``."""
    return _AMAZONS.fullmatch(url) is not None


class CertificateSource:
    """Fetches certificates from the URLs that ``trusts`` accepts.

    That is :func:`is_amazons` in production; not a setting, which could be changed to accept forgeries.
    """

    def __init__(self, trusts: Callable[[str], bool] = is_amazons) -> None:
        self._trusts = trusts
        self._kept: dict[str, x509.Certificate] = {}
        self._lock = threading.Lock()

    def public_key(self, url: str, at: datetime) -> RSAPublicKey:
        """The key of the certificate, which must be valid at that time. Raises :class:`TransportError`."""
        if not self._trusts(url):
            raise TransportError("SNS message refused: the SigningCertURL is not Amazon's", permanent=True)
        with self._lock:
            certificate = self._kept.get(url)
        if certificate is None:
            certificate = _fetch(url)
            with self._lock:
                if len(self._kept) >= _KEEP:
                    self._kept.clear()
                self._kept[url] = certificate
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            raise TransportError("SNS message refused: the certificate is not valid then", permanent=True)
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise TransportError("SNS message refused: the certificate's key is not RSA", permanent=True)
        return key


source = CertificateSource()


def _fetch(url: str) -> x509.Certificate:
    """Raises :class:`TransportError`: passing where asking again may help."""
    try:
        with requests.get(url, timeout=settings.SNS_TIMEOUT, allow_redirects=False, stream=True) as answer:
            status = answer.status_code
            content = answer.raw.read(_MAX_SIZE + 1, decode_content=True)
    except (requests.RequestException, OSError) as error:
        raise TransportError(f"The SNS certificate cannot be fetched: {type(error).__name__}") from None
    if status != HTTPStatus.OK:
        raise TransportError(f"The SNS certificate cannot be fetched: HTTP {status}")
    try:
        return x509.load_pem_x509_certificate(content[:_MAX_SIZE])
    except ValueError:
        raise TransportError("The SNS certificate cannot be read") from None
