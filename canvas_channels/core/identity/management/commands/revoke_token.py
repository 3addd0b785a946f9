import sys
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from oauth2_provider.models import AccessToken

from canvas_channels.core.identity.management.lookups import row_id
from canvas_channels.core.identity.tokens import checksum, revoke_token


class Command(BaseCommand):
    help = (
        "Revoke an access token, and the refresh token that came with it. A user's last token of a "
        "developer key takes their devices under that key along."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument(
            "token_id", nargs="?", type=row_id, help="The token's id, as list_tokens shows it."
        )
        which.add_argument(
            "--token-stdin",
            action="store_true",
            help="Read the token itself from stdin, so that it is in no process list and no history.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["token_stdin"]:
            wanted = {"token_checksum": checksum(sys.stdin.readline().strip())}
        else:
            wanted = {"pk": options["token_id"]}
        token = AccessToken.objects.filter(**wanted).first()
        if token is None:
            raise CommandError("There is no such token.")
        revoke_token(token)
        self.stdout.write(f"Revoked token {token.pk}.")
