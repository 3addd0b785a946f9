import sys
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import transaction

from canvas_channels.core.identity.management.lookups import find_account, row_id
from canvas_channels.core.identity.management.saving import (
    clean_and_save,
    explain,
    write_errors_as_command_errors,
)
from canvas_channels.core.identity.models import AccountUser, Login, User
from channels_api.addresses import compared
from channels_api.channels.imported import ensure_active_email
from channels_api.management.errors import channel_errors_as_validation_errors, checked_email


class Command(BaseCommand):
    help = "Make a user and print their id. Without --password-stdin they have no password to sign in with."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The person's full name, as 'Sheldon Cooper'.")
        parser.add_argument(
            "--account", type=row_id, metavar="ID", help="Their home account; default the default account."
        )
        parser.add_argument("--login", help="A name that they sign in with, unique in the account.")
        parser.add_argument("--sis-user-id", metavar="SIS_ID", help="Their id in the student system.")
        parser.add_argument(
            "--imported-email", default="", metavar="EMAIL", help="The address that the institution imported."
        )
        parser.add_argument(
            "--email",
            default="",
            help="An address for an active email channel; institutional if it is the imported one.",
        )
        parser.add_argument(
            "--password-stdin", action="store_true", help="Read their password from the first line of stdin."
        )
        parser.add_argument("--locale", choices=[code for code, _ in settings.LANGUAGES], default="")
        parser.add_argument(
            "--pre-registered", action="store_true", help="They count as registered once they confirm."
        )
        parser.add_argument("--site-admin", action="store_true", help="An admin over everyone in the API.")
        parser.add_argument(
            "--account-admin",
            action="append",
            type=row_id,
            default=[],
            metavar="ID",
            help="An admin over this account's users; repeatable.",
        )
        parser.add_argument(
            "--staff", action="store_true", help="May sign in to /admin/, with the rights given there."
        )
        parser.add_argument("--superuser", action="store_true", help="May do everything in /admin/.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["login"]:
            for needs_login in ("sis_user_id", "imported_email", "password_stdin"):
                if options[needs_login]:
                    raise CommandError(f"--{needs_login.replace('_', '-')} needs a --login.")
        with write_errors_as_command_errors(), transaction.atomic():
            user = self._user(options)
            if options["login"]:
                self._login(user, options)
            for account_id in dict.fromkeys(options["account_admin"]):
                clean_and_save(AccountUser(account=find_account(account_id), user=user))
            if options["email"]:
                imported = compared(options["email"]) == compared(options["imported_email"])
                with channel_errors_as_validation_errors(options["email"]):
                    ensure_active_email(user, options["email"], institutional=imported)
        self.stdout.write(str(user.pk))

    def _user(self, options: dict[str, Any]) -> User:
        state = User.WorkflowState
        user = User(
            name=options["name"],
            home_account=find_account(options["account"]),
            locale=options["locale"],
            workflow_state=state.PRE_REGISTERED if options["pre_registered"] else state.REGISTERED,
            is_site_admin=options["site_admin"],
            is_staff=options["staff"] or options["superuser"],
            is_superuser=options["superuser"],
        )
        user.set_password(self._password(user) if options["password_stdin"] else None)
        clean_and_save(user)
        return user

    def _login(self, user: User, options: dict[str, Any]) -> None:
        imported = options["imported_email"]
        login = Login(
            user=user,
            account=user.home_account,
            unique_id=options["login"],
            sis_user_id=options["sis_user_id"],
            imported_email=checked_email(imported) if imported else "",
        )
        clean_and_save(login)

    def _password(self, user: User) -> str:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise CommandError("There is no password on stdin.")
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(explain(error)) from error
        return password
