"""A changed address, through the queue, a real worker and real servers on loopback."""

import re
from typing import Any

import pytest

from channels_api.channels import confirm
from channels_api.models import CommunicationChannel
from tests.api.conftest import ApiClient
from tests.changing import CHANNELS, change
from tests.factories import make_channel, make_token, make_user
from tests.notifications.senders.test_confirmations import Mailbox, code_in
from tests.notifications.services import Sns, run_worker

pytestmark = pytest.mark.django_db(transaction=True)


def owned(address: str, type_: str = "email", **fields: Any) -> tuple[ApiClient, CommunicationChannel]:
    user = make_user()
    return ApiClient(make_token(user)), make_channel(user, address, type_, **fields)


@pytest.mark.parametrize("state", ["active", "unconfirmed"])
def test_the_mail_goes_to_the_new_address_and_its_link_confirms_it(mailbox: Mailbox, state: str) -> None:
    client, channel = owned("old@example.com", workflow_state=state)
    change(client, channel, address="new@example.com")
    run_worker()
    [mail] = mailbox
    assert mail["to"] == "new@example.com"
    assert "new@example.com was added" in " ".join(mail["body"].split())
    assert "old@example.com" not in mail["body"] + mail["html"]
    confirmed = confirm.confirm_email(code_in(mail["body"]))
    assert (confirmed.pk, confirmed.address, confirmed.workflow_state) == (
        channel.pk,
        "new@example.com",
        "active",
    )


def test_only_the_newest_address_hears_of_it(mailbox: Mailbox) -> None:
    client, channel = owned("old@example.com")
    change(client, channel, address="first@example.com")
    change(client, channel, address="new@example.com")
    run_worker()
    assert [mail["to"] for mail in mailbox] == ["new@example.com"]


def test_nobody_hears_of_a_change_that_was_taken_back(mailbox: Mailbox) -> None:
    client, channel = owned("old@example.com")
    change(client, channel, address="new@example.com")
    change(client, channel, address="old@example.com")
    run_worker()
    assert mailbox == []


def test_the_text_message_goes_to_the_new_number(sns: Sns) -> None:
    client, channel = owned("+16265550100", "sms")
    change(client, channel, address="+16265550101")
    run_worker()
    [call] = sns.calls
    assert call["PhoneNumber"] == "+16265550101"
    code = re.search(r"\d{6}", call["Message"])
    assert code
    answer = client.call("POST", f"{CHANNELS}/{channel.pk}/confirm", f"confirmation_code={code[0]}")
    assert (answer.status_code, answer.json()["address"]) == (200, "+16265550101")
