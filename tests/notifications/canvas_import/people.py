"""People as Canvas has them, by the columns of its tables: any number, always the same."""

import csv
import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

NOTIFICATIONS = {31: "New Announcement", 32: "Assignment Due Date Changed", 33: "Submission Comment"}
FREQUENCIES = ("immediately", "daily", "weekly", "never")
CREATED = "2021-09-01T12:00:00.000Z"

Table = list[dict[str, Any]]
Tables = dict[str, Table]


def tables(people: int) -> Tables:
    """``people`` users with a login each and about two channels, as the Data Access Platform has them."""
    found: Tables = {
        "users": [],
        "pseudonyms": [],
        "communication_channels": [],
        "notification_policies": [],
        "notifications": [{"id": pk, "name": name} for pk, name in NOTIFICATIONS.items()],
    }
    for number in range(1, people + 1):
        user = _user(number)
        found["users"].append(user)
        found["pseudonyms"].append(_pseudonym(number, user["id"]))
        channels = list(_channels(number, user["id"]))
        found["communication_channels"] += channels
        for channel in channels:
            found["notification_policies"] += _policies(number, channel)
    return found


def by_api(people: int) -> Tables:
    """The same as the API shows it: without retired channels."""
    found = tables(people)
    channels = found["communication_channels"]
    retired = {row["id"] for row in channels if row["workflow_state"] == "retired"}
    policies = found["notification_policies"]
    return found | {
        "communication_channels": [row for row in channels if row["id"] not in retired],
        "notification_policies": [row for row in policies if row["communication_channel_id"] not in retired],
    }


def _user(number: int) -> dict[str, Any]:
    return {
        "id": 100 + 3 * number,
        "name": f"Person {number}",
        "short_name": f"P{number}",
        "sortable_name": f"{number}, Person",
        "locale": "de" if number % 4 == 0 else None,
        "time_zone": "Berlin" if number % 4 == 0 else None,
        "workflow_state": "pre_registered" if number % 10 == 0 else "registered",
        "created_at": CREATED,
    }


def _pseudonym(number: int, user_id: int) -> dict[str, Any]:
    return {
        "id": 5000 + number,
        "user_id": user_id,
        "account_id": 1,
        "unique_id": f"Person{number}@example.edu",
        "sis_user_id": f"S{number}" if number % 2 else None,
        "workflow_state": "active",
        "created_at": CREATED,
    }


def _channels(number: int, user_id: int) -> Iterable[dict[str, Any]]:
    first: dict[str, Any] = {
        "id": 20_000 + 10 * number,
        "user_id": user_id,
        "path": f"Person{number}@example.edu",
        "path_type": "email",
        "position": 1,
        "workflow_state": "active",
        "bounce_count": 3 if number % 13 == 0 else 0,
        "last_bounce_at": "2024-05-30T17:00:00Z" if number % 13 == 0 else None,
        "last_bounce_summary": "550 no such user" if number % 13 == 0 else None,
        "created_at": CREATED,
        "updated_at": CREATED,
    }
    yield first
    others = {
        3: {"path": f"+1415{5550000 + number % 10_000}", "path_type": "sms"},
        5: {"path": f"home{number}@example.com", "workflow_state": "unconfirmed"},
        7: {"path": "For All Devices", "path_type": "push"},
        11: {"path": f"old{number}@example.com", "workflow_state": "retired"},
    }
    plain = first | {"bounce_count": 0, "last_bounce_at": None, "last_bounce_summary": None}
    for place, (every, changes) in enumerate(others.items(), 2):
        if number % every == 0:
            yield plain | changes | {"id": first["id"] + place, "position": 2 * place}


def _policies(number: int, channel: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for place, notification_id in enumerate(NOTIFICATIONS):
        yield {
            "id": 10 * channel["id"] + place,
            "communication_channel_id": channel["id"],
            "notification_id": notification_id,
            "frequency": FREQUENCIES[(number + place) % 4],
        }


def write_json_lines(path: Path, rows: Table) -> Path:
    """As ``dap snapshot`` writes them, compressed."""
    path = path.with_suffix(".jsonl.gz")
    with gzip.open(path, "wt", compresslevel=1) as file:
        for row in rows:
            value = {name: value for name, value in row.items() if name != "id"}
            file.write(json.dumps({"key": {"id": row["id"]}, "value": value, "meta": {"ts": CREATED}}) + "\n")
    return path


def write_csv(path: Path, rows: Table) -> Path:
    """As ``dap snapshot --format csv`` writes them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.with_suffix(".csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["meta.ts", *("key.id" if name == "id" else f"value.{name}" for name in names)])
        lines.writerows([CREATED, *(row.get(name) for name in names)] for row in rows)
    return path.with_suffix(".csv")


def options(
    folder: Path, found: Tables, write: Callable[[Path, Table], Path] = write_json_lines
) -> list[str]:
    """Write the tables that have rows; the options of ``import_canvas`` that name them."""
    return [
        text
        for table, rows in found.items()
        if rows
        for text in (f"--{table.replace('_', '-')}", str(write(folder / table, rows)))
    ]
