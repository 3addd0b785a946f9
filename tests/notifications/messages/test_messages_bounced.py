"""A message that was sent and did not arrive, as a provider or a mail server tells it."""

from typing import Any

import pytest
from pytest_django import Settings

from notifications.bounce_mail import receiving
from notifications.gateways.envelopes import return_path
from notifications.messages import delivery
from notifications.messages.models import Message
from notifications.worker.turns import Turn
from tests.factories import make_channel, make_message, make_user
from tests.notifications.bounce_mail.messages import complaint, report
from tests.notifications.providers import post
from tests.notifications.services import run_worker
from tests.notifications.webhooks.test_providers_postmark import ADDRESS, DELIVERY, DETAILS, bounce

pytestmark = pytest.mark.django_db(transaction=True)

KNOWN_AS = bounce()["MessageID"]


def make_sent(**fields: Any) -> Message:
    channel = make_channel(make_user(), ADDRESS)
    return make_message(channel.user, channel, **{"provider_id": KNOWN_AS} | fields)


def seen(message: Message) -> tuple[str, str]:
    message.refresh_from_db()
    return message.workflow_state, message.failure


@pytest.mark.usefixtures("webhooks")
class TestProviders:
    def test_a_bounce_is_its_messages_and_no_others(self) -> None:
        message, other = make_sent(), make_sent(provider_id="another")
        post("postmark", bounce())
        run_worker()
        assert seen(message) == ("bounced", DETAILS)
        assert seen(other) == ("sent", "")

    def test_it_never_moves_back(self) -> None:
        message = make_sent()
        post("postmark", bounce())
        post("postmark", DELIVERY | {"MessageID": KNOWN_AS, "DeliveredAt": "2030-01-01T00:00:00Z"})
        run_worker()
        assert seen(message)[0] == "bounced"

    @pytest.mark.parametrize("state", ["created", "staged", "sending", "cancelled", "transmission_error"])
    def test_only_what_was_sent_bounces(self, state: str) -> None:
        message = make_sent(workflow_state=state)
        post("postmark", bounce())
        run_worker()
        assert seen(message)[0] == state

    def test_one_that_may_still_arrive_has_not_bounced(self) -> None:
        message = make_sent()
        post("postmark", bounce("SoftBounce"))
        run_worker()
        assert seen(message)[0] == "sent"


class TestMail:
    @pytest.fixture
    def message(self, settings: Settings, mailbox: list[dict[str, str]]) -> Message:
        settings.BOUNCE_DOMAIN = "bounces.example.edu"
        message = make_sent(workflow_state="created", provider_id="")
        delivery.deliver([message.pk], Turn())
        return message

    def test_a_report_is_its_messages(self, message: Message) -> None:
        assert receiving.receive(report(return_path(f"m{message.pk}")))
        assert seen(message)[0] == "bounced"

    def test_a_complaint_is_of_one_that_arrived(self, message: Message) -> None:
        assert receiving.receive(complaint(return_path(f"m{message.pk}")))
        assert seen(message)[0] == "sent"
