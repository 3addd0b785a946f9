"""Whether a message is Amazon's, ours and of now; certificates come over HTTPS from a local authority.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pytest_django import Settings

from notifications.gateways import TransportError, certificates
from notifications.webhooks import sns_messages
from tests.notifications.providers import TOPIC, Authority, SnsSigner

VERSIONS = ["1", "2"]


@pytest.fixture(autouse=True)
def _committed() -> None:
    """Nothing here needs the database."""


def refusal(message: dict[str, Any], received_at: datetime | None = None) -> TransportError:
    with pytest.raises(TransportError) as refused:
        sns_messages.verify(message, received_at or datetime.now(UTC))
    return refused.value


def verify(message: dict[str, Any]) -> None:
    sns_messages.verify(message, datetime.now(UTC))


class TestSignatures:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_a_signed_notification_is_trusted(self, version: str, signer: SnsSigner) -> None:
        verify(signer.message("words", version))

    @pytest.mark.parametrize("version", VERSIONS)
    def test_a_subject_is_signed_too(self, version: str, signer: SnsSigner) -> None:
        message = signer.message("words", version, Subject="subject")
        verify(message)
        assert refusal({**message, "Subject": "another"}).permanent

    @pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
    def test_a_signed_message_about_a_subscription_is_trusted(self, kind: str, signer: SnsSigner) -> None:
        verify(signer.message("words", Type=kind, Token="token", SubscribeURL="https://example.com"))

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("Message", "other words"),
            ("MessageId", "another"),
            pytest.param("Timestamp", datetime.now(UTC).isoformat(), id="Timestamp-now"),
            ("Signature", "AAAA"),
            ("Signature", "no base64"),
            ("Signature", None),
            ("SignatureVersion", "2"),
        ],
    )
    def test_a_message_changed_on_its_way_is_refused(
        self, field: str, value: str | None, signer: SnsSigner
    ) -> None:
        refused = refusal({**signer.message("words"), field: value})
        assert refused.permanent
        assert "signature is wrong" in str(refused)

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"SignatureVersion": "3"}, "SignatureVersion"),
            ({"SignatureVersion": None}, "SignatureVersion"),
            ({"Type": "Other"}, "Type"),
            ({"Type": None}, "Type"),
            ({"Message": None}, "field Message"),
            ({"Message": 1}, "field Message"),
            ({"Timestamp": "yesterday"}, "Timestamp"),
            ({"Timestamp": "2026-13-45T00:00:00Z"}, "Timestamp"),
            ({"Timestamp": "2026-01-01T00:00:00"}, "Timestamp"),
            ({"Type": "SubscriptionConfirmation"}, "field SubscribeURL"),
        ],
    )
    def test_a_message_of_another_form_is_refused_without_a_call(
        self, changed: dict[str, Any], reason: str, signer: SnsSigner
    ) -> None:
        refused = refusal({**signer.message("words"), **changed})
        assert reason in str(refused)
        assert refused.permanent
        assert signer.server.asked == []


class TestTopics:
    @pytest.mark.parametrize("topic", [TOPIC + "x", "", None, ["x"], "\x00", "x" * 9999])
    def test_topics_of_others_are_refused_without_a_call(self, topic: Any, signer: SnsSigner) -> None:
        refused = refusal({**signer.message("words"), "TopicArn": topic})
        assert "SNS_TOPIC_ARNS" in str(refused)
        assert "\x00" not in str(refused)
        assert len(str(refused)) < 500
        assert signer.server.asked == []


class TestReplays:
    @pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=1), timedelta(minutes=-4)])
    def test_as_late_as_sns_tries(self, late: timedelta, signer: SnsSigner) -> None:
        sns_messages.verify(signer.message("words"), datetime.now(UTC) + late)

    @pytest.mark.parametrize("late", [timedelta(minutes=66), timedelta(days=1), timedelta(minutes=-6)])
    def test_older_and_future_ones_are_refused(self, late: timedelta, signer: SnsSigner) -> None:
        refused = refusal(signer.message("words"), datetime.now(UTC) + late)
        assert refused.permanent
        assert "Timestamp" in str(refused)


class TestCertificates:
    @pytest.mark.parametrize(
        "url",
        [
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
            "https://sns.us-gov-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
            "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0123456789abcdef.pem",
        ],
    )
    def test_amazons_hosts(self, url: str) -> None:
        assert certificates.is_amazons(url)

    @pytest.mark.parametrize(
        "url",
        [
            "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-01.pem",
            "https://sns.us-east-1.amazonaws.com.example.com/SimpleNotificationService-01.pem",
            "https://example.com/sns.us-east-1.amazonaws.com/SimpleNotificationService-01.pem",
            "https://sns.us-east-1.amazonaws.com@example.com/SimpleNotificationService-01.pem",
            "https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-01.pem",
            "https://sns.us-east-1.amazonaws.com/../SimpleNotificationService-01.pem",
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-01.pem?x",
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-01.pem\n",
            "https://bucket.s3.amazonaws.com/SimpleNotificationService-01.pem",
            "https://snsXus-east-1.amazonaws.com/SimpleNotificationService-01.pem",
            "https://localhost/SimpleNotificationService-01.pem",
            "",
        ],
    )
    def test_other_urls_are_refused_without_a_call(
        self, url: str, signer: SnsSigner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert not certificates.is_amazons(url)
        monkeypatch.setattr(certificates, "source", certificates.CertificateSource())
        refused = refusal({**signer.message("words"), "SigningCertURL": url})
        assert "SigningCertURL" in str(refused)
        assert signer.server.asked == []

    def test_a_certificate_is_fetched_once(self, signer: SnsSigner) -> None:
        for _ in range(3):
            verify(signer.message("words"))
        assert signer.server.asked == ["/SNS.pem"]

    def test_no_more_than_some_are_kept(self, signer: SnsSigner, authority: Authority) -> None:
        for number in range(40):
            signer.put(f"/{number}.pem", certificate_of(signer, authority))
            verify(signer.message("words", SigningCertURL=f"{signer.server.url}/{number}.pem"))
        verify(signer.message("words", SigningCertURL=f"{signer.server.url}/0.pem"))
        assert signer.server.asked.count("/0.pem") == 2

    def test_another_key_is_refused(self, signer: SnsSigner, authority: Authority) -> None:
        other = rsa.generate_private_key(65537, 2048)
        signer.put("/SNS.pem", authority.certify(other, "sns.amazonaws.com"))
        assert "signature is wrong" in str(refusal(signer.message("words")))

    def test_one_that_ended_is_refused(self, signer: SnsSigner, authority: Authority) -> None:
        signer.put("/SNS.pem", authority.certify(signer.key, "sns.amazonaws.com", days=-1))
        assert "not valid then" in str(refusal(signer.message("words")))

    def test_one_that_is_not_rsa_is_refused(self, signer: SnsSigner, authority: Authority) -> None:
        curve = ec.generate_private_key(ec.SECP256R1())
        signer.put("/SNS.pem", authority.certify(curve, "sns.amazonaws.com"))
        assert "not RSA" in str(refusal(signer.message("words")))

    @pytest.mark.parametrize(
        ("status", "content", "reason"),
        [
            (500, b"", "HTTP 500"),
            (404, b"", "HTTP 404"),
            (302, b"/elsewhere.pem", "HTTP 302"),
            (200, b"no certificate", "cannot be read"),
            (200, b"x" * 200_000, "cannot be read"),
        ],
    )
    def test_a_faulty_answer_is_tried_again_later(
        self, status: int, content: bytes, reason: str, signer: SnsSigner, authority: Authority
    ) -> None:
        signer.server.files["/SNS.pem"] = status, content
        refused = refusal(signer.message("words"))
        assert reason in str(refused)
        assert not refused.permanent
        signer.put("/SNS.pem", certificate_of(signer, authority))
        verify(signer.message("words"))
        assert signer.server.asked == ["/SNS.pem"] * 2

    def test_a_server_that_hangs_is_left(self, signer: SnsSigner, settings: Settings) -> None:
        """Who waited for it would get the certificate in the end, and find the message to be good."""
        settings.SNS_TIMEOUT = 1
        signer.server.hang.clear()
        refused = refusal(signer.message("words"))
        assert not refused.permanent
        assert "Timeout" in str(refused)

    def test_an_authority_that_is_not_trusted_is_refused(
        self, signer: SnsSigner, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        refused = refusal(signer.message("words"))
        assert "SSLError" in str(refused)
        assert not refused.permanent


def certificate_of(signer: SnsSigner, authority: Authority) -> x509.Certificate:
    return authority.certify(signer.key, "sns.amazonaws.com")
