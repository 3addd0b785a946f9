"""What DNS says of the sender, as receiving mail servers look it up: SPF, DKIM, DMARC and reverse DNS.

Big providers refuse, or put aside as spam, what fails here (https://support.google.com/a/answer/81126,
https://senders.yahooinc.com/best-practices). SPF: RFC 7208; DKIM: RFC 6376; DMARC: RFC 7489.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parseaddr
from functools import cached_property
from ipaddress import ip_address
from typing import Any, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from django.conf import settings
from dns import resolver, reversename
from dns.exception import DNSException
from dns.name import Name
from dns.rdatatype import RdataType

from notifications.diagnosis import Finding, Findings, ok, skipped, warning, wrong

_LEAST_BITS = 1024  # of an RSA key; Gmail and others believe no shorter one
_GOOD_BITS = 2048
_LONGER = "Make one of 2,048 bits."
_UNREADABLE = (binascii.Error, ValueError, UnsupportedAlgorithm)
_LETS_SEND = ("ip4:", "ip6:", "a", "mx", "include:", "redirect=", "exists:")  # of an SPF record's terms


class NoAnswer(Exception):
    """The name servers do not answer, or refuse to."""


@dataclass(frozen=True, slots=True)
class Sender:
    """``domain`` is the one that readers see, ``envelope`` that of the return path; "": a provider's own."""

    domain: str
    envelope: str

    @classmethod
    def configured(cls) -> Self:
        domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2].lower()
        by_smtp = settings.EMAIL_BACKEND == "django.core.mail.backends.smtp.EmailBackend"
        return cls(domain, (settings.BOUNCE_DOMAIN or domain) if by_smtp else "")


def check(*, dkim_selector: str = "", sending_address: str = "") -> Findings:
    """``sending_address``: the IP address that mail leaves from; "": that of ``EMAIL_URL``'s host."""
    sender, names = Sender.configured(), Names()
    if "." not in sender.domain:
        yield skipped("DNS", f"{sender.domain!r} is no domain that others know")
        return
    try:
        yield _is_there(names, sender.domain)
        yield _spf(names, sender.envelope)
        yield _dkim(names, sender.domain, dkim_selector)
        yield from _dmarc(names, sender)
        if sender.envelope:
            for server in [sending_address] if sending_address else names.addresses(settings.EMAIL_HOST):
                yield _reverse(names, server)
    except NoAnswer as error:
        yield warning(
            "DNS", f"the name servers do not answer: {error}", "Let this machine ask DNS, or set DNS_SERVERS."
        )


class Names:
    """Asks ``DNS_SERVERS``, or those that the machine is set up with."""

    @cached_property
    def _resolver(self) -> resolver.Resolver:
        if not settings.DNS_SERVERS:
            try:
                return resolver.Resolver()
            except resolver.NoResolverConfiguration as error:
                raise NoAnswer("none is set up") from error
        servers = [server.partition("#") for server in settings.DNS_SERVERS]
        made = resolver.Resolver(configure=False)
        made.nameservers = [host for host, _, _ in servers]
        made.nameserver_ports = {host: int(port or 53) for host, _, port in servers}
        return made

    def texts(self, name: str) -> list[str]:
        """TXT records, each joined from its pieces; none: the name has none."""
        return [b"".join(record.strings).decode(errors="replace") for record in self.ask(name, RdataType.TXT)]

    def addresses(self, host: str) -> list[str]:
        """A mail server's; a name without a dot is known on this machine only."""
        try:
            return [str(ip_address(host))]
        except ValueError:
            kinds = (RdataType.A, RdataType.AAAA) if "." in host else ()
            return [record.address for kind in kinds for record in self.ask(host, kind)] or ["127.0.0.1"]

    def ask(self, name: Name | str, kind: RdataType) -> list[Any]:
        """Raises :class:`NoAnswer`."""
        try:
            return list(self._resolver.resolve(name, kind, lifetime=settings.EMAIL_TIMEOUT, search=False))
        except (resolver.NXDOMAIN, resolver.NoAnswer):
            return []
        except (DNSException, OSError) as error:
            raise NoAnswer(type(error).__name__) from error


def _is_there(names: Names, domain: str) -> Finding:
    step = "sender's domain"
    if any(names.ask(domain, kind) for kind in (RdataType.MX, RdataType.A, RdataType.AAAA)):
        return ok(step, f"{domain} is there")
    return wrong(
        step,
        f"{domain} has neither an MX nor an address: every provider refuses such a sender",
        "Correct DEFAULT_FROM_EMAIL, or give the domain an MX.",
    )


