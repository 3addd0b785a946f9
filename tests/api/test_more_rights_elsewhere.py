"""No way around by what changes many channels at once, or by the actions of Django's admin."""

from typing import Any

import pytest
from axes.models import AccessAttempt
from django.db import connection
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken, RefreshToken
from procrastinate.contrib.django.models import ProcrastinateJob

from canvas_channels.core.identity.models import PasswordReset, User
from channels_api.accounts import progress
from channels_api.models import Confirmation, Progress
from tests.api.rights import CALLERS, REACH, STAFF, STAFF_REACH, TARGETS, staff_browser
from tests.factories import default_account, make_channel, make_key, make_site_admin, make_token, make_user
from tests.notifications.services import do_all

pytestmark = pytest.mark.django_db


def do(browser: Client, page: str, action: str, row: Any) -> None:
    form = {"action": action, "_selected_action": [str(row.pk)]}
    assert browser.post(f"/admin/{page}/", form).status_code == 302


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("caller", CALLERS)
class TestBulk:
    @pytest.fixture
    def changes(self, caller: str, target: str) -> bool:
        return caller.startswith("site admin") and target in REACH[caller]

    def ask(self, as_user: Any, caller: str, path: str) -> Any:
        answer = as_user(CALLERS[caller]()).call("POST", f"/accounts/{default_account().pk}/{path}")
        assert answer.status_code == (200 if caller.startswith("site admin") else 403)
        return answer.json()

    def test_confirm(self, caller: str, target: str, changes: bool, as_user: Any) -> None:
        channel = make_channel(TARGETS[target](), workflow_state="unconfirmed")
        said = self.ask(as_user, caller, "unconfirmed_communication_channels/confirm")
        channel.refresh_from_db()
        assert channel.workflow_state == ("active" if changes else "unconfirmed")
        assert said.get("confirmed_count", 0) == int(changes)

    def test_reset(self, caller: str, target: str, changes: bool, as_user: Any) -> None:
        channel = make_channel(TARGETS[target](), bounce_count=1, last_bounce_at=timezone.now())
        self.ask(as_user, caller, "bouncing_communication_channels/reset")
        assert Progress.objects.exists() is changes
        for work in Progress.objects.all():
            do_all(progress.step, work.pk)
        channel.refresh_from_db()
        assert channel.bounce_count == int(not changes)


def test_a_reset_spares_who_was_given_more_rights_meanwhile(as_user: Any) -> None:
    user = make_user()
    channel = make_channel(user, bounce_count=1, last_bounce_at=timezone.now())
    path = f"/accounts/{default_account().pk}/bouncing_communication_channels/reset"
    assert as_user(make_site_admin()).call("POST", path).status_code == 200
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    do_all(progress.step, Progress.objects.get().pk)
    channel.refresh_from_db()
    assert channel.bounce_count == 1


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("caller", STAFF)
class TestActionsOfDjangosAdmin:
    @pytest.fixture
    def user(self, target: str) -> User:
        return TARGETS[target]()

    @pytest.fixture
    def allowed(self, caller: str, target: str) -> bool:
        return target in STAFF_REACH[caller]

    def test_revoking_tokens(self, caller: str, user: User, allowed: bool) -> None:
        make_token(user)
        browser = staff_browser(caller)
        do(browser, "oauth2_provider/accesstoken", "revoke", AccessToken.objects.get())
        assert AccessToken.objects.exists() is not allowed

    def test_revoking_refresh_tokens(self, caller: str, user: User, allowed: bool) -> None:
        token = RefreshToken.objects.create(user=user, application=make_key(), token="refresh")
        do(staff_browser(caller), "oauth2_provider/refreshtoken", "revoke", token)
        token.refresh_from_db()
        assert (token.revoked is not None) is allowed

    def test_unlocking_a_login(self, caller: str, user: User, allowed: bool) -> None:
        login = user.logins.earliest("pk").unique_id
        failures = AccessAttempt.objects.create(
            username=login, ip_address="192.0.2.1", failures_since_start=5
        )
        do(staff_browser(caller), "axes/accessattempt", "unlock", failures)
        assert AccessAttempt.objects.exists() is not allowed

    def test_sending_a_link_to_confirm(self, caller: str, user: User, allowed: bool) -> None:
        channel = make_channel(user, workflow_state="unconfirmed")
        asked = Confirmation.objects.create(
            channel=channel, user=user, address_folded=channel.address_folded, workflow_state="failed"
        )
        do(staff_browser(caller), "channels_api/confirmation", "retry", asked)
        asked.refresh_from_db()
        assert asked.workflow_state == ("requested" if allowed else "failed")

    def test_running_the_job_of_a_link_to_confirm(self, caller: str, user: User, allowed: bool) -> None:
        channel = make_channel(user, workflow_state="unconfirmed")
        asked = Confirmation.objects.create(
            channel=channel, user=user, address_folded=channel.address_folded, failure="no answer"
        )
        Confirmation.job.ask([asked.pk])
        browser = staff_browser(caller)
        do(browser, "procrastinate/procrastinatejob", "run_again", ProcrastinateJob.objects.get())
        asked.refresh_from_db()
        assert asked.failure == ("" if allowed else "no answer")

    def test_sending_a_link_to_set_a_new_password(self, caller: str, user: User, allowed: bool) -> None:
        login = user.logins.earliest("pk").unique_id.lower()
        reset = PasswordReset.objects.create(unique_id=login, workflow_state="failed")
        do(staff_browser(caller), "identity/passwordreset", "retry", reset)
        reset.refresh_from_db()
        assert reset.workflow_state == ("requested" if allowed else "failed")

    def test_running_the_job_of_a_new_password(self, caller: str, user: User, allowed: bool) -> None:
        reset = PasswordReset.objects.create(unique_id=user.logins.earliest("pk").unique_id.lower())
        PasswordReset.job.ask([reset.pk])
        with connection.cursor() as cursor:  # procrastinate's models are read-only
            cursor.execute(
                "UPDATE procrastinate_jobs SET attempts = 1, scheduled_at = now() + interval '1 hour'"
            )
        [job] = ProcrastinateJob.objects.all()
        do(staff_browser(caller), "procrastinate/procrastinatejob", "run_again", job)
        job.refresh_from_db()
        assert job.status == ("cancelled" if allowed else "todo")
