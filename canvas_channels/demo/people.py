"""The demo's accounts, developer keys, people and tokens.

Everything is made once and then left as its users changed it; secrets that no longer fit are made anew.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password
from django.utils import timezone
from oauth2_provider.models import AccessToken

from canvas_channels.core.identity.models import Account, AccountUser, DeveloperKey, Login, User
from canvas_channels.core.identity.oauth.scopes import endpoint_scope
from canvas_channels.core.identity.tokens import checksum, create_token, revoke_token
from channels_api.models import CommunicationChannel

LIST_CHANNELS = endpoint_scope("GET", "api/v1/users/<str:user_id>/communication_channels")
PLATFORMS = {"apns": "APNS", "fcm": "GCM"}
KEYS = ("apns", "fcm", "web", "scoped")
ACCOUNTS: dict[str, dict[str, Any]] = {
    "default": {"name": "Caltech", "is_default": True},
    "other": {"name": "Cheesecake", "admins_can_view_notifications": True},
    "locked": {"name": "Locked", "users_can_edit_comm_channels": False},
    "imported": {"name": "Imported", "edit_institution_email": False},
    "capped": {"name": "Capped", "max_communication_channels": 3},
    "bounces": {"name": "Bounces"},
    "suppressed": {"name": "Suppressed", "suppress_notifications": True},
    "texting": {"name": "Texting", "sms_notifications": True, "push_notifications": False},
    "weeks": {"name": "Riverside"},
}


@dataclass(frozen=True)
class Person:
    """``about`` says what they are there to try; ``begins_at`` names the page after signing in."""

    name: str
    login: str
    account: str = "default"
    rights: dict[str, Any] = field(default_factory=dict)
    is_account_admin: bool = False
    about: str = ""
    begins_at: str = "home"


PEOPLE = {
    "sheldon": Person("Sheldon Cooper", "sheldon@caltech.example.com", about="a person like most"),
    "leonard": Person("Leonard Hofstadter", "leonard@caltech.example.com", about="another one"),
    "penny": Person("Penny", "penny@cheesecake.example.com", "other", about="of another institution"),
    "admin": Person(
        "Amy Admin",
        "admin@caltech.example.com",
        is_account_admin=True,
        about="an admin of Caltech",
        begins_at="people",
    ),
    "other_admin": Person(
        "Olaf Admin",
        "admin@cheesecake.example.com",
        "other",
        is_account_admin=True,
        about="an admin of Cheesecake, who sees what was sent",
        begins_at="people",
    ),
    "siteadmin": Person(
        "Sita Admin",
        "siteadmin@caltech.example.com",
        rights={"is_site_admin": True, "is_staff": True},
        about="an admin of all institutions",
        begins_at="people",
    ),
    "locked": Person(
        "Lola Locked", "lola@locked.example.com", "locked", about="may not add or remove channels"
    ),
    "imported": Person(
        "Ida Imported", "ida@imported.example.com", "imported", about="has an address that has to stay"
    ),
    "capped": Person("Carl Capped", "carl@capped.example.com", "capped", about="may have three channels"),
    "bouncing": Person("Bob Bouncing", "bob@bounces.example.com", "bounces", about="has bad addresses"),
    "suppressed": Person(
        "Sue Suppressed", "sue@suppressed.example.com", "suppressed", about="gets no notifications"
    ),
    "texting": Person("Tess Texting", "tess@texting.example.com", "texting", about="gets text messages"),
    "deactivated": Person(
        "Dan Deactivated",
        "dan@caltech.example.com",
        rights={"workflow_state": User.WorkflowState.DEACTIVATED},
    ),
    "weeks_admin": Person(
        "Wanda Admin",
        "admin@riverside.example.com",
        "weeks",
        is_account_admin=True,
        about="an admin of Riverside, where messages have bounced for weeks",
        begins_at="people",
    ),
    "superuser": Person(
        "Rita Root",
        "root@caltech.example.com",
        rights={"is_site_admin": True, "is_staff": True, "is_superuser": True},
        about="may do everything, in Django's admin too",
        begins_at="admin:index",
    ),
}


def make_accounts() -> dict[str, Account]:
    return {
        key: Account.objects.get_or_create(name=values["name"], defaults=values)[0]
        for key, values in ACCOUNTS.items()
    }


def make_keys(sns_arns: Mapping[str, str]) -> dict[str, DeveloperKey]:
    """The developer keys; ``sns_arns`` gives those of push their platform application."""
    made = {}
    for key in KEYS:
        scoped = key == "scoped"
        made[key], _ = DeveloperKey.objects.update_or_create(
            client_id=f"demo-{key}",
            defaults={"sns_arn": sns_arns.get(key, "")},
            create_defaults={
                "name": f"Demo {key}",
                "client_type": DeveloperKey.CLIENT_PUBLIC,
                "authorization_grant_type": DeveloperKey.GRANT_AUTHORIZATION_CODE,
                "redirect_uris": "http://127.0.0.1/callback",
                "sns_arn": sns_arns.get(key, ""),
                "require_scopes": scoped,
                "scopes": [LIST_CHANNELS] if scoped else [],
            },
        )
    return made


def make_user(key: str, account: Account) -> User:
    """The person's user, with a login and the channels to start with where it is new."""
    person = PEOPLE[key]
    login = Login.objects.filter(account=account, unique_id=person.login).select_related("user").first()
    if login:
        return login.user
    user = User.objects.create_user(person.name, account, **person.rights)
    Login.objects.create(
        user=user,
        account=account,
        unique_id=person.login,
        sis_user_id=f"S-{user.pk}",
        imported_email=person.login if key == "imported" else "",
    )
    if person.is_account_admin:
        AccountUser.objects.create(user=user, account=account)
    add_channel(user, 1, person.login, institutional=key == "imported")
    if key == "bouncing":
        add_bounced_channels(user)
    return user


