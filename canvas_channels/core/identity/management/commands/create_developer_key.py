from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from oauth2_provider.generators import generate_client_secret

from canvas_channels.core.identity.management.saving import write_errors_as_command_errors
from canvas_channels.core.identity.models import DeveloperKey
from canvas_channels.core.identity.oauth.scopes import all_scopes


class Command(BaseCommand):
    help = (
        "Make a developer key (an OAuth 2 client) and print its id and client id. A confidential one's "
        "client secret is printed too, and never again: only its hash is kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The client's name, as people see it when they sign in with it.")
        kind = parser.add_mutually_exclusive_group()
        kind.add_argument(
            "--public",
            dest="client_type",
            action="store_const",
            const=DeveloperKey.CLIENT_PUBLIC,
            help="An app that cannot keep a secret, as a mobile one; it must use PKCE. The default.",
        )
        kind.add_argument(
            "--confidential",
            dest="client_type",
            action="store_const",
            const=DeveloperKey.CLIENT_CONFIDENTIAL,
            help="A server that can keep a secret.",
        )
        parser.set_defaults(client_type=DeveloperKey.CLIENT_PUBLIC)
        parser.add_argument(
            "--redirect-uri",
            action="append",
            default=[],
            metavar="URI",
            help="Where people return to after signing in; repeatable. Without one nobody can sign in "
            "through the key, and its tokens come from create_token.",
        )
        parser.add_argument(
            "--sns-arn",
            default="",
            metavar="ARN",
            help="SNS platform application that the client's devices register with.",
        )
        parser.add_argument(
            "--require-scopes", action="store_true", help="Its tokens reach only what their scopes name."
        )
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            help="A scope that it may ask for, as 'url:GET|/api/v1/users/:user_id'; repeatable.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        unknown = [scope for scope in options["scope"] if scope not in all_scopes()]
        if unknown:
            raise CommandError(f"No endpoint has the scope {unknown[0]!r}.")
        secret = generate_client_secret()
        key = DeveloperKey(
            name=options["name"],
            client_type=options["client_type"],
            client_secret=secret,
            authorization_grant_type=DeveloperKey.GRANT_AUTHORIZATION_CODE,
            redirect_uris=" ".join(options["redirect_uri"]),
            sns_arn=options["sns_arn"],
            require_scopes=options["require_scopes"],
            scopes=list(dict.fromkeys(options["scope"])),
        )
        with write_errors_as_command_errors():
            key.clean_fields()
            if key.redirect_uris:
                key.clean()  # refuses a key without any
            key.validate_constraints()
            key.save()
        self.stdout.write(f"id: {key.pk}")
        self.stdout.write(f"client_id: {key.client_id}")
        if key.client_type == DeveloperKey.CLIENT_CONFIDENTIAL:
            self.stdout.write(f"client_secret: {secret}")
