from typing import Any

from django.core.management import BaseCommand, CommandParser
from django.db import transaction
from oauth2_provider.models import AccessToken

from canvas_channels.core.counts import counted
from canvas_channels.core.identity.management.lookups import add_user_options, chosen_user
from canvas_channels.core.identity.models import User
from canvas_channels.core.identity.tokens import revoke_token


class Command(BaseCommand):
    help = "Deactivate a user: their sessions and tokens are refused from now on; nothing is deleted."

    def add_arguments(self, parser: CommandParser) -> None:
        add_user_options(parser)
        parser.add_argument(
            "--revoke-tokens",
            action="store_true",
            help="Revoke their access tokens too, for good, and with them their push devices.",
        )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        user = chosen_user(options)
        user.workflow_state = User.WorkflowState.DEACTIVATED
        user.save(update_fields=["workflow_state"])
        revoked = 0
        if options["revoke_tokens"]:
            for token in AccessToken.objects.filter(user=user):
                revoke_token(token)
                revoked += 1
        tokens = f" and revoked {counted(revoked, 'token')}" if options["revoke_tokens"] else ""
        self.stdout.write(f"Deactivated user {user.pk}{tokens}.")
