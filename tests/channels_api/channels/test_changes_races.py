"""Changes, reorders and creates that arrive at once, at the production server."""

from typing import Any

import pytest
import requests

from channels_api.models import CommunicationChannel, Confirmation
from tests.changing import DUPLICATE
from tests.channels_api.channels.test_channels_races import Call, at_once, caller, create, statuses, tokens
from tests.factories import issue_code, make_admin, make_channel, make_token, make_user
from tests.live import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)


def put(server: LiveServer, token: str, channel: CommunicationChannel, **wanted: Any) -> Call:
    url = f"{server.channels(channel.user_id)}/{channel.pk}"
    return caller("PUT", url, token, json={"communication_channel": wanted})


def positions(user: Any) -> list[int]:
    own = CommunicationChannel.objects.filter(user=user).order_by("position")
    return list(own.values_list("position", flat=True))


def test_reorders_creates_and_deletes_leave_no_gap_and_no_double(server: LiveServer) -> None:
    user = make_user()
    made = [make_channel(user) for _ in range(8)]
    gone = [make_channel(user) for _ in range(4)]
    theirs = tokens(user, 36)
    calls = [put(server, token, made[n % 8], position=n % 9 + 1) for n, token in enumerate(theirs[:24])]
    calls += [create(server, token, f"person{n}@example.com") for n, token in enumerate(theirs[24:32])]
    calls += [
        caller("DELETE", f"{server.channels()}/{channel.pk}", token)
        for channel, token in zip(gone, theirs[32:], strict=True)
    ]
    assert statuses(at_once(calls)) == {200: 36}
    assert positions(user) == list(range(1, 21))


def test_reorders_of_everything_at_once(server: LiveServer) -> None:
    user = make_user()
    made = [make_channel(user) for _ in range(10)]
    answers = at_once(
        [put(server, token, made[n % 10], position=1) for n, token in enumerate(tokens(user, 30))]
    )
    assert statuses(answers) == {200: 30}
    assert all(answer.json()["position"] == 1 for answer in answers)
    assert positions(user) == list(range(1, 11))


def test_a_change_and_a_create_of_one_address_have_one_winner(server: LiveServer) -> None:
    user = make_user()
    channel = make_channel(user, workflow_state="unconfirmed")
    calls = []
    for n, token in enumerate(tokens(user, 20)):
        shape = "same@example.com" if n % 4 else "Same@Example.com"
        calls.append(put(server, token, channel, address=shape) if n % 2 else create(server, token, shape))
    answers = at_once(calls)
    assert set(statuses(answers)) == {200, 400}
    assert all(answer.json() == DUPLICATE for answer in answers if answer.status_code == 400)
    same = CommunicationChannel.objects.filter(user=user, address_folded="same@example.com")
    assert same.count() == 1
    winners = {answer.json()["id"] for answer in answers if answer.status_code == 200}
    assert winners == {same.get().pk}


def test_changes_of_two_channels_to_one_address_have_one_winner(server: LiveServer) -> None:
    user = make_user()
    made = [make_channel(user, workflow_state="unconfirmed") for _ in range(10)]
    answers = at_once(
        [
            put(server, token, channel, address="same@example.com")
            for token, channel in zip(tokens(user, 10), made, strict=True)
        ]
    )
    assert statuses(answers) == {200: 1, 400: 9}


def test_a_confirmation_and_a_create_of_one_address_have_one_winner(server: LiveServer) -> None:
    user = make_user()
    channel = make_channel(user)
    put(server, make_token(user), channel, address="same@example.com")()
    issued = issue_code(Confirmation.objects.get())

    def confirm() -> requests.Response:
        return requests.post(f"{server.url}/register/{issued.code}", json={}, timeout=60)

    made = [create(server, token, "same@example.com") for token in tokens(user, 10)]
    answers = at_once([*made, confirm, confirm])
    assert statuses(answers) == {200: 1, 400: 11}
    assert CommunicationChannel.objects.filter(user=user, address="same@example.com").count() == 1


def test_changes_by_owner_and_admin_at_once_leave_one_address_waiting(server: LiveServer) -> None:
    user = make_user()
    channel = make_channel(user)
    callers = tokens(user, 10) + tokens(make_admin(user.home_account), 10)
    answers = at_once(
        [put(server, token, channel, address=f"n{n}@example.com") for n, token in enumerate(callers)]
    )
    assert statuses(answers) == {200: 20}
    channel.refresh_from_db()
    [waiting] = Confirmation.objects.exclude(workflow_state="replaced")
    assert waiting.address_folded == channel.pending_address


def test_the_institutions_address_stays_first_whoever_reorders(server: LiveServer) -> None:
    user = make_user()
    type(user.home_account).objects.update(institution_email_first=True)
    campus = make_channel(user, institutional=True)
    made = [make_channel(user) for _ in range(5)]
    calls = [put(server, token, made[n % 5], position=n % 3 + 1) for n, token in enumerate(tokens(user, 20))]
    assert set(statuses(at_once(calls))) == {200, 400}
    campus.refresh_from_db()
    assert (campus.position, positions(user)) == (1, [1, 2, 3, 4, 5, 6])
