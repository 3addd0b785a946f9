"""The forms of Django's admin: what each model's shows, in an order that somebody thought of."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.test import Client

from tests.factories import make_user

PAGES: dict[str, Any] = {model._meta.label: page for model, page in admin.site._registry.items()}


def is_date(page: Any, name: str) -> bool:
    try:
        return isinstance(page.opts.get_field(name), models.DateField)
    except FieldDoesNotExist:
        return False


@pytest.mark.parametrize("label", PAGES)
def test_each_form_names_its_fields_the_dates_last(label: str) -> None:
    page = PAGES[label]
    assert page.fieldsets or page.fields
    groups = page.fieldsets or [(None, {"fields": page.fields})]
    for _, options in groups:
        dates = [is_date(page, name) for name in flatten(options["fields"])]
        assert dates == sorted(dates)
    titles = [title for title, _ in groups]
    assert "Dates" not in titles[:-1]


@pytest.mark.django_db
@pytest.mark.parametrize(("short_name", "greeting"), [("", "Ada Byron"), ("Ada", "Ada")])
def test_people_are_greeted_by_name(client: Client, short_name: str, greeting: str) -> None:
    user = make_user("Ada Byron", is_staff=True)
    type(user).objects.filter(pk=user.pk).update(short_name=short_name)
    client.force_login(user)
    assert f"<strong>{greeting}</strong>" in client.get("/admin/").content.decode()
