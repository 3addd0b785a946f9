from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from oauth2_provider.models import AccessToken

from canvas_channels.core.identity.management.lookups import add_user_options, find_key, user_if_chosen
from canvas_channels.core.identity.tokens import NEVER


class Command(BaseCommand):
    help = (
        "List access tokens, one a line, tab-separated: id, user id, developer key's id, when made, when it "
        "ends, scopes. The tokens themselves are not kept and cannot be shown."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_user_options(parser)
        parser.add_argument("--developer-key", metavar="KEY", help="The key's id or client id.")

    def handle(self, *args: Any, **options: Any) -> None:
        user = user_if_chosen(options)
        if user is None and options["developer_key"] is None:
            raise CommandError("Say whose: --user, --login or --developer-key.")
        tokens = AccessToken.objects.order_by("pk")
        if user is not None:
            tokens = tokens.filter(user=user)
        if options["developer_key"] is not None:
            tokens = tokens.filter(application=find_key(options["developer_key"]))
        columns = ("pk", "user_id", "application_id", "created", "expires", "scope")
        for pk, user_id, key_id, created, expires, scope in tokens.values_list(*columns).iterator():
            ends = "never" if expires == NEVER else expires.isoformat(timespec="seconds")
            made = created.isoformat(timespec="seconds")
            self.stdout.write(f"{pk}\t{user_id}\t{key_id}\t{made}\t{ends}\t{scope or '-'}")
