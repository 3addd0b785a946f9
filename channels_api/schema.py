"""Channels and devices, described for OpenAPI; see ``rest.describe``."""

from typing import Any

from canvas_channels.identity.schema import USER_ID
from canvas_channels.rest.describe import (
    FLAG,
    ID,
    MOMENT,
    NUMBER,
    TEXT,
    Operation,
    Parameter,
    Schema,
    listing,
    nullable,
    record,
    refusal,
)

CHANNELS, DEVICES = "Channels", "Devices"
BASE = "/api/v1/users/{user_id}/communication_channels"
OWN = "/api/v1/users/self/communication_channels"

TYPE: Schema = {"type": "string", "enum": ["email", "sms", "push"]}
CHANNEL: Schema = {"$ref": "#/components/schemas/CommunicationChannel"}
SUCCESS = record(success={"const": True})

CHANNEL_ID = Parameter(
    name="id",
    description="The channel's id.",
    schema={"type": "integer", "minimum": 1, "maximum": 10**18 - 1},
    example=1,
)
ADDRESS = Parameter(
    name="address",
    description="The address, percent-encoded, in any case; it may hold slashes.",
    example="sheldon@caltech.example.com",
)
TYPE_IN_PATH = Parameter(name="type", description="The channel's type.", schema=TYPE, example="email")
PAGE = (
    Parameter(name="page", description="From 1; past the end is an empty list.", schema=NUMBER, example=1),
    Parameter(
        name="per_page",
        description="At most 100; nonsense means the default.",
        schema={**NUMBER, "default": 10},
    ),
)
SKIP_CONFIRMATION = Parameter(
    name="skip_confirmation",
    description="From admins: active at once, and no message. Ignored from others.",
    schema=FLAG,
)
INSTITUTIONAL = Parameter(
    name="communication_channel[institutional]",
    description="Whether the address is the institution's; only admins may say so (403).",
    schema=FLAG,
)

EMAIL: dict[str, Any] = {
    "id": 1,
    "address": "sheldon@caltech.example.com",
    "type": "email",
    "position": 1,
    "user_id": 1,
    "workflow_state": "active",
    "bounce_count": 0,
    "last_bounce_at": None,
    "created_at": "2012-05-30T17:00:00Z",
    "institutional": False,
    "pending_address": None,
}
NEW_EMAIL = {**EMAIL, "id": 2, "address": "new@example.com", "position": 2, "workflow_state": "unconfirmed"}
PUSH = {**EMAIL, "id": 3, "address": "For All Devices", "type": "push", "position": 3}
BOUNCING = {
    **EMAIL,
    "bounce_count": 2,
    "last_bounce_at": "2012-06-01T08:30:00Z",
    "last_bounce_summary": "smtp; 550 5.1.1 user unknown",
    "last_suppression_bounce_at": None,
    "last_transient_bounce_at": None,
    "last_transient_bounce_summary": None,
}
DEVICE = {
    "id": 1,
    "developer_key_name": "Student for iOS",
    "created_at": "2012-05-30T17:00:00Z",
    "last_seen_at": "2012-06-01T08:30:00Z",
}

