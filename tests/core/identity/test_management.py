"""The operator's commands: what they write, and what they say to every bad input."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken
from pytest_django import Settings

from canvas_channels.core.identity.management.commands import create_token as create_token_command
from canvas_channels.core.identity.models import Account, DeveloperKey
from canvas_channels.core.identity.tokens import NEVER, checksum
from tests import factories
from tests.commands import refusal, run

pytestmark = pytest.mark.django_db

SCOPE = "url:GET|/api/v1/users/:user_id/communication_channels"
OTHER_SCOPE = "url:POST|/api/v1/users/:user_id/communication_channels"


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda text: monkeypatch.setattr("sys.stdin", StringIO(text))


@pytest.mark.parametrize(
    "command",
    [
        "create_account",
        "create_user",
        "import_users",
        "deactivate_user",
        "create_developer_key",
        "create_token",
        "list_tokens",
        "revoke_token",
    ],
)
def test_each_has_a_help_text(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command(command, "--help")
    assert len(capsys.readouterr().out) > 300


class TestCreateAccount:
    def test_prints_its_id(self) -> None:
        account = Account.objects.get(pk=int(run("create_account", "Caltech")))
        assert (account.name, account.is_default, account.region) == ("Caltech", False, "US")

    def test_takes_every_setting(self) -> None:
        flags = ["--default", "--region", "de", "--locale", "de", "--max-channels", "5"]
        flags += ["--no-edit-channels", "--keep-institution-email", "--institution-email-first"]
        account = Account.objects.get(pk=int(run("create_account", "TUM", *flags)))
        assert (account.is_default, account.region, account.locale) == (True, "DE", "de")
        assert account.max_communication_channels == 5
        assert not account.users_can_edit_comm_channels
        assert not account.edit_institution_email
        assert account.institution_email_first

    def test_refuses_a_second_default(self) -> None:
        factories.default_account()
        assert refusal("create_account", "X", "--default") == "Another account is the default one already."

    @pytest.mark.parametrize("flags", [["--region", "USA"], ["--locale", "xx"], ["--max-channels", "-1"]])
    def test_refuses_a_bad_setting(self, flags: list[str]) -> None:
        assert flags[0] in refusal("create_account", "X", *flags)

    def test_refuses_an_empty_or_endless_name(self) -> None:
        assert refusal("create_account", "") == "Name: This field cannot be blank."
        assert "at most 255" in refusal("create_account", "x" * 256)


class TestCreateDeveloperKey:
    def test_a_public_key_has_no_secret_to_show(self) -> None:
        out = run("create_developer_key", "App", "--sns-arn", factories.APNS_ARN)
        key = DeveloperKey.objects.get()
        assert out == f"id: {key.pk}\nclient_id: {key.client_id}\n"
        assert (key.client_type, key.sns_platform) == ("public", "APNS")

    def test_a_confidential_keys_secret_is_shown_once(self) -> None:
        out = run(
            "create_developer_key", "Server", "--confidential", "--redirect-uri", "https://x.example/cb"
        )
        secret = out.partition("client_secret: ")[2].strip()
        assert len(secret) > 40
        assert secret not in DeveloperKey.objects.get().client_secret

    def test_lists_scopes(self) -> None:
        run("create_developer_key", "App", "--require-scopes", "--scope", SCOPE, "--scope", SCOPE)
        key = DeveloperKey.objects.get()
        assert (key.require_scopes, key.scopes) == (True, [SCOPE])

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (["--sns-arn", "arn:aws:sns:nonsense"], "Not the ARN of an SNS platform application."),
            (["--scope", "url:GET|/api/v1/shoes"], "No endpoint has the scope 'url:GET|/api/v1/shoes'."),
            (["--redirect-uri", "javascript:alert(1)"], "Redirect_uris"),
            (["--public", "--confidential"], "not allowed with"),
        ],
    )
    def test_refuses_in_one_line(self, flags: list[str], message: str) -> None:
        assert message in refusal("create_developer_key", "App", *flags)
        assert not DeveloperKey.objects.exists()


class TestTokens:
    def test_prints_the_token_and_nothing_else(self) -> None:
        user = factories.make_user(login="penny")
        key = factories.make_key()
        plain = run("create_token", "--login", "penny", "--developer-key", key.client_id).removesuffix("\n")
        token = AccessToken.objects.get(token_checksum=checksum(plain))
        assert (token.user, token.application, token.expires) == (user, key, NEVER)

    def test_takes_listed_scopes_and_an_end(self) -> None:
        user, key = factories.make_user(), factories.make_key(require_scopes=True, scopes=[SCOPE])
        flags = ["--user", str(user.pk), "--developer-key", str(key.pk)]
        run("create_token", *flags, "--scope", SCOPE, "--expires", "7")
        token = AccessToken.objects.get()
        assert token.scope == SCOPE
        assert timedelta(days=6) < token.expires - timezone.now() < timedelta(days=8)
        assert "requires scopes" in refusal("create_token", *flags)
        assert "does not list" in refusal("create_token", *flags, "--scope", OTHER_SCOPE)

    def test_refuses_the_deactivated(self) -> None:
        user, key = factories.make_user(), factories.make_key()
        off = factories.make_key(workflow_state="inactive")
        gone = factories.make_user(workflow_state="deactivated")
        message = refusal("create_token", "--user", str(gone.pk), "--developer-key", str(key.pk))
        assert message == f"User {gone.pk} is deactivated."
        message = refusal("create_token", "--user", str(user.pk), "--developer-key", str(off.pk))
        assert message == f"Developer key {off.pk} is inactive."
        assert refusal("create_token", "--user", str(user.pk), "--developer-key", "x") == (
            "There is no developer key 'x'."
        )
        assert refusal("create_token", "--developer-key", "x") == "Say who: --user or --login."

    @pytest.mark.parametrize("text", ["soon", "2020-01-01", "0", "9" * 30, "2099-13-01", "2020-01-01T10:00"])
    def test_refuses_a_senseless_end(self, text: str) -> None:
        assert "argument --expires" in refusal(
            "create_token", "--user", "1", "--developer-key", "1", "--expires", text
        )

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2099-01-02", "2099-01-02T00:00:00+00:00"),
            ("2099-01-02T03:04:05", "2099-01-02T03:04:05+00:00"),
            ("2099-01-02T03:04:05+02:00", "2099-01-02T03:04:05+02:00"),
        ],
    )
    def test_reads_an_end(self, text: str, expected: str) -> None:
        assert create_token_command.end(text).isoformat() == expected

    def test_lists_tokens_but_never_shows_them(self) -> None:
        user, key = factories.make_user(login="penny"), factories.make_key(scopes=[SCOPE])
        plain = factories.make_token(user, key, scopes=[SCOPE])
        factories.make_token(factories.make_user())
        by_user = run("list_tokens", "--login", "penny")
        assert by_user == run("list_tokens", "--developer-key", str(key.pk))
        pk, user_id, key_id, _, ends, scope = by_user.strip().split("\t")
        assert AccessToken.objects.get(pk=pk).user == user
        assert (user_id, key_id, ends, scope) == (str(user.pk), str(key.pk), "never", SCOPE)
        assert plain not in by_user
        assert checksum(plain) not in by_user
        assert refusal("list_tokens") == "Say whose: --user, --login or --developer-key."

    def test_revokes_by_id_and_by_the_token_itself(self, type_in: Any) -> None:
        user = factories.make_user()
        factories.make_token(user)
        first = AccessToken.objects.get()
        second = factories.make_token(user)
        assert run("revoke_token", str(first.pk)) == f"Revoked token {first.pk}.\n"
        type_in(f"{second}\n")
        run("revoke_token", "--token-stdin")
        assert not AccessToken.objects.exists()

    def test_says_when_there_is_no_such_token(self, type_in: Any) -> None:
        type_in("nonsense\n")
        assert refusal("revoke_token", "--token-stdin") == "There is no such token."
        assert refusal("revoke_token", "1") == "There is no such token."
        assert "required" in refusal("revoke_token")


class TestKeyRotation:
    def test_a_session_of_the_old_key_still_works(self, client: Client, settings: Settings) -> None:
        user = factories.make_user(is_staff=True, is_superuser=True)
        client.force_login(user)
        settings.SECRET_KEY_FALLBACKS = [django_settings.SECRET_KEY]
        settings.SECRET_KEY = "a-new-key-that-is-long-enough-for-anyone"
        assert client.get("/admin/").status_code == 200

    def test_a_dropped_key_ends_its_sessions(self, client: Client, settings: Settings) -> None:
        client.force_login(factories.make_user(is_staff=True))
        settings.SECRET_KEY = "a-new-key-that-is-long-enough-for-anyone"
        assert client.get("/admin/").status_code == 302

    def test_signed_data_of_the_old_key_is_read(self, settings: Settings) -> None:
        store = SessionStore()
        encoded = store.encode({"basket": 1})
        settings.SECRET_KEY_FALLBACKS = [django_settings.SECRET_KEY]
        settings.SECRET_KEY = "a-new-key-that-is-long-enough-for-anyone"
        assert store.decode(encoded) == {"basket": 1}