def add_channel(user: User, position: int, address: str, **fields: Any) -> None:
    CommunicationChannel.objects.create(
        user=user,
        type=CommunicationChannel.Type.EMAIL,
        address=address,
        position=position,
        made_with_user=True,
        **{"workflow_state": CommunicationChannel.WorkflowState.ACTIVE} | fields,
    )


def add_bounced_channels(user: User) -> None:
    now = timezone.now()
    for number in range(1, 7):
        add_channel(
            user,
            1 + number,
            f"bounced{number}@bounces.example.com",
            bounce_count=1,
            last_bounce_at=now - timedelta(minutes=10 * number),
            last_bounce_summary="550 5.1.1 No such user" if number == 1 else None,
        )


def fitting_password(user: User, known: str) -> str:
    """The password of the user: ``known`` where it is right, else a new one."""
    if known and check_password(known, user.password):
        return known
    password = secrets.token_urlsafe(16)
    hasher = PBKDF2PasswordHasher()
    # One round: stretching protects passwords that people think of, not 128 random bits.
    user.password = hasher.encode(password, hasher.salt(), iterations=1)
    user.save(update_fields=["password"])
    return password


def fitting_tokens(user: User, keys: Mapping[str, DeveloperKey], known: Mapping[str, str]) -> dict[str, str]:
    """The user's tokens by name: those of ``known`` that are as they should be, and new ones for the rest."""
    sums = {name: checksum(plain) for name, plain in known.items()}
    stored = AccessToken.objects.filter(user=user, token_checksum__in=sums.values())
    present = set(stored.values_list("token_checksum", flat=True))
    fitting = {name: known[name] for name, value in sums.items() if value in present}
    for name in KEYS:
        if name not in fitting:
            scopes = [LIST_CHANNELS] if name == "scoped" else []
            fitting[name] = create_token(user, keys[name], scopes=scopes)[1]
    if "expired" not in fitting:
        fitting["expired"] = create_token(user, keys["web"], expires=timezone.now() - timedelta(days=1))[1]
    return fitting


def revoked_token(user: User, key: DeveloperKey) -> str:
    """The plain text of a token that was good once."""
    token, plain = create_token(user, key)
    revoke_token(token)
    return plain
