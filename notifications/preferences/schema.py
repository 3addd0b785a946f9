"""Notification preferences, described for OpenAPI; see ``rest.describe``."""

from collections.abc import Mapping
from dataclasses import replace

from canvas_channels.identity.schema import ACCOUNT_ID, USER_ID
from canvas_channels.rest.describe import (
    FLAG,
    TEXT,
    Operation,
    Parameter,
    Schema,
    envelope,
    listing,
    record,
    refusal,
    slug,
)
from channels_api.schema import ADDRESS, BASE, CHANNEL_ID, TYPE, TYPE_IN_PATH
from notifications.preferences.parsing import DEFAULTS, PREFERENCES

TAG = "Notification preferences"
FREQUENCY: Schema = {"type": "string", "enum": ["immediately", "daily", "weekly", "never"]}

SCHEMAS: Schema = {
    "NotificationPreference": record(
        "How often a channel gets a notification.", notification=TEXT, category=TEXT, frequency=FREQUENCY
    ),
    "NotificationPreferenceDefault": record(
        "How often channels of a type get a category's notifications, unless their owners choose.",
        category=TEXT,
        type=TYPE,
        frequency=FREQUENCY,
        inherited={**FLAG, "description": "The account has set nothing: the service's own default counts."},
    ),
}

_ENVELOPE = envelope(PREFERENCES, {"$ref": "#/components/schemas/NotificationPreference"})
_EXAMPLE = {
    PREFERENCES: [{"notification": "new_announcement", "category": "announcement", "frequency": "daily"}]
}
_DEFAULTS = envelope(DEFAULTS, {"$ref": "#/components/schemas/NotificationPreferenceDefault"})
_DEFAULTS_EXAMPLE = {
    DEFAULTS: [{"category": "announcement", "type": "email", "frequency": "daily", "inherited": False}]
}
_BAD_FREQUENCY = {
    "No frequency": refusal("frequency", "inclusion", "must be one of immediately, daily, weekly, never")
}
_NONE = {"Nothing to set": refusal(PREFERENCES, "blank", "can't be blank")}

_CHOICE = record(frequency=FREQUENCY)
_ONE = (
    Parameter(name=f"{PREFERENCES}[frequency]", description="Required.", schema=FREQUENCY, example="daily"),
)
_MANY = (
    Parameter(
        name=f"{PREFERENCES}[new_announcement][frequency]",
        description="One for each notification to set, whose name stands in place of `new_announcement`.",
        schema=FREQUENCY,
        example="daily",
    ),
)
_ONE_BODY: Schema = {
    "type": "object",
    "properties": {PREFERENCES: {"anyOf": [_CHOICE, {**listing(_CHOICE), "maxItems": 1}]}},
}
_MANY_BODY: Schema = {
    "type": "object",
    "properties": {
        PREFERENCES: {
            "anyOf": [
                {"type": "object", "additionalProperties": _CHOICE},
                listing(record(notification=TEXT, frequency=FREQUENCY)),
            ]
        }
    },
}
_OWN = "All or nothing. For the user, and for admins who act as them; `self` or one's own id."


