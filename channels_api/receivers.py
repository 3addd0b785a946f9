"""What the registry does when something happens in identity."""

from typing import Any

from django.db.models import Q
from django.dispatch import receiver

from canvas_channels.core.identity.models import Login, User
from canvas_channels.core.identity.signals import login_named, password_set
from canvas_channels.core.identity.tokens import last_token_revoked
from channels_api.devices import registration
from channels_api.messages import security_notices


@receiver(last_token_revoked)
def remove_devices_of_key(user_id: int, developer_key_id: int, **kwargs: Any) -> None:
    """Without a token of the key, its devices must hear nothing more of the user."""
    registration.remove(Q(user=user_id, developer_key=developer_key_id), reason="last_token_revoked")


@receiver(password_set)
def tell_of_password(user: User, **kwargs: Any) -> None:
    security_notices.notify_new_password(user)


@receiver(login_named)
def tell_of_login(login: Login, **kwargs: Any) -> None:
    security_notices.notify_new_login(login)
