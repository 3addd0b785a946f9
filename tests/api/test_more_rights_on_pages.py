"""The same on the pages, with their forms about others: every caller by every target by every form."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils import timezone
from oauth2_provider.models import AccessToken, Grant, RefreshToken

from canvas_channels.core.identity.models import AccountUser, Login, PasswordReset, User
from canvas_channels.web.channels.channels import REMOVED
from canvas_channels.web.people.own_settings import ENDED
from channels_api.audit import Action
from channels_api.models import AuditEntry, Confirmation, SecurityNotice
from tests.api.rights import CALLERS, REACH, TARGETS
from tests.api.test_every_right import undone, written
from tests.changing import issued_code
from tests.factories import default_account, load_catalogue, make_channel, make_device

pytestmark = [pytest.mark.django_db, pytest.mark.in_process]

SITE_ADMINS = {caller for caller in CALLERS if caller.startswith("site admin")}
VOUCH = {"skip_confirmation": "1"}
TABLES = [
    model._meta.db_table
    for model in (User, Login, AccountUser, PasswordReset, AccessToken, RefreshToken, Grant, SecurityNotice)
]


in_reach = pytest.mark.parametrize(
    ("caller", "target"), [(caller, target) for caller in REACH for target in sorted(REACH[caller])]
)


@dataclass(frozen=True, slots=True)
class Form:
    """``path`` and what is filled in name what :func:`things` has.

    ``by``: who may send it for anybody whom they are an admin over. ``acting``: whether whoever acts as the
    user may send it too; None: where the user is a site admin. ``listed``: it leaves out whom the sender may
    not change.
    """

    path: str
    filled: dict[str, str] = field(default_factory=dict)
    by: frozenset[str] = frozenset(CALLERS)
    acting: bool | None = True
    listed: bool = False

    def __str__(self) -> str:
        return f"{self.path} {' '.join(self.filled)}"

    def send(self, browser: Client, things: dict[str, Any]) -> int:
        filled = {name.format(**things): value.format(**things) for name, value in self.filled.items()}
        return browser.post(self.path.format(**things), filled).status_code


CHANNELS = "/users/{user}/communication"
SETTINGS = "/users/{user}/settings"
ACCOUNT = "/accounts/{account}"
NOBODY: frozenset[str] = frozenset()
ADMINS = frozenset(SITE_ADMINS)
FORMS = [
    Form(f"{CHANNELS}/add", {"type": "email", "address": "new@example.edu"} | VOUCH),
    Form(f"{CHANNELS}/{{channel}}/change", {"address": "new@example.edu"} | VOUCH),
    Form(f"{CHANNELS}/{{channel}}/move", {"position": "2"}),
    Form(f"{CHANNELS}/{{channel}}/remove"),
    Form(f"{CHANNELS}/{{removed}}/restore"),
    Form(f"{CHANNELS}/{{unconfirmed}}/resend"),
    Form(f"{CHANNELS}/{{channel}}/test"),
    Form(f"{CHANNELS}/{{bouncing}}/reset", by=ADMINS, acting=None),
    Form(f"{CHANNELS}/{{phone}}/confirm", {"confirmation_code": "{code}"}, by=NOBODY, acting=False),
    Form(f"{CHANNELS}/devices/{{device}}/remove", by=NOBODY, acting=False),
    Form(f"{CHANNELS}/devices/{{removed_device}}/restore", by=NOBODY, acting=False),
    Form("/users/{user}/notifications", {"{channel}.announcement.immediately": "daily"}, by=NOBODY),
    Form(SETTINGS, {"time_zone": "Europe/Berlin", "locale": "de"}, by=NOBODY),
    Form(f"{SETTINGS}/quiet-hours", {"from": "22:00", "to": "06:00", "days": "monday"}, by=NOBODY),
    Form(f"{SETTINGS}/quiet-hours/restore", by=NOBODY),
    Form(f"{SETTINGS}/courses", {"course_id": "12", "enabled": "0"}, by=NOBODY),
    Form(f"{SETTINGS}/courses/12", {"{channel}.announcement": "never"}, by=NOBODY),
    Form("/users/{user}/act"),
    *(
        Form(f"{ACCOUNT}/{report}", chosen, by=ADMINS, acting=None, listed=True)
        for report in ("bouncing", "unconfirmed")
        for chosen in ({"channel": f"{{{report}}}"}, {"all": "1"})
    ),
]


def things(user: User) -> dict[str, Any]:
    """Something of the user's for each form."""
    load_catalogue()
    channel = make_channel(user)
    make_channel(user, "For All Devices", "push")
    phone = make_channel(user, "+16265550100", "sms", "unconfirmed")
    Confirmation.objects.create(channel=phone, user=user, address_folded=phone.address_folded)
    return {
        "user": user.pk,
        "account": default_account().pk,
        "channel": channel.pk,
        "phone": phone.pk,
        "code": issued_code(phone),
        "unconfirmed": make_channel(user, workflow_state="unconfirmed").pk,
        "bouncing": make_channel(user, bounce_count=1, last_bounce_at=timezone.now()).pk,
        "removed": make_channel(user, workflow_state="retired", retired_at=timezone.now()).pk,
        "device": make_device(user).pk,
        "removed_device": make_device(user, workflow_state="removed").pk,
    }


