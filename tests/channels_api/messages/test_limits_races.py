"""Limits on messages hold for requests that arrive at once, at the production server."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from io import StringIO
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Concat
from pytest_django import Settings

from canvas_channels.core.identity.callers import Caller
from canvas_channels.core.identity.models import Login, PasswordReset, User
from channels_api.accounts import bulk
from channels_api.channels.confirm import confirm_email
from channels_api.errors import MessageLimitReached
from channels_api.messages import confirmations, password_resets
from channels_api.models import CommunicationChannel, Confirmation, SecurityNotice
from tests.channels_api.channels.test_channels_races import Call, at_once, caller, statuses
from tests.factories import (
    issue_code,
    make_account,
    make_admin,
    make_channel,
    make_login,
    make_token,
    make_user,
)
from tests.live import LiveServer, serve

pytestmark = pytest.mark.django_db(transaction=True)

LIMITS = {
    "CONFIRMATIONS_PER_USER_PER_HOUR": "4",
    "CONFIRMATIONS_PER_EMAIL_PER_HOUR": "5",
    "CONFIRMATIONS_PER_NUMBER_PER_HOUR": "3",
    "SMS_DAILY_BUDGET": "6",
}
CALLS = 12


@pytest.fixture
def limited(tmp_path: Path, transactional_db: None) -> Iterator[LiveServer]:
    with serve(tmp_path / "log", **LIMITS) as live:
        yield live


def create(server: LiveServer, user: User, type_: str, address: str) -> Call:
    form = {"communication_channel[type]": type_, "communication_channel[address]": address}
    return caller("POST", server.channels(), make_token(user), data=form)


@pytest.mark.parametrize(
    ("addresses", "allowed"),
    [
        (["a@example.edu"], 5),
        (["a@b\u00fccher.example", "A@B\u00dcCHER.example", "a@xn--bcher-kva.example"], 5),
        (["+16265550100"], 3),
        (["+16265550100", "(626) 555-0100"], 3),
        ([f"+162655501{number:02}" for number in range(CALLS)], 6),
    ],
    ids=["address", "spellings of an address", "number", "spellings of a number", "budget of an account"],
)
def test_creates_of_many_users(limited: LiveServer, addresses: list[str], allowed: int) -> None:
    account = make_account()
    calls = [
        create(limited, make_user(account=account), "email" if "@" in address else "sms", address)
        for address in (addresses * CALLS)[:CALLS]
    ]
    assert statuses(at_once(calls)) == {200: allowed, 429: CALLS - allowed}
    assert Confirmation.objects.count() == allowed
    assert CommunicationChannel.objects.count() == allowed


def test_creates_of_one_user(limited: LiveServer) -> None:
    user = make_user()
    calls = [create(limited, user, "email", f"{number}@example.edu") for number in range(CALLS)]
    assert statuses(at_once(calls)) == {200: 4, 429: CALLS - 4}


@pytest.mark.parametrize(("address", "allowed"), [("a@example.edu", 5), ("+16265550100", 3)])
def test_resends_and_changes_of_many_users(limited: LiveServer, address: str, allowed: int) -> None:
    type_ = "email" if "@" in address else "sms"
    account = make_account()
    calls: list[Call] = []
    for number in range(CALLS):
        user = make_user(account=account)
        token = make_token(user)
        if number % 2:
            channel = make_channel(user, address, type_, "unconfirmed")
            calls.append(caller("POST", f"{limited.channels()}/{channel.pk}/resend", token))
        else:
            other = "b@example.edu" if type_ == "email" else "+16265550199"
            channel = make_channel(user, other, type_, "active")
            form = {"communication_channel[address]": address}
            calls.append(caller("PUT", f"{limited.channels()}/{channel.pk}", token, data=form))
    assert statuses(at_once(calls)) == {200: allowed, 429: CALLS - allowed}
    assert Confirmation.objects.count() == allowed


def together(work: Any, arguments: list[Any]) -> list[Any]:
    """Call a function for each argument at the same moment, on connections of their own."""
    barrier = Barrier(len(arguments), timeout=30)

    def one(argument: Any) -> Any:
        try:
            barrier.wait()
            return work(argument)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(arguments)) as threads:
        return list(threads.map(one, arguments))


def test_resets_of_one_login(settings: Settings) -> None:
    settings.PASSWORD_RESETS_PER_LOGIN_PER_HOUR = 3
    together(password_resets.request, ["penny@example.com", " Penny@EXAMPLE.com"] * 5)
    assert PasswordReset.objects.count() == 3


def test_resets_of_one_client(settings: Settings) -> None:
    """Whichever process it asks: the database counts too."""
    settings.PASSWORD_RESETS_PER_ADDRESS_PER_HOUR = 4

    def request(number: int) -> bool:
        with suppress(MessageLimitReached):
            password_resets.request(f"person-{number}@example.edu", "192.0.2.1")
            return True
        return False

    assert Counter(together(request, list(range(12)))) == {True: 4, False: 8}
    assert PasswordReset.objects.count() == 4
    password_resets.request("penny@example.com", "192.0.2.2")
    assert PasswordReset.objects.count() == 5


def confirm(code: str) -> None:
    confirm_email(code)


def new_code(user: User, address: str) -> str:
    channel = make_channel(user, address, workflow_state="unconfirmed")
    confirmation = Confirmation.objects.create(
        channel=channel, user=user, address_folded=channel.address_folded
    )
    return issue_code(confirmation).code


def test_notices_to_one_number_of_many_users(settings: Settings) -> None:
    settings.CONFIRMATIONS_PER_NUMBER_PER_HOUR, settings.CONFIRMATIONS_PER_EMAIL_PER_HOUR = 3, 2
    users = [make_user() for _ in range(8)]
    for user in users:
        make_channel(user, "+16265550100", "sms")
        make_channel(user, "shared@example.edu")
    together(confirm, [new_code(user, f"new-{user.pk}@example.edu") for user in users])
    counted = Counter(SecurityNotice.objects.values_list("type", flat=True))
    assert counted == {"sms": 3, "email": 2}


def test_notices_within_an_accounts_budget(settings: Settings) -> None:
    settings.SMS_DAILY_BUDGET = 5
    account = make_account()
    users = [make_user(account=account) for _ in range(8)]
    for number, user in enumerate(users):
        make_channel(user, f"+162655501{number:02}", "sms")
    together(confirm, [new_code(user, f"new-{user.pk}@example.edu") for user in users])
    assert SecurityNotice.objects.count() == 5


def test_notices_of_one_user(settings: Settings) -> None:
    """However often an account adds and removes addresses, its owner's telephones stay silent in the end."""
    settings.SECURITY_NOTICES_PER_USER_PER_HOUR, settings.CONFIRMATIONS_PER_NUMBER_PER_HOUR = 7, 3
    user = make_user()
    for number in ("+16265550100", "+16265550101"):
        make_channel(user, number, "sms")
    make_channel(user, "old@example.edu")
    for round_ in range(9):
        confirm(new_code(user, f"{round_}@example.edu"))
        user.communication_channels.filter(address=f"{round_}@example.edu").update(workflow_state="retired")
    to = Counter(SecurityNotice.objects.values_list("address", flat=True))
    assert to["+16265550100"] <= 3
    assert to["+16265550101"] <= 3
    assert to.total() == 7


