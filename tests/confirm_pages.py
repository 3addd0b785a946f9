"""What the tests of the pages behind a confirmation's two links share."""

import re

from django.test import Client

from channels_api.messages import confirmations
from channels_api.messages.confirmations import Issued
from channels_api.models import CommunicationChannel, Confirmation
from tests.factories import issue_code, make_account, make_channel, make_user
from tests.responses import ClientResponse


def waiting_channel() -> CommunicationChannel:
    user = make_user("Sheldon Cooper", make_account("Caltech"))
    return make_channel(user, "new@example.com", workflow_state="unconfirmed")


def issue(channel: CommunicationChannel) -> Issued:
    """What a worker would send in a new message."""
    assert confirmations.resend(channel)
    return issue_code(Confirmation.objects.filter(channel=channel).latest("id"))


def press(browser: Client, path: str) -> ClientResponse:
    """Open the page and press its button."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(path).text)
    return browser.post(path, {"csrfmiddlewaretoken": token[1] if token else ""})


def state() -> str:
    return CommunicationChannel.objects.get().workflow_state
