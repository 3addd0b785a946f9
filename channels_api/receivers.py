"""What the registry does when identity announces something."""

from typing import Any

from django.db.models import Q
from django.dispatch import receiver

from canvas_channels.identity.tokens import last_token_revoked
from channels_api import devices


@receiver(last_token_revoked)
def remove_devices_of_key(user_id: int, developer_key_id: int, **kwargs: Any) -> None:
    """Without a token of the key, its devices must hear nothing more of the user."""
    devices.remove(Q(user=user_id, developer_key=developer_key_id), because="last_token_revoked")