def _operations(channel: str, path: Mapping[str, Parameter], by: str = "") -> dict[str, Operation]:
    """Below a channel, as its path names it."""
    notification = Parameter(name="notification", description="Its name.", example="new_announcement")
    category = Parameter(name="category", description="Its name.", example="announcement")
    base = f"{BASE}/{channel}"
    suffix, words = (f"_{slug(by)}", f", {by}") if by else ("", "")
    return {
        f"GET {base}/notification_preferences": Operation(
            id=f"list_notification_preferences{suffix}",
            tag=TAG,
            summary=f"List how often a channel gets each notification{words}",
            path=path,
            answer=_ENVELOPE,
            example=_EXAMPLE,
        ),
        f"PUT {base}/notification_preferences": Operation(
            id=f"update_notification_preferences{suffix}",
            tag=TAG,
            summary=f"Set how often a channel gets some notifications{words}",
            description=f"{_OWN} Answers those that were set.",
            path=path,
            parameters=_MANY,
            body=_MANY_BODY,
            body_example={PREFERENCES: {"new_announcement": {"frequency": "daily"}}},
            answer=_ENVELOPE,
            example=_EXAMPLE,
            refusals={**_NONE, **_BAD_FREQUENCY},
        ),
        f"GET {base}/notification_preferences/{{notification}}": Operation(
            id=f"get_notification_preference{suffix}",
            tag=TAG,
            summary=f"Show how often a channel gets a notification{words}",
            path={**path, "notification": notification},
            answer=_ENVELOPE,
            example=_EXAMPLE,
        ),
        f"PUT {base}/notification_preferences/{{notification}}": Operation(
            id=f"update_notification_preference{suffix}",
            tag=TAG,
            summary=f"Set how often a channel gets a notification{words}",
            description=_OWN,
            path={**path, "notification": notification},
            parameters=_ONE,
            body=_ONE_BODY,
            body_example={PREFERENCES: [{"frequency": "daily"}]},
            answer=_ENVELOPE,
            example=_EXAMPLE,
            refusals=_BAD_FREQUENCY,
        ),
        f"GET {base}/notification_preference_categories": Operation(
            id=f"list_notification_preference_categories{suffix}",
            tag=TAG,
            summary=f"List the categories of notifications{words}",
            path=path,
            answer=record(categories=listing(TEXT)),
            example={"categories": ["announcement", "due_date"]},
        ),
        f"PUT {base}/notification_preference_categories/{{category}}": Operation(
            id=f"update_notification_preference_category{suffix}",
            tag=TAG,
            summary=f"Set how often a channel gets the notifications of a category{words}",
            description=f"{_OWN} Answers all of the category.",
            path={**path, "category": category},
            parameters=_ONE,
            body=_ONE_BODY,
            body_example={PREFERENCES: {"frequency": "daily"}},
            answer=_ENVELOPE,
            example=_EXAMPLE,
            refusals=_BAD_FREQUENCY,
        ),
    }


_BY_ID = {
    "user_id": USER_ID,
    "communication_channel_id": replace(CHANNEL_ID, name="communication_channel_id"),
}
_BY_ADDRESS = {"user_id": USER_ID, "type": TYPE_IN_PATH, "address": ADDRESS}
_ACCOUNT = "/api/v1/accounts/{account_id}/notification_preference_defaults"

OPERATIONS = {
    **_operations("{communication_channel_id}", _BY_ID),
    **_operations("{type}/{address}", _BY_ADDRESS, "by address"),
    f"GET {_ACCOUNT}": Operation(
        id="list_notification_preference_defaults",
        tag=TAG,
        summary="List an account's defaults",
        description="Each category with each type of channel. For admins of the account. Not in Canvas.",
        path={"account_id": ACCOUNT_ID},
        answer=_DEFAULTS,
        example=_DEFAULTS_EXAMPLE,
    ),
    f"PUT {_ACCOUNT}": Operation(
        id="update_notification_preference_defaults",
        tag=TAG,
        summary="Set an account's defaults",
        description="All or nothing; answers those that were set. What users chose stays. Not in Canvas.",
        path={"account_id": ACCOUNT_ID},
        parameters=(
            Parameter(
                name=f"{DEFAULTS}[announcement][email][frequency]",
                description="One for each category and type, in place of `announcement` and `email`.",
                schema=FREQUENCY,
                example="daily",
            ),
            Parameter(
                name="apply_to_existing",
                description="For all channels; else only for those that are made from now on.",
                schema=FLAG,
            ),
        ),
        body={
            "type": "object",
            "properties": {
                DEFAULTS: {
                    "anyOf": [
                        {
                            "type": "object",
                            "additionalProperties": {"type": "object", "additionalProperties": _CHOICE},
                        },
                        listing(record(category=TEXT, type=TYPE, frequency=FREQUENCY)),
                    ]
                },
                "apply_to_existing": FLAG,
            },
        },
        body_example={DEFAULTS: {"announcement": {"email": {"frequency": "daily"}}}},
        answer=_DEFAULTS,
        example=_DEFAULTS_EXAMPLE,
        refusals={
            "Nothing to set": refusal(DEFAULTS, "blank", "can't be blank"),
            "No type of channel": refusal("type", "inclusion", "must be email, sms or push"),
            **_BAD_FREQUENCY,
        },
    ),
}