_DETAIL = "For site admins only."
SCHEMAS: Schema = {
    "CommunicationChannel": record(
        "One of the ways a user is contacted.",
        optional=(
            *("last_bounce_summary", "last_suppression_bounce_at"),
            *("last_transient_bounce_at", "last_transient_bounce_summary"),
        ),
        id=ID,
        address={**TEXT, "description": "The email address, the number in E.164, or `For All Devices`."},
        type=TYPE,
        position={"type": "integer", "minimum": 1, "description": "Its order among the user's channels."},
        user_id=ID,
        workflow_state={
            **TEXT,
            "enum": ["unconfirmed", "active", "retired"],
            "description": "`retired` in the answer to a delete only.",
        },
        bounce_count={
            "type": "integer",
            "minimum": 0,
            "description": "Back to 0 once a message is delivered.",
        },
        last_bounce_at=nullable(MOMENT),
        created_at=MOMENT,
        institutional={**FLAG, "description": "Whether the address is the institution's."},
        pending_address={**nullable(TEXT), "description": "A new address that waits to be confirmed."},
        last_bounce_summary={**nullable(TEXT), "description": _DETAIL},
        last_suppression_bounce_at={**nullable(MOMENT), "description": _DETAIL},
        last_transient_bounce_at={**nullable(MOMENT), "description": _DETAIL},
        last_transient_bounce_summary={**nullable(TEXT), "description": _DETAIL},
    ),
    "Device": record(
        "A device that an app registered. Never its token: whoever has that can be sent to.",
        id=ID,
        developer_key_name={**TEXT, "description": "The app."},
        created_at={**MOMENT, "description": "When its present owner registered it."},
        last_seen_at={**MOMENT, "description": "When its app last registered it."},
    ),
}

_DUPLICATE = {"The user has that address already": refusal("path", "unique!", "unique!")}
_ADDRESSES = {
    "No email address": refusal("address", "invalid", "is not a valid email address"),
    "A number in a country that is not texted": refusal(
        "address", "country_not_allowed", "is in a country that no text messages are sent to"
    ),
}

