"""Browsers of people who are signed in."""

from typing import Any

from django.test import Client

from canvas_channels.core.identity.models import User


def signed_in(user: User, **options: Any) -> Client:
    """``options`` are those of Django's client."""
    client = Client(**options)
    client.force_login(user)
    return client
