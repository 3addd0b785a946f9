"""``manage.py load_demo --file FILE``: the demo's people, and what they log in with, in FILE."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import boto3
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from canvas_channels.core.identity.models import Account, DeveloperKey
from canvas_channels.demo import people, weeks
from channels_api.models import PushDevice


class Command(BaseCommand):
    help = "Make the demo's accounts, developer keys, people and tokens, and write them to a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--file", type=Path, required=True, help="JSON; its secrets are kept where they fit"
        )

    def handle(self, *_: Any, file: Path, **__: Any) -> None:
        arns = make_platform_applications()
        known = read_known(file)
        with transaction.atomic():
            accounts = people.make_accounts()
            keys = people.make_keys(arns)
            users = {key: make_person(key, accounts, keys, known.get(key, {})) for key in people.PEOPLE}
            weeks.make_weeks(accounts["weeks"])
            register_devices_again()
            write_private(file, {**places(), **describe(accounts, keys), "users": users})


def make_platform_applications() -> dict[str, str]:
    """SNS's applications by developer key; the stand-in forgets them when it ends. Safe to run twice."""
    sns = boto3.client("sns", region_name=settings.AWS_REGION)
    return {
        key: sns.create_platform_application(
            Name=f"canvas-{key}", Platform=platform, Attributes={"PlatformCredential": "demo"}
        )["PlatformApplicationArn"]
        for key, platform in people.PLATFORMS.items()
    }


def register_devices_again() -> None:
    """Have the worker bring SNS, which has forgotten the devices too, in line with them."""
    kept = PushDevice.objects.exclude(workflow_state=PushDevice.WorkflowState.REMOVED)
    for device in kept.order_by("pk"):
        device.workflow_state = PushDevice.WorkflowState.PENDING
        device.save(update_fields=["workflow_state", "updated_at"])
        PushDevice.job.ask_again([device.pk])


def make_person(
    key: str, accounts: dict[str, Account], keys: dict[str, DeveloperKey], known: dict[str, Any]
) -> dict[str, Any]:
    person = people.PEOPLE[key]
    user = people.make_user(key, accounts[person.account])
    known_tokens = dict(known.get("tokens", {}))
    revoked = known_tokens.pop("revoked", None)
    tokens = people.fitting_tokens(user, keys, known_tokens)
    if key == "sheldon":
        tokens["revoked"] = revoked or people.revoked_token(user, keys["web"])
    return {
        "id": user.pk,
        "name": user.name,
        "login": person.login,
        "password": people.fitting_password(user, known.get("password", "")),
        "sis_user_id": f"S-{user.pk}",
        "tokens": tokens,
    }


def places() -> dict[str, str]:
    return {
        "base_url": settings.PUBLIC_URL,
        "outbox_url": f"{settings.PUBLIC_URL}/demo/outbox.json",
        "sns_url": os.environ["AWS_ENDPOINT_URL_SNS"],
    }


def describe(accounts: dict[str, Account], keys: dict[str, DeveloperKey]) -> dict[str, dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = {
        key: {"id": account.pk, "name": account.name} for key, account in accounts.items()
    }
    shown["capped"]["max_communication_channels"] = accounts["capped"].max_communication_channels
    return {
        "accounts": shown,
        "developer_keys": {
            key: {"id": made.pk, "sns_arn": made.sns_arn or None} for key, made in keys.items()
        },
    }


def read_known(file: Path) -> dict[str, Any]:
    """The people of an earlier start; none where the file is missing or broken."""
    try:
        users = json.loads(file.read_text())["users"]
    except (OSError, ValueError, KeyError):
        return {}
    return users if isinstance(users, dict) else {}


def write_private(file: Path, content: dict[str, Any]) -> None:
    """Replace the file at once, readable by its owner only."""
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(content, indent=2) + "\n")
    draft.replace(file)
