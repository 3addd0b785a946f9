"""What the registry does when identity announces something."""

from typing import Any

from django.db.models import Q
from django.dispatch import receiver

from canvas_channels.identity.models import Login, User
from canvas_channels.identity.signals import login_named, password_set
from canvas_channels.identity.tokens import last_token_revoked
from channels_api import announcements, devices


@receiver(last_token_revoked)
def remove_devices_of_key(user_id: int, developer_key_id: int, **kwargs: Any) -> None:
    """Without a token of the key, its devices must hear nothing more of the user."""
    devices.remove(Q(user=user_id, developer_key=developer_key_id), because="last_token_revoked")


@receiver(password_set)
def tell_of_password(user: User, **kwargs: Any) -> None:
    announcements.announce_password(user)


@receiver(login_named)
def tell_of_login(login: Login, **kwargs: Any) -> None:
    announcements.announce_login(login)
