"""What ``check_email`` says of the sender's domain, asked of a name server."""

import base64
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_django import Settings

from notifications.diagnosis import Finding, Level, dns
from tests.commands import refusal
from tests.notifications.diagnosis.names import Records, name_server


def key(bits: int) -> str:
    public = generate_private_key(65537, bits).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def text(content: str) -> list[str]:
    """A TXT record, in pieces of 255 octets at most."""
    return [" ".join(f'"{content[start : start + 200]}"' for start in range(0, len(content), 200))]


@pytest.fixture(scope="module")
def long_key() -> str:
    return key(2048)


@pytest.fixture
def records(long_key: str) -> Records:
    """All is well."""
    return {
        ("example.com", "MX"): ["10 mail.example.com."],
        ("example.com", "TXT"): [*text("v=spf1 ip4:198.51.100.25 -all"), '"something else"'],
        ("mail._domainkey.example.com", "TXT"): text(f"v=DKIM1; k=rsa; p={long_key}"),
        ("_dmarc.example.com", "TXT"): text("v=DMARC1; p=reject"),
        ("8.8.8.8.in-addr.arpa", "PTR"): ["mail.example.com."],
        ("mail.example.com", "A"): ["8.8.8.8"],
    }


@pytest.fixture(autouse=True)
def _sender(settings: Settings, records: Records) -> Iterator[None]:
    settings.DEFAULT_FROM_EMAIL = "Channels <channels@example.com>"
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "mail.example.com"
    settings.EMAIL_TIMEOUT = 5
    with name_server(records) as where:
        settings.DNS_SERVERS = [where]
        yield


def found(**options: str) -> dict[str, Finding]:
    return {finding.step: finding for finding in dns.check(**{"dkim_selector": "mail"} | options)}


def test_all_is_well() -> None:
    levels = {step: finding.level for step, finding in found().items()}
    assert levels == dict.fromkeys(
        ["sender's domain", "SPF", "DKIM", "DMARC", "alignment", "reverse DNS"], Level.OK
    )


@pytest.mark.parametrize(
    ("name", "record", "step", "level", "words"),
    [
        (("example.com", "TXT"), [], "SPF", Level.WRONG, "does not say which servers send for it"),
        (("example.com", "TXT"), text("v=spf10 a -all"), "SPF", Level.WRONG, "does not say which servers"),
        (("example.com", "TXT"), text("v=spf1 a -all") + text("v=spf1 mx"), "SPF", Level.WRONG, "2 SPF"),
        (("example.com", "TXT"), text("v=spf1 a +all"), "SPF", Level.WRONG, "everybody"),
        (("example.com", "TXT"), text("v=spf1 mx all"), "SPF", Level.WRONG, "everybody"),
        (("example.com", "TXT"), text("v=spf1 -all"), "SPF", Level.WRONG, "nobody"),
        (("example.com", "TXT"), text("v=spf1 include:_spf.example.net ~all"), "SPF", Level.OK, "include"),
        (("mail._domainkey.example.com", "TXT"), [], "DKIM", Level.WRONG, "has no key"),
        (("mail._domainkey.example.com", "TXT"), text("v=DKIM1; p="), "DKIM", Level.WRONG, "has no key"),
        (("mail._domainkey.example.com", "TXT"), text("p=nonsense!"), "DKIM", Level.WRONG, "cannot be read"),
        (("mail._domainkey.example.com", "TXT"), text("k=ed25519; p=abc="), "DKIM", Level.OK, "ed25519"),
        (("mail._domainkey.example.com", "TXT"), text(f"p={key(1024)}"), "DKIM", Level.WARNING, "1024 bits"),
        (("_dmarc.example.com", "TXT"), [], "DMARC", Level.WARNING, "5,000 messages a day"),
        (("_dmarc.example.com", "TXT"), text("v=DMARC1; p=maybe"), "DMARC", Level.WRONG, "cannot be read"),
        (("_dmarc.example.com", "TXT"), text("v=DMARC1; p=none"), "DMARC", Level.OK, "p=none"),
        (("8.8.8.8.in-addr.arpa", "PTR"), [], "reverse DNS", Level.WRONG, "it has no name"),
        (("8.8.8.8.in-addr.arpa", "PTR"), ["x.example.net."], "reverse DNS", Level.WRONG, "lead back"),
        (("example.com", "MX"), [], "sender's domain", Level.WRONG, "neither an MX nor an address"),
    ],
)
def test_what_providers_refuse(
    records: Records, name: tuple[str, str], record: list[str], step: str, level: Level, words: str
) -> None:
    records[name] = record
    finding = found()[step]
    assert finding.level is level, finding
    assert words in finding.msg
    assert bool(finding.hint) is (level is not Level.OK)


@pytest.mark.parametrize(
    ("domain", "policy", "level"),
    [
        ("example.com", "v=DMARC1; p=none; aspf=s", Level.OK),
        ("bounces.example.com", "v=DMARC1; p=none", Level.OK),
        ("bounces.example.com", "v=DMARC1; p=none; aspf=s", Level.WARNING),
        ("example.net", "v=DMARC1; p=none", Level.WARNING),
        ("notexample.com", "v=DMARC1; p=none", Level.WARNING),
    ],
)
def test_alignment(records: Records, settings: Settings, domain: str, policy: str, level: Level) -> None:
    settings.BOUNCE_DOMAIN = domain
    records[domain, "TXT"] = text("v=spf1 mx -all")
    records["_dmarc.example.com", "TXT"] = text(policy)
    assert found()["alignment"].level is level


def test_a_domain_below_the_one_that_has_the_policy(records: Records, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "channels@news.example.com"
    records["news.example.com", "A"] = ["8.8.8.8"]
    assert found()["DMARC"].msg.startswith("example.com: v=DMARC1")


def test_a_providers_return_path_is_its_own(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    said = found()
    assert said["SPF"].level is Level.SKIPPED
    assert not {"alignment", "reverse DNS"} & said.keys()


def test_the_address_that_mail_leaves_from(settings: Settings) -> None:
    settings.EMAIL_HOST = "localhost"
    assert found()["reverse DNS"].level is Level.SKIPPED
    assert found(sending_address="8.8.8.8")["reverse DNS"].level is Level.OK
    assert found(sending_address="2001:4860::8")["reverse DNS"].level is Level.WRONG
    assert "--sending-address" in refusal("check_email", "--sending-address", "here")


def test_without_a_selector_no_key_is_looked_up() -> None:
    assert found(dkim_selector="")["DKIM"].level is Level.SKIPPED


def test_a_sender_that_nobody_knows(settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "notifications@localhost"
    [finding] = found().values()
    assert finding.level is Level.SKIPPED


@pytest.mark.parametrize("silent", [True, False])
def test_name_servers_that_do_not_answer(settings: Settings, silent: bool) -> None:
    settings.EMAIL_TIMEOUT = 1
    with name_server({}, answers=not silent) as where:
        settings.DNS_SERVERS = [where] if silent else ["127.0.0.1#1"]
        [finding] = found().values()
    assert finding.level is Level.WARNING
    assert "do not answer" in finding.msg