def _spf(names: Names, domain: str) -> Finding:
    step = "SPF"
    if not domain:
        return skipped(step, "the provider's own return path counts")
    records = [text for text in names.texts(domain) if text.lower().split(" ")[0] == "v=spf1"]
    if not records:
        return wrong(
            step,
            f"{domain} does not say which servers send for it: Gmail, Yahoo and Outlook refuse its mail",
            f'Add a TXT record to {domain}, as "v=spf1 ip4:<your mail server> -all".',
        )
    if len(records) > 1:
        return wrong(step, f"{domain} has {len(records)} SPF records: none of them counts", "Keep one.")
    terms = {term.removeprefix("+") for term in records[0].lower().split()[1:]}
    if "all" in terms:
        return wrong(step, f"{domain} lets everybody send for it", "Replace its +all with -all or ~all.")
    if not any(term.startswith(_LETS_SEND) for term in terms):
        return wrong(step, f"{domain} lets nobody send for it", "Name your mail server in its SPF record.")
    return ok(step, f"{domain}: {records[0]}")


def _dkim(names: Names, domain: str, selector: str) -> Finding:
    step = "DKIM"
    if not selector:
        return skipped(step, "give --dkim-selector NAME, which your mail server or provider signs with")
    name = f"{selector}._domainkey.{domain}"
    tags = _tags(next(iter(names.texts(name)), ""))
    if not tags.get("p"):
        return wrong(
            step,
            f"{name} has no key: signatures are not believed",
            "Publish the TXT record that your mail server or provider shows, or correct the selector.",
        )
    if tags.get("k", "rsa") != "rsa":
        return ok(step, f"{name} has a key ({tags['k']})")
    try:
        key = load_der_public_key(base64.b64decode("".join(tags["p"].split()), validate=True))
    except _UNREADABLE:
        return wrong(step, f"the key of {name} cannot be read", "Publish it again, as one text.")
    bits = key.key_size if isinstance(key, RSAPublicKey) else 0
    if bits < _LEAST_BITS:
        return wrong(step, f"the key of {name} has {bits} bits: too short to be believed", _LONGER)
    if bits < _GOOD_BITS:
        return warning(step, f"the key of {name} has {bits} bits", _LONGER)
    return ok(step, f"{name} has a key of {bits} bits")


def _dmarc(names: Names, sender: Sender) -> Findings:
    """The domain's own policy, or that of the nearest one above it that has one."""
    step = "DMARC"
    for domain in _and_above(sender.domain):
        found = [text for text in names.texts(f"_dmarc.{domain}") if text.lower().startswith("v=dmarc1")]
        if found:
            break
    else:
        yield warning(
            step,
            f"{sender.domain} has no policy: Gmail, Yahoo and Outlook refuse more than 5,000 messages a day",
            f'Add a TXT record to _dmarc.{sender.domain}, as "v=DMARC1; p=none; rua=mailto:<you>".',
        )
        return
    tags = _tags(found[0])
    if len(found) > 1 or tags.get("p", "").lower() not in {"none", "quarantine", "reject"}:
        yield wrong(step, f"the policy of {domain} cannot be read", "Keep one, with p=none or stricter.")
        return
    yield ok(step, f"{domain}: {found[0]}")
    if sender.envelope:
        yield _alignment(sender, domain, strict=tags.get("aspf", "r").lower() == "s")


def _alignment(sender: Sender, policy_of: str, *, strict: bool) -> Finding:
    """Whether SPF speaks for the domain that readers see."""
    step = "alignment"
    below = [f".{name}".endswith(f".{policy_of}") for name in (sender.domain, sender.envelope)]
    if sender.domain == sender.envelope or (all(below) and not strict):
        return ok(step, f"bounces go to {sender.envelope}, which stands for {sender.domain}")
    which = "that is the same, as aspf=s asks for" if strict else "below it"
    return warning(
        step,
        f"bounces go to {sender.envelope}, which does not stand for {sender.domain}: SPF does not count",
        f"Sign with DKIM for the sender's domain, or choose a BOUNCE_DOMAIN {which}.",
    )


def _reverse(names: Names, server: str) -> Finding:
    step = "reverse DNS"
    address = ip_address(server)
    if not address.is_global:
        return skipped(step, f"{server} is not on the Internet: give the --sending-address of your mail")
    pointers = names.ask(reversename.from_address(server), RdataType.PTR)
    hosts = [str(pointer.target).rstrip(".") for pointer in pointers]
    kind = RdataType.A if address.version == 4 else RdataType.AAAA
    if any(record.address == server for host in hosts for record in names.ask(host, kind)):
        return ok(step, f"{server} is {hosts[0]}")
    what = f"its name {hosts[0]} does not lead back to it" if hosts else "it has no name"
    return wrong(
        step,
        f"{server}: {what}, so that Gmail and others refuse its mail",
        "Have whoever gave you the address set its PTR record to the mail server's name.",
    )


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in pairs if equals}


def _and_above(domain: str) -> Iterable[str]:
    labels = domain.split(".")
    return (".".join(labels[start:]) for start in range(len(labels) - 1))