OPERATIONS = {
    f"GET {BASE}": Operation(
        id="list_communication_channels",
        tag=CHANNELS,
        summary="List a user's channels",
        description="Those that are not retired, by position, then id. For the user, and admins over them.",
        path={"user_id": USER_ID},
        parameters=(
            *PAGE,
            Parameter(name="type", description="Only those of a type.", schema=TYPE),
            Parameter(
                name="workflow_state",
                description="Only those in a state.",
                schema={**TEXT, "enum": ["unconfirmed", "active"]},
            ),
            Parameter(name="search", description="A part of the address, in any case.", example="caltech"),
        ),
        answer=listing(CHANNEL),
        examples={"For the user": [EMAIL, NEW_EMAIL, PUSH], "For a site admin": [BOUNCING]},
        headers=("Link",),
        refusals={
            "An unknown value of a filter": refusal("type", "invalid_choice", "Select a valid choice.")
        },
    ),
    f"POST {BASE}": Operation(
        id="create_communication_channel",
        tag=CHANNELS,
        summary="Add a channel",
        description="A confirmation message is sent to an email address or number, which is unconfirmed "
        "until then. `push` registers a device: one channel stands for all of a user's devices. It needs an "
        "access token of a developer key that is configured for it, and is for oneself only (403). A channel "
        "of that address that was retired comes back. Beyond the limits on messages: 429, and nothing made.",
        path={"user_id": USER_ID},
        parameters=(
            Parameter(
                name="communication_channel[type]", description="Required.", schema=TYPE, example="email"
            ),
            Parameter(
                name="communication_channel[address]",
                description="Required but for `push`: an email address, or a phone number with its country "
                "code or as the account's region writes it.",
                example="new@example.com",
            ),
            Parameter(
                name="communication_channel[token]",
                description="Required for `push`: the device token from Apple or Google.",
            ),
            INSTITUTIONAL,
            SKIP_CONFIRMATION,
        ),
        body_example={"communication_channel": {"type": "email", "address": "new@example.com"}},
        answer=CHANNEL,
        examples={"An email address": NEW_EMAIL, "A device": PUSH},
        refusals={
            "No such type": refusal("type", "inclusion", "must be email, sms or push"),
            **_DUPLICATE,
            **_ADDRESSES,
            "As many as the account allows": {
                "errors": {"type": "Maximum number of communication channels reached"}
            },
            "A hundred channels": refusal("user_id", "too_many", "has 100 communication channels already"),
            "A device without an access token": {
                "errors": {"type": "Push is only supported when using an access token"}
            },
            "A device of a key without SNS": {
                "errors": {"type": "SNS is not configured for this developer key"}
            },
            "No device token of the key's platform": refusal(
                "token", "invalid", "is not a device token of APNS"
            ),
        },
    ),
    f"PUT {BASE}/{{id}}": Operation(
        id="update_communication_channel",
        tag=CHANNELS,
        summary="Change a channel's address or position",
        description="All or nothing; what is absent, null or the same is left alone. The new address of an "
        "active channel waits in `pending_address` until it is confirmed. Not in Canvas.",
        path={"user_id": USER_ID, "id": CHANNEL_ID},
        parameters=(
            Parameter(
                name="communication_channel[address]",
                description="The new address.",
                example="new@example.com",
            ),
            Parameter(
                name="communication_channel[position]",
                description="From 1; beyond the last means the last.",
                schema={"type": "integer", "minimum": 1},
            ),
            INSTITUTIONAL,
            SKIP_CONFIRMATION,
        ),
        body_example={"communication_channel": {"position": 1}},
        answer=CHANNEL,
        examples={"A new address": {**EMAIL, "pending_address": "new@example.com"}, "A new position": EMAIL},
        refusals={
            "Nothing to change": refusal(
                "communication_channel", "blank", "needs an address, a position or institutional"
            ),
            "No position": refusal("position", "invalid", "must be a whole number from 1"),
            "The institution's address comes first": refusal(
                "position", "reserved", "the first position is the institution's address's"
            ),
            **_DUPLICATE,
            **_ADDRESSES,
        },
    ),
    f"DELETE {BASE}/{{id}}": Operation(
        id="delete_communication_channel",
        tag=CHANNELS,
        summary="Delete a channel",
        description="Retires it; `push` unregisters all devices. 404 where it is gone already, 403 where the "
        "institution imported the address and does not let it be deleted.",
        path={"user_id": USER_ID, "id": CHANNEL_ID},
        answer=CHANNEL,
        example={**EMAIL, "workflow_state": "retired"},
    ),
    f"DELETE {BASE}/{{type}}/{{address}}": Operation(
        id="delete_communication_channel_by_address",
        tag=CHANNELS,
        summary="Delete a channel, named by its address",
        description="As by its id.",
        path={"user_id": USER_ID, "type": TYPE_IN_PATH, "address": ADDRESS},
        answer=CHANNEL,
        example={**EMAIL, "workflow_state": "retired"},
    ),
    f"POST {BASE}/{{id}}": Operation(
        id="reset_bounce_count",
        tag=CHANNELS,
        summary="Set a channel's bounce count to 0",
        description="For site admins.",
        path={"user_id": USER_ID, "id": CHANNEL_ID},
        answer=CHANNEL,
        example={**BOUNCING, "bounce_count": 0},
    ),
    f"DELETE {OWN}/push": Operation(
        id="delete_push_token",
        tag=DEVICES,
        summary="Unregister a device by its token",
        description="Known or not, the answer is the same; the push channel stays. 404 without one.",
        parameters=(
            Parameter(
                name="push_token", description="Required: the device token, in any case.", example="ab12"
            ),
        ),
        body_example={"push_token": "AB12"},
        answer=SUCCESS,
        example={"success": True},
        refusals={"No token": refusal("push_token", "blank", "can't be blank")},
    ),
    f"GET {OWN}/push/devices": Operation(
        id="list_devices",
        tag=DEVICES,
        summary="List one's own devices",
        description="Never while acting as somebody (403). Not in Canvas.",
        parameters=PAGE,
        answer=listing({"$ref": "#/components/schemas/Device"}),
        example=[DEVICE],
        headers=("Link",),
    ),
    f"DELETE {OWN}/push/devices/{{id}}": Operation(
        id="delete_device",
        tag=DEVICES,
        summary="Unregister a device of one's own",
        description="Never while acting as somebody (403). Not in Canvas.",
        path={
            "id": Parameter(name="id", description="The device's id.", schema=CHANNEL_ID.schema, example=1)
        },
        answer=SUCCESS,
        example={"success": True},
    ),
}
