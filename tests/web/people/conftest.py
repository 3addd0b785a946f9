"""Somebody, and their browser."""

import pytest
from django.test import Client

from canvas_channels.core.identity.models import User
from tests.factories import make_user


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def owner(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