def number_of(*users: User) -> None:
    for user in users:
        make_channel(user, "+16265550100", "sms")


def test_notices_of_logins_to_one_number(settings: Settings) -> None:
    settings.CONFIRMATIONS_PER_NUMBER_PER_HOUR = 3
    users = [make_user() for _ in range(8)]
    number_of(*users)
    SecurityNotice.objects.all().delete()
    together(make_login, users)
    assert SecurityNotice.objects.count() == 3


def test_notices_of_channels_that_are_confirmed_in_bulk(settings: Settings) -> None:
    settings.SMS_DAILY_BUDGET, settings.CONFIRMATIONS_PER_EMAIL_PER_HOUR = 5, 3
    account = make_account()
    admin = make_admin(account)
    users = [make_user(account=account) for _ in range(24)]
    for number, user in enumerate(users):
        make_channel(user, f"+162655501{number:02}", "sms")
        make_channel(user, f"shared-{number % 2}@example.edu")
        make_channel(user, f"new-{number}@example.edu", workflow_state="unconfirmed")
    ours = [CommunicationChannel.objects.filter(user__in=users[first::8]) for first in range(8)]
    assert together(partial(bulk.confirm, Caller(admin, admin)), ours) == [3] * 8
    counted = Counter(SecurityNotice.objects.values_list("type", flat=True))
    assert counted == {"sms": 5, "email": 2 * 3}


def test_notices_of_imports(settings: Settings, tmp_path: Path) -> None:
    """Each file names everybody, in an order of its own; none waits for another that waits for it."""
    settings.CONFIRMATIONS_PER_NUMBER_PER_HOUR, settings.CONFIRMATIONS_PER_EMAIL_PER_HOUR = 3, 2
    files = []
    for number in range(6):
        users = [make_user(login=f"{number}-{name}") for name in range(6)]
        for name, user in enumerate(users):
            make_channel(user, f"+1626555010{name}", "sms")
            make_channel(user, f"shared-{name}@example.edu")
        Login.objects.filter(user__in=users).update(sis_user_id=Concat(Value("sis-"), "unique_id"))
        rows = [f"Name,new-{number}-{name},sis-{number}-{name}\n" for name in range(6)]
        files.append(tmp_path / f"{number}.csv")
        files[-1].write_text("name,login,sis_user_id\n" + "".join(rows[:: -1 if number % 2 else 1]))
    SecurityNotice.objects.all().delete()
    together(lambda file: call_command("import_users", str(file), stdout=StringIO()), files)
    assert Login.objects.filter(unique_id__startswith="new-").count() == 36
    told = Counter(SecurityNotice.objects.values_list("type", "address"))
    assert sorted(told.values()) == [2] * 6 + [3] * 6


def test_a_numbers_notices_leave_less_for_its_confirmations(settings: Settings) -> None:
    settings.CONFIRMATIONS_PER_NUMBER_PER_HOUR = 2
    user = make_user()
    make_channel(user, "+16265550100", "sms")
    for name in "ab":
        confirm(new_code(user, f"{name}@example.edu"))
    other = make_channel(make_user(), "+16265550100", "sms", "unconfirmed")
    with pytest.raises(MessageLimitReached):
        confirmations.resend(other)