def outcomes(
    forms: list[Form], browser: Client, of_target: dict[str, Any]
) -> Iterator[tuple[Form, tuple[str, int, bool]]]:
    """Each form, what is answered, and whether anything was written, which is undone again."""
    before = written(*TABLES)
    for form in forms:
        with undone():
            status = form.send(browser, of_target)
            yield form, (str(form), status, written(*TABLES) != before)


def signed_in(user: User, of_target: dict[str, Any]) -> Client:
    """Somebody who has just removed a channel and a device, and ended quiet hours: they may undo it."""
    removed, device = of_target["removed"], of_target["removed_device"]
    by = {"user_id": of_target["user"], "actor": user}
    removal = AuditEntry.objects.create(**by, channel_id=removed, action=Action.RETIRE)
    of_device = AuditEntry.objects.create(**by, action=Action.REMOVE_DEVICE, details={"device_id": device})
    browser = Client()
    browser.force_login(user)
    session = browser.session
    session[REMOVED] = {"undo": "", "channel_id": removed, "state": "active", "removal": removal.pk}
    session[REMOVED] |= {"device_id": device, "device_removal": of_device.pk}
    session[ENDED] = {"from": "22:00", "to": "06:00", "days": ["monday"], "user": of_target["user"]}
    session.save()
    return browser


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    """Those of forms, of what the path names whom they are about."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif hasattr(getattr(pattern.callback, "view_class", None), "post"):
            yield route


def test_the_table_is_whole() -> None:
    """A new form makes this fail: say in the table who may send it."""
    pages = [each for each in get_resolver().url_patterns if "web" in str(getattr(each, "urlconf_name", ""))]
    assert pages
    of_somebody = {route for route in routes(pages) if "user_id>" in route or "account_id>" in route}
    in_table = {resolve(form.path.format_map(defaultdict(lambda: 1))).route for form in FORMS}
    assert of_somebody == in_table


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("caller", CALLERS)
def test_forms(caller: str, target: str) -> None:
    of_target = things(TARGETS[target]())
    browser = signed_in(CALLERS[caller](), of_target)
    for form, outcome in outcomes(FORMS, browser, of_target):
        allowed = caller in form.by and target in REACH.get(caller, ())
        answered = allowed or (form.listed and caller in form.by)
        assert outcome == (str(form), 302 if answered else 403, allowed)


@in_reach
def test_forms_of_whom_one_acts_as(caller: str, target: str) -> None:
    """What the user may do, and nothing that only they themselves may, nor that only the admin may."""
    user = TARGETS[target]()
    of_target = things(user)
    browser = signed_in(CALLERS[caller](), of_target)
    browser.post(f"/users/{user.pk}/act")
    of_courses = [form for form in FORMS if "courses" in form.path]  # the user has none
    for form, outcome in outcomes([form for form in FORMS if form not in of_courses], browser, of_target):
        allowed = user.is_site_admin if form.acting is None else form.acting
        assert outcome == (str(form), 302 if allowed else 403, allowed)


@in_reach
def test_a_password_is_ones_own_whoever_one_acts_as(caller: str, target: str, client: Client) -> None:
    user, by = TARGETS[target](), CALLERS[caller]()
    for each in (user, by):
        each.set_password("before and after")
        each.save()
    client.force_login(by)
    client.post(f"/users/{user.pk}/act")
    form = {"old_password": "before and after", "new_password1": "a strange one", "user_id": str(user.pk)}
    form |= {"new_password2": "a strange one", "as_user_id": str(user.pk)}
    assert client.post("/password", form).status_code == 302
    for each in (user, by):
        each.refresh_from_db()
        assert each.check_password("a strange one") is (each == by)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("caller", CALLERS)
def test_nobody_reaches_what_is_of_others_by_a_page_of_their_own(caller: str, target: str) -> None:
    of_target = things(TARGETS[target]())
    user = CALLERS[caller]()
    browser = signed_in(user, of_target)
    make_channel(user)
    of_one = [form for form in FORMS if form.path.count("{") > 1 or "{" in "".join(form.filled)]
    own = [
        Form(form.path.replace("/users/{user}", base), form.filled)
        for form in of_one
        for base in ("/users/{user}", "/profile")
        if not form.listed
    ]
    assert len(own) > 10
    for form, outcome in outcomes(own, browser, of_target | {"user": user.pk}):
        assert (str(form), outcome[2]) == (str(form), False)
